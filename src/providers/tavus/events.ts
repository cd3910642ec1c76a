import type { SessionEvent } from '../../domain/event.js'
import { type Fields, fieldsOf } from '../json.js'
import { utcMicroseconds } from '../timestamp.js'
import { shutdownReason } from './shutdown-reason.js'
import { transcriptOf } from './transcript.js'

/** Renamed in 2026; for a while both are sent for one joining, with the same payload. */
const renamed: Readonly<Record<string, string>> = { 'system.pal_joined': 'system.replica_joined' }

/** The event type under its first name. */
export const canonicalType = (eventType: string): string =>
  Object.hasOwn(renamed, eventType) ? (renamed[eventType] ?? eventType) : eventType

const noTime = '1970-01-01T00:00:00.000000Z'

/** What a callback, or an entry of `?verbose=true`, says of its session. Any JSON has an answer. */
export function normaliseTavusEvent(value: unknown): SessionEvent {
  const event = fieldsOf(value)
  const at = utcMicroseconds(event.timestamp)
  const type = typeof event.event_type === 'string' ? canonicalType(event.event_type) : ''
  return { at: at ?? noTime, facts: {}, ...read(type, event, at) }
}

function read(type: string, event: Fields, at: string | undefined): Pick<SessionEvent, 'kind'> & Partial<SessionEvent> {
  const properties = fieldsOf(event.properties)
  switch (type) {
    case 'system.replica_joined':
      // Without a time of its own it says nothing that the row could keep.
      return at === undefined ? { kind: 'other' } : { kind: 'joined', facts: { joinedAt: at } }
    case 'system.participant_joined':
      return { kind: 'participant_joined' }
    case 'system.shutdown':
      return at === undefined ? { kind: 'other' } : shutdown(event, properties, at)
    case 'application.transcription_ready':
      return { kind: 'transcript', transcript: transcriptOf(properties.transcript) }
    case 'application.recording_ready':
      return recording(properties)
    default:
      return { ...remark(type, properties, at) }
  }
}

function shutdown(event: Fields, properties: Fields, at: string) {
  // Callbacks have shutdown_reason, the official verbose example has reason.
  const raw = [properties.shutdown_reason, properties.reason, event.shutdown_reason].find(
    (text) => typeof text === 'string',
  )
  if (typeof raw !== 'string')
    return { kind: 'shutdown' as const, facts: { shutdownAt: at, shutdownReason: 'other' as const } }
  return {
    kind: 'shutdown' as const,
    facts: { shutdownAt: at, shutdownReason: shutdownReason(raw) },
    metadata: { shutdown_reason: raw.slice(0, 300) },
  }
}

function recording(properties: Fields) {
  const recordingUrl = recordingLocation(properties)
  const { duration, storage_provider } = properties
  const metadata: Record<string, unknown> = {}
  if (typeof duration === 'number') metadata.recording_duration_seconds = duration
  if (typeof storage_provider === 'string') metadata.recording_storage = storage_provider
  return { kind: 'recording' as const, metadata, ...(recordingUrl === undefined ? {} : { recordingUrl }) }
}

/** A column of text takes no NUL, and a console shows the address as a link. */
const location = /^(s3|gs|az|azure|https):\/\/[^\s\0]{1,2000}$/i

/** The place itself where Tavus names it, else bucket and key, as older deliveries have it. */
function recordingLocation({ storage_uri: uri, bucket_name: bucket, s3_key: key }: Fields): string | undefined {
  if (typeof uri === 'string' && location.test(uri)) return uri
  if (typeof bucket !== 'string' || typeof key !== 'string' || !bucket || !key) return undefined
  const url = `s3://${bucket}/${key.replace(/^\/+/, '')}`
  return location.test(url) ? url : undefined
}

/** Events that are kept with the session and move nothing. */
function remark(
  type: string,
  properties: Fields,
  at: string | undefined,
): Pick<SessionEvent, 'kind'> & Partial<SessionEvent> {
  switch (type) {
    case 'application.recording_copy_failed':
      return { kind: 'recording_failed', metadata: kept('recording_copy_failed', properties.error_message) }
    case 'application.perception_analysis':
      return { kind: 'perception', metadata: kept('perception_analysis', properties.analysis) }
    case 'application.perception_unavailable':
      return { kind: 'perception', metadata: kept('perception_unavailable', properties.reason) }
    case 'application.post_call_action_executed':
      return { kind: 'other', metadata: postCallAction(properties, at) }
    default:
      return { kind: 'other' }
  }
}

const kept = (key: string, value: unknown): Record<string, unknown> => ({ [key]: value ?? null })

/** One field per tool: two tools never overwrite each other. What was sent and answered stays in the receipt. */
function postCallAction(properties: Fields, at: string | undefined): Record<string, unknown> {
  const tool = typeof properties.tool_id === 'string' ? properties.tool_id.slice(0, 100) : 'unknown'
  const { http_status } = fieldsOf(properties.response)
  const action = { status: properties.status ?? null, http_status: http_status ?? null, at: at ?? null }
  return { post_call_actions: { [tool]: action } }
}
