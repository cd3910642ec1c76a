import { z } from 'zod'
import { type OutgoingWebhook, type Script, type ScriptContext } from './event.js'
import { hexId, plainId } from './ids.js'

/** POST /__sim/webhooks/elevenlabs: the life of a conversation, or a call that never began. */
export const elevenlabsSchema = z.strictObject({
  conversation_id: z.string().min(1).max(200).optional(),
  agent_id: z.string().min(1).max(200).optional(),
  result: z.enum(['done', 'voicemail', 'failed', 'busy', 'no-answer', 'unknown']).default('done'),
  duration_seconds: z.int().min(0).max(86_400).default(61),
  /** By telephone; a call that does not begin is always one. */
  phone: z.enum(['twilio', 'sip']).nullable().default(null),
  audio: z.boolean().default(true),
  audio_bytes: z.int().min(1).max(33_554_432).default(2048),
  dynamic_variables: z.record(z.string(), z.unknown()).default({}),
  span_ms: z.number().min(0).max(600_000).default(2000),
})
export type ElevenLabsLife = z.output<typeof elevenlabsSchema>
type Input = ElevenLabsLife

const neverBegan: ReadonlySet<string> = new Set(['busy', 'no-answer', 'unknown'])
const outcomes: Record<Input['result'], string> = {
  done: 'completed',
  voicemail: 'completed',
  failed: 'failed',
  busy: 'busy',
  'no-answer': 'no_answer',
  unknown: 'failed',
}
const unix = (ms: number) => Math.floor(ms / 1000)

/** A conversation's webhooks, and the conversation as GET answers it: without an analysis until it is done. */
export function elevenlabsScript(input: Input, context: ScriptContext): Script {
  const { now, random } = context
  const id = input.conversation_id ?? plainId('conv_', 24)
  const agent = input.agent_id ?? context.accounts.elevenlabsAgent
  const endedAt = now + input.span_ms / 2
  if (neverBegan.has(input.result)) return failureScript(input, { id, agent, endedAt })
  const startedAt = endedAt - input.duration_seconds * 1000
  const known = { agent_id: agent, agent_name: 'Interviewer', conversation_id: id, user_id: null }
  const done = { ...known, ...finished(input, startedAt) }
  const transcription = webhook('post_call_transcription', id, endedAt + 2000, done)
  const audio = audioWebhook(input, { id, agent, endedAt })
  // Either may come first.
  const last = input.audio ? (random() < 0.5 ? [transcription, audio] : [audio, transcription]) : [transcription]
  const timeline = [
    { afterMs: 0, state: { ...known, ...begun(startedAt) } },
    { afterMs: input.span_ms / 2, state: processing },
    { afterMs: input.span_ms * 0.7, state: done },
  ]
  return {
    steps: last.map((one, index) => ({ afterMs: Math.round(input.span_ms * (0.8 + 0.2 * index)), webhook: one })),
    subjects: [{ externalId: id, expected: expectedOf(input, 'post_call_transcription'), timeline }],
  }
}

/** What must have become of it. */
export const expectedOf = ({ result, duration_seconds }: Input, decidedBy: string) => ({
  outcome: [outcomes[result]],
  ...(neverBegan.has(result) ? {} : { durationSeconds: duration_seconds }),
  decidedBy,
})

/** Hung up, and not analysed yet. */
export const processing = { status: 'processing', transcript: [], analysis: null }

/** While they talk. */
export const begun = (startedAt: number) => ({
  status: 'in-progress',
  transcript: [],
  metadata: { start_time_unix_secs: unix(startedAt), call_duration_secs: 0, cost: null, termination_reason: '' },
  analysis: null,
})

/** Once the analysis is done. */
export function finished(input: Input, startedAt: number) {
  const failed = input.result === 'failed'
  return {
    branch_id: null,
    version_id: null,
    environment: 'production',
    status: failed ? 'failed' : 'done',
    has_audio: input.audio,
    has_user_audio: input.audio,
    has_response_audio: input.audio,
    transcript: transcriptOf(input.duration_seconds),
    metadata: {
      start_time_unix_secs: unix(startedAt),
      accepted_time_unix_secs: unix(startedAt),
      call_duration_secs: input.duration_seconds,
      queue_wait_secs: null,
      cost: input.duration_seconds * 5,
      cost_fiat: null,
      termination_reason: failed ? '' : 'Call ended by remote party',
      error: failed ? { code: 1011, reason: 'internal error' } : null,
      authorization_method: 'signed_url',
      main_language: 'en',
      charging: {},
      warnings: [],
      ...(input.phone === null ? {} : { phone_call: phoneCall(input) }),
    },
    analysis: failed
      ? null
      : {
          call_successful: 'success',
          transcript_summary: 'They agreed on Thursday.',
          evaluation_criteria_results: {},
          data_collection_results: {},
        },
    conversation_initiation_client_data: {
      conversation_config_override: null,
      dynamic_variables: input.dynamic_variables,
    },
  }
}

