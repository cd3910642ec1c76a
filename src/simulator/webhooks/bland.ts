import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { type OutgoingWebhook, type Script, type ScriptContext } from './event.js'

/** POST /__sim/webhooks/bland: a call's report, and the second one that corrects it. */
export const blandSchema = z.strictObject({
  call_id: z.string().min(1).max(200).optional(),
  metadata: z.record(z.string(), z.unknown()).default({}),
  inbound: z.boolean().default(false),
  from: z.string().default('+15005550006'),
  to: z.string().default('+15005550010'),
  result: z.enum(['completed', 'voicemail', 'busy', 'no-answer', 'canceled', 'failed']).default('completed'),
  duration_seconds: z.int().min(0).max(86_400).default(61),
  recording: z.boolean().default(true),
  /** Later deliveries of the same call, by their event_type. */
  later: z
    .array(z.enum(['citations', 'post_transfer_transcript', 'live_translation_transcript', 'multiple']))
    .max(4)
    .default(['citations']),
  /** Events while the call goes on, to the same address. */
  live: z.boolean().default(false),
  span_ms: z.number().min(0).max(600_000).default(2000),
})
type Input = z.output<typeof blandSchema>

const outcomes: Record<Input['result'], string> = {
  completed: 'completed',
  voicemail: 'completed',
  busy: 'busy',
  'no-answer': 'no_answer',
  canceled: 'no_answer',
  failed: 'failed',
}

/** Deliveries of one call: flat, and without an envelope. */
export function blandScript(input: Input, { now }: ScriptContext): Script {
  const callId = input.call_id ?? randomUUID()
  const call = callOf(input, { callId, endedAt: now + input.span_ms / 2 })
  const post = webhook('post_call', callId, call)
  const later = input.later.map((type) => webhook(type, callId, { ...call, ...correction(input), event_type: type }))
  const live = input.live ? [webhook('live', callId, liveEvent(callId, now))] : []
  const all = [...live, post, ...later]
  const steps = all.map((one, index) => ({
    afterMs: Math.round((input.span_ms / all.length) * (index + 1)),
    webhook: one,
  }))
  return { steps, subjects: [{ externalId: callId, expected: expectedOf(input), timeline: [] }] }
}

const expectedOf = ({ result, duration_seconds, recording }: Input) => ({
  outcome: [outcomes[result]],
  ...(result === 'completed' ? { durationSeconds: duration_seconds, recording } : {}),
  decidedBy: 'post_call',
})

function callOf(input: Input, { callId, endedAt }: { callId: string; endedAt: number }) {
  const talked = input.result === 'completed' || input.result === 'voicemail'
  const seconds = talked ? input.duration_seconds : 0
  const startedAt = endedAt - seconds * 1000
  const iso = (ms: number) => new Date(ms).toISOString()
  return {
    call_id: callId,
    c_id: callId,
    to: input.to,
    from: input.from,
    inbound: input.inbound,
    created_at: iso(startedAt - 20_000),
    started_at: talked ? iso(startedAt) : null,
    // The deadline, not the end (docs.bland.ai/api-v1/get/calls-id).
    end_at: iso(startedAt + 1_800_000),
    call_length: Math.round((seconds / 60) * 100) / 100,
    corrected_duration: String(seconds),
    max_duration: 30,
    completed: talked,
    queue_status: input.result === 'failed' ? 'call_error' : 'complete',
    status: input.result === 'voicemail' ? 'completed' : input.result,
    answered_by: answeredBy(input.result),
    call_ended_by: talked ? 'ASSISTANT' : null,
    error_message: input.result === 'failed' ? 'The number could not be reached' : null,
    transferred_to: null,
    batch_id: null,
    pathway_id: null,
    record: input.recording,
    recording_url: talked && input.recording ? `https://example.com/bland/${callId}.mp3` : null,
    summary: talked ? 'Booked for Thursday.' : null,
    price: Math.round(seconds * 0.15) / 100,
    variables: {},
    metadata: input.metadata,
    request_data: {},
    transcripts: talked ? transcript(iso(startedAt)) : [],
    concatenated_transcript: talked ? 'assistant: Hello. \n user: Hi, Thursday please. ' : '',
  }
}

const answeredBy = (result: Input['result']) =>
  result === 'completed' ? 'human' : result === 'voicemail' ? 'voicemail' : result === 'no-answer' ? 'no-answer' : null

const transcript = (created_at: string) => [
  { id: 1, user: 'assistant', text: 'Hello.', created_at },
  { id: 2, user: 'user', text: 'Hi, Thursday please.', created_at },
]

/** What the second delivery adds, 30 to 60 s after the first. */
const correction = ({ result }: Input) => ({
  corrected_transcript: result === 'completed' ? [{ user: 'user', text: 'Hi. Thursday, please.' }] : [],
  citations: [{ quote: 'Thursday, please.', line: 2 }],
})

const liveEvent = (call_id: string, at: number) => ({
  level: 'info',
  category: 'call',
  message: 'The call was answered',
  call_id,
  timestamp: new Date(at).toISOString(),
})

function webhook(kind: string, callId: string, fields: object): OutgoingWebhook {
  return {
    kind,
    externalId: callId,
    path: '/webhooks/bland',
    contentType: 'application/json',
    headers: { 'user-agent': 'axios/1.7' },
    body: JSON.stringify(fields),
  }
}
