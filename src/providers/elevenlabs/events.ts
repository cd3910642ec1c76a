import type { SessionEvent, TranscriptEntry } from '../../domain/event.js'
import type { SessionFacts, ShutdownReason } from '../../domain/session.js'
import { type Fields, fieldsOf } from '../json.js'
import { utcMicroseconds } from '../timestamp.js'
import { usageOf } from './usage.js'

/** How a conversation of ElevenLabs came out; `voicemail` was answered by a machine. */
export type ElevenLabsOutcome = 'completed' | 'voicemail' | 'no_answer' | 'busy' | 'failed'

const types: ReadonlySet<unknown> = new Set(['post_call_transcription', 'post_call_audio', 'call_initiation_failure'])

/** Whether an event of the type changes a session; the others are recorded. */
export const isKnownType = (type: unknown): boolean => types.has(type)

const noTime = '1970-01-01T00:00:00.000000Z'

/** What a session's row makes of an outcome: nobody at the other end is a conversation that failed. */
const reasons: Readonly<Record<ElevenLabsOutcome, ShutdownReason>> = {
  completed: 'other',
  voicemail: 'other',
  no_answer: 'could_not_join',
  busy: 'could_not_join',
  failed: 'internal_error',
}

type Said = Pick<SessionEvent, 'kind'> & Partial<SessionEvent>

/** What a webhook, or a conversation that was asked for, says of its session. Any JSON has an answer. */
export function normaliseElevenLabsEvent(value: unknown): SessionEvent {
  const event = fieldsOf(value)
  const at = utcMicroseconds(momentOf(event.event_timestamp))
  return { at: at ?? noTime, facts: {}, ...read(event, fieldsOf(event.data), at) }
}

/** What a conversation that is over says of its course; empty without times of its own. */
export const factsOfConversation = (conversation: Fields): SessionFacts =>
  transcription(conversation, undefined).facts ?? {}

function read(event: Fields, data: Fields, at: string | undefined): Said {
  switch (event.type) {
    case 'post_call_transcription':
      return transcription(data, at)
    case 'post_call_audio':
      return audio(data)
    case 'call_initiation_failure':
      return initiationFailure(data, at)
    default:
      return { kind: 'other' }
  }
}

function transcription(data: Fields, at: string | undefined): Said {
  const metadata = fieldsOf(data.metadata)
  const start = momentOf(metadata.start_time_unix_secs)
  const seconds = secondsOf(metadata.call_duration_secs)
  const joinedAt = utcMicroseconds(start)
  // Without a duration it is over all the same: this is sent after the end.
  const shutdownAt = (start === undefined || seconds === undefined ? undefined : utcMicroseconds(start + seconds)) ?? at
  const outcome = outcomeOf(data, metadata)
  const transcript = transcriptOf(data.transcript, start)
  return {
    kind: 'transcript',
    facts: {
      ...(joinedAt === undefined ? {} : { createdAt: joinedAt, joinedAt }),
      ...(shutdownAt === undefined ? {} : { shutdownAt, shutdownReason: reasons[outcome] }),
    },
    ...(transcript ? { transcript } : {}),
    usage: usageOf(metadata),
    metadata: defined({
      outcome,
      cost: finite(metadata.cost),
      termination_reason: text(metadata.termination_reason),
      error: errorOf(metadata.error),
      call_result: text(fieldsOf(metadata.phone_call).call_result),
      call_successful: text(fieldsOf(data.analysis).call_successful),
      transcript_summary: text(fieldsOf(data.analysis).transcript_summary, 5000),
    }),
  }
}

function outcomeOf(data: Fields, metadata: Fields): ElevenLabsOutcome {
  const result = fieldsOf(metadata.phone_call).call_result
  if (data.status === 'failed' || (metadata.error !== null && metadata.error !== undefined))
    return refusal(result) ?? 'failed'
  return result === 'voicemail' ? 'voicemail' : (refusal(result) ?? 'completed')
}

/** The failure event writes no-answer, the conversation no_answer. */
function refusal(word: unknown): 'busy' | 'no_answer' | 'failed' | undefined {
  if (word === 'busy') return 'busy'
  if (word === 'no-answer' || word === 'no_answer') return 'no_answer'
  return word === 'failed' || word === 'unknown' ? 'failed' : undefined
}

function audio(data: Fields): Said {
  const { conversation_id: id, full_audio: location } = data
  const ours = typeof location === 'string' && typeof id === 'string' && location.startsWith(`artefact://${id}/`)
  return ours ? { kind: 'recording', recordingUrl: location } : { kind: 'other' }
}

/** An outbound call that never came about; no transcription follows. */
function initiationFailure(data: Fields, at: string | undefined): Said {
  const { type, body } = fieldsOf(data.metadata)
  const { sip_status_code: sip, SipResponseCode: twilio, error_reason: reason } = fieldsOf(body)
  const code = [sip, Number(twilio)].find((one) => typeof one === 'number' && Number.isInteger(one))
  return {
    kind: 'shutdown',
    facts: at === undefined ? {} : { shutdownAt: at, shutdownReason: 'could_not_join' },
    metadata: defined({
      outcome: refusal(data.failure_reason) ?? 'failed',
      failure_reason: text(data.failure_reason),
      failure_source: text(type),
      failure_detail: text(reason),
      sip_status_code: code,
    }),
  }
}

/** Undefined when the provider was told to leave it out; turns of tools have no message. */
function transcriptOf(value: unknown, start: number | undefined): TranscriptEntry[] | undefined {
  if (!Array.isArray(value)) return undefined
  return value.flatMap((item) => {
    const { role, message, time_in_call_secs: time } = fieldsOf(item)
    if ((role !== 'agent' && role !== 'user') || typeof message !== 'string') return []
    const seconds = secondsOf(time)
    const at = start === undefined || seconds === undefined ? undefined : utcMicroseconds(start + seconds)
    return {
      role: role === 'agent' ? ('assistant' as const) : ('user' as const),
      content: message,
      ...(at === undefined ? {} : { at }),
      ...(seconds === undefined ? {} : { seconds_from_start: seconds }),
    }
  })
}

function errorOf(value: unknown): object | undefined {
  const { code, reason } = fieldsOf(value)
  const known = defined({ code: finite(code), reason: text(reason) })
  return Object.keys(known).length > 0 ? known : undefined
}

const finite = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined)
const secondsOf = (value: unknown) => (typeof value === 'number' && value >= 0 && value < 1e7 ? value : undefined)

/** Unix seconds of this age, 2001 to 2065; an older description of the envelope has them as text. */
function momentOf(value: unknown): number | undefined {
  const seconds = typeof value === 'string' && /^\d{10}$/.test(value) ? Number(value) : value
  return typeof seconds === 'number' && seconds >= 1e9 && seconds <= 3e9 ? seconds : undefined
}

const text = (value: unknown, maxLength = 300): string | undefined =>
  typeof value === 'string' && value !== '' ? value.slice(0, maxLength) : undefined

const defined = (fields: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