const phoneCall = ({ phone, result }: Input) => ({
  type: phone === 'sip' ? 'sip_trunking' : 'twilio',
  direction: 'outbound',
  phone_number_id: 'phnum_simulated',
  agent_number: '+15005550006',
  external_number: '+15005550010',
  call_result: result === 'voicemail' ? 'voicemail' : 'answered',
  call_sid: hexId('CA'),
})

const turn = (role: 'agent' | 'user', message: string | null, at: number) => ({
  role,
  message,
  tool_calls: null,
  tool_results: null,
  feedback: null,
  time_in_call_secs: at,
  interrupted: false,
  conversation_turn_metrics: null,
})

const transcriptOf = (seconds: number) => [
  turn('agent', 'Hello, shall we begin?', 0),
  turn('user', 'Yes, très bien – let’s go 👍', Math.min(3, seconds)),
  turn('agent', null, Math.min(5, seconds)),
  turn('agent', 'When would suit you?', Math.min(6, seconds)),
  turn('user', 'Thursday.', Math.min(9, seconds)),
]

/** One event in its envelope. */
export function webhook(type: string, id: string, at: number, data: object): OutgoingWebhook {
  return {
    kind: type,
    externalId: id,
    path: '/webhooks/elevenlabs',
    contentType: 'application/json',
    body: JSON.stringify({ type, event_timestamp: unix(at), data }),
  }
}

interface Named {
  id: string
  agent: string
  endedAt: number
}

/** A recording of so many bytes. */
export const audioOf = (bytes: number) => Buffer.alloc(bytes, 'ID3 simulated ')

/** The recording, which is sent in pieces. */
export function audioWebhook(input: Input, { id, agent, endedAt }: Named): OutgoingWebhook {
  const full_audio = audioOf(input.audio_bytes).toString('base64')
  const data = { agent_id: agent, conversation_id: id, full_audio }
  return { ...webhook('post_call_audio', id, endedAt + 3000, data), chunked: true }
}

function failureScript(input: Input, { id, agent, endedAt }: Named): Script {
  const { result: failure_reason } = input
  const data = { agent_id: agent, conversation_id: id, failure_reason, metadata: failureMetadata(input) }
  const failed = { agent_id: agent, conversation_id: id, status: 'failed', transcript: [], analysis: null }
  const metadata = {
    start_time_unix_secs: unix(endedAt),
    call_duration_secs: 0,
    error: null,
    phone_call: { call_result: failure_reason.replace('-', '_') },
  }
  return {
    steps: [{ afterMs: Math.round(input.span_ms / 2), webhook: webhook('call_initiation_failure', id, endedAt, data) }],
    subjects: [
      {
        externalId: id,
        expected: expectedOf(input, 'call_initiation_failure'),
        timeline: [{ afterMs: Math.round(input.span_ms / 2), state: { ...failed, metadata } }],
      },
    ],
  }
}

function failureMetadata({ phone, result }: Input) {
  const busy = result === 'busy'
  if (phone === 'sip') {
    const [sip_status_code, sip_status] = busy ? [486, 'Busy here'] : [480, 'Temporarily unavailable']
    const error_reason = `INVITE failed: sip status: ${sip_status_code}: ${sip_status} (SIP ${sip_status_code})`
    const body = {
      from_number: '+15005550006',
      to_number: '+15005550010',
      sip_status_code,
      error_reason,
      call_sid: hexId(''),
      sip_status,
      twirp_code: 'unavailable',
    }
    return { type: 'sip', body }
  }
  const body = {
    CallSid: hexId('CA'),
    CallStatus: result === 'unknown' ? 'failed' : result,
    SipResponseCode: busy ? '486' : '487',
    To: '+15005550010',
    From: '+15005550006',
    CallDuration: '0',
  }
  return { type: 'twilio', body }
}
