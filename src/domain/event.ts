import type { SessionFacts } from './session.js'
import type { Usage } from './usage.js'

/** One entry of a conversation's transcript; speech only, never the system prompt. */
export interface TranscriptEntry {
  role: 'user' | 'assistant' | 'tool'
  content: string
  /** RFC 3339, UTC. */
  at?: string
  seconds_from_start?: number
  duration?: number
}

/** What a provider's event says of a session, in one vocabulary for every provider. */
export interface SessionEvent {
  kind:
    | 'joined'
    | 'participant_joined'
    | 'shutdown'
    | 'transcript'
    | 'recording'
    | 'recording_failed'
    | 'perception'
    | 'other'
  /** RFC 3339, UTC: the provider's own time of the event. */
  at: string
  facts: SessionFacts
  transcript?: TranscriptEntry[]
  /** Where the provider put the recording, s3://bucket/key. */
  recordingUrl?: string
  /** For the metrics; it is not kept. */
  usage?: Usage
  /** What else is worth keeping, under the session's metadata. */
  metadata?: Record<string, unknown>
}

/** Names of the event log's entries; realtime sends the same ones. */
export const eventNames = [
  'session.started',
  'session.ended',
  'session.transcript.ready',
  'session.recording.ready',
  'system.webhook.processed',
  'telephony.call.received',
  'telephony.call.status',
  'telephony.call.completed',
  'telephony.call.created',
  'telephony.call.updated',
  'telephony.sms.received',
  'telephony.sms.sent',
  'telephony.sms.status',
  'identity.user.created',
  'identity.user.updated',
  'identity.user.deleted',
  'identity.organization.created',
  'identity.organization.updated',
  'identity.organization.deleted',
  'lead.created',
  'lead.updated',
  'lead.deleted',
  'appointment.created',
  'appointment.updated',
  'appointment.assigned',
  'appointment.unassigned',
  'appointment.deleted',
  'task.created',
  'task.updated',
  'task.unassigned',
  'task.deleted',
  'follow_up.created',
  'follow_up.status',
  'worker.task.finished',
  'worker.task.failed',
  'identity.login.succeeded',
  'identity.login.failed',
  'identity.refresh.reused',
  'identity.logout',
  'identity.api_key.created',
  'identity.api_key.revoked',
  'identity.access.denied',
  'analytics.daily_recap.ready',
  'system.buffer_dropped',
] as const
export type EventName = (typeof eventNames)[number]

/** An entry before it is in the log. */
export interface NewEvent {
  event: EventName
  severity?: 'info' | 'warning' | 'error'
  tenantId: string
  userId?: string | undefined
  leadId?: string | undefined
  sessionId?: string | undefined
  traceId?: string | undefined
  data: Record<string, unknown>
}

/** An entry of the log; ids grow with the commits of a tenant. */
export interface LoggedEvent {
  id: string
  event: EventName
  severity: 'info' | 'warning' | 'error'
  tenantId: string
  userId: string | null
  leadId: string | null
  sessionId: string | null
  traceId: string | null
  data: Record<string, unknown>
  ts: Date
}
