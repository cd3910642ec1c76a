import { z } from 'zod'
import type { ChannelKind } from '../domain/channel.js'
import type { EventName } from '../domain/event.js'

/** What is known of one kind of event: when it comes, who writes it, where it is heard, what it carries. */
export interface EventDescription {
  summary: string
  /** What writes it; undefined while nothing of Parley does. */
  by: string | undefined
  /** Beside the tenant's own channel, which has every event. */
  channels: readonly Exclude<ChannelKind, 'tenant'>[]
  /** Its `data`. */
  data: z.ZodType<Record<string, unknown>>
  example: Record<string, unknown>
}

const describe = <S extends z.ZodType<Record<string, unknown>>>(
  summary: string,
  {
    by,
    channels = [],
    data,
    example,
  }: Omit<EventDescription, 'summary' | 'data' | 'example' | 'channels'> & {
    channels?: EventDescription['channels']
    data: S
    example: z.input<S> & Record<string, unknown>
  },
): EventDescription => ({ summary, by, channels, data, example })

const text = z.string()
const time = z.string().meta({ description: 'RFC 3339' })
const callId = '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d01'
const userId = '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d77'
const leadId = '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d02'

const sessionBy = 'sessions, of what the provider tells'
const conversation = { conversation_id: text }
const aConversation = { conversation_id: 'c1b2a3' }

const call = z.strictObject({
  call_id: z.uuid(),
  provider: text,
  external_id: text,
  direction: text.nullable(),
  status: text,
  outcome: text.nullable(),
  ended_reason: text.nullable(),
  duration_seconds: z.int().nullable(),
  ended_at: time.nullable(),
})
const aCall = {
  call_id: callId,
  provider: 'twilio',
  external_id: 'CA0123456789abcdef0123456789abcdef',
  direction: 'inbound',
  status: 'ringing',
  outcome: null,
  ended_reason: null,
  duration_seconds: null,
  ended_at: null,
}
const anEndedCall = {
  ...aCall,
  status: 'ended',
  outcome: 'completed',
  ended_reason: 'completed',
  duration_seconds: 74,
  ended_at: '2026-11-21T10:01:14.000Z',
}
const telephony = (summary: string, example: typeof aCall | typeof anEndedCall) =>
  describe(summary, { by: 'webhooks of calls, and /calls', channels: ['lead'], data: call, example })

const message = z.strictObject({
  message_id: z.uuid(),
  provider: text,
  external_id: text,
  direction: z.enum(['inbound', 'outbound']),
  from: text.nullable(),
  to: text.nullable(),
  status: text,
  error_code: text.optional(),
})
const aMessage = {
  message_id: callId,
  provider: 'twilio',
  external_id: 'SM0123456789abcdef0123456789abcdef',
  direction: 'inbound' as const,
  from: '+15005550010',
  to: '+15005550006',
  status: 'received',
}
const sms = (summary: string, example: z.input<typeof message>) =>
  describe(summary, { by: 'webhooks of text messages', channels: ['lead'], data: message, example })

const member = z.looseObject({
  user_id: z.uuid(),
  role: text,
  clerk_user_id: text.nullable().optional().meta({ description: 'By Clerk' }),
  by: text.optional().meta({ description: 'Of our users, who did it; by /users' }),
})
const identityUser = (summary: string) =>
  describe(summary, {
    by: 'webhooks of Clerk, and /users',
    data: member,
    example: { user_id: userId, clerk_user_id: 'user_2x', role: 'rep' },
  })
const organization = (summary: string) =>
  describe(summary, {
    by: 'webhooks of Clerk',
    data: z.strictObject({ organization_id: text }),
    example: { organization_id: 'org_2x' },
  })

const job = z.strictObject({
  worker: text,
  kind: text,
  job_id: text.nullable().meta({ description: 'The partner’s id; null of a job that it never took' }),
  request_id: text.nullable(),
  id: z
    .uuid()
    .optional()
    .meta({ description: 'Of GET /api/uwc/jobs/{id}; absent of a job that nobody here asked for' }),
  error: text.optional().meta({ description: 'Why it failed without the partner’s word, such as timed_out' }),
  call_id: z.uuid().optional(),
  document_id: z.uuid().optional(),
  rep_id: z.uuid().optional(),
  lead_id: z.uuid().optional(),
})
const aJob = { worker: 'uwc', kind: 'asr', job_id: 'job-1', request_id: null, call_id: callId }
const worker = (summary: string) =>
  describe(summary, { by: 'answers of the ML partner', channels: ['user', 'lead'], data: job, example: aJob })

/** What an entry of the audit carries is its writer's matter: each says what helps to judge it. */
const audit = (summary: string, by: string | undefined, example: Record<string, unknown> = {}) =>
  describe(summary, { by, data: z.record(text, z.unknown()), example })

const login = '/auth'
const changed = { by: text, changes: z.array(text).optional() }
const leadChange = (summary: string) =>
  describe(summary, {
    by: '/leads',
    channels: ['lead'],
    data: z.looseObject({ ...changed, lead_id: z.uuid(), status: text, owner_user_id: text.nullable() }),
    example: { by: userId, changes: ['status'], lead_id: leadId, status: 'open', owner_user_id: userId },
  })
const appointmentChange = (summary: string) =>
  describe(summary, {
    by: '/appointments',
    channels: ['user', 'lead'],
    data: z.looseObject({
      ...changed,
      appointment_id: z.uuid(),
      lead_id: z.uuid().nullable(),
      owner_user_id: text.nullable(),
      status: text,
      starts_at: time,
      ends_at: time,
    }),
    example: {
      by: userId,
      changes: ['owner_user_id'],
      appointment_id: callId,
      lead_id: leadId,
      owner_user_id: userId,
      status: 'scheduled',
      starts_at: '2026-11-21T10:00:00.000Z',
      ends_at: '2026-11-21T10:30:00.000Z',
    },
  })
const taskChange = (summary: string) =>
  describe(summary, {
    by: '/tasks',
    channels: ['user', 'lead'],
    data: z.looseObject({
      ...changed,
      task_id: z.uuid(),
      lead_id: z.uuid().nullable(),
      owner_user_id: text.nullable(),
      status: text,
      due_at: time.nullable(),
    }),
    example: {
      by: userId,
      changes: ['status'],
      task_id: callId,
      lead_id: leadId,
      owner_user_id: userId,
      status: 'open',
      due_at: null,
    },
  })

const aFollowUp = {
  follow_up_id: callId,
  channel: 'sms' as const,
  status: 'scheduled',
  reason: null,
  provider: null,
  external_id: null,
}
const followUp = (summary: string, example: object = {}) =>
  describe(summary, {
    by: '/follow-ups, and webhooks of what came of them',
    channels: ['lead'],
    data: z.strictObject({
      follow_up_id: z.uuid(),
      channel: z.enum(['call', 'sms']),
      status: text,
      reason: text.nullable(),
      provider: text.nullable(),
      external_id: text.nullable(),
    }),
    example: { ...aFollowUp, ...example },
  })

/** Every event that the log may hold, by name. */
export const catalogue: Readonly<Record<EventName, EventDescription>> = {
  'session.started': describe('The avatar joined the conversation', {
    by: sessionBy,
    channels: ['session', 'lead'],
    data: z.strictObject({ ...conversation, joined_at: time }),
    example: { ...aConversation, joined_at: '2026-11-21T10:00:00.000Z' },
  }),
  'session.ended': describe('The conversation is over', {
    by: sessionBy,
    channels: ['session', 'lead'],
    data: z.strictObject({
      ...conversation,
      status: text,
      end_reason: text.nullable(),
      ended_at: time,
      duration_seconds: z.int().nullable(),
    }),
    example: {
      ...aConversation,
      status: 'completed',
      end_reason: 'user',
      ended_at: '2026-11-21T10:05:00.000Z',
      duration_seconds: 300,
    },
  }),
  'session.transcript.ready': describe('The transcript can be read at the session', {
    by: sessionBy,
    channels: ['session', 'lead'],
    data: z.strictObject({ ...conversation, entries: z.int() }),
    example: { ...aConversation, entries: 12 },
  }),
  'session.recording.ready': describe('The recording can be fetched at the session', {
    by: sessionBy,
    channels: ['session', 'lead'],
    data: z.strictObject(conversation),
    example: aConversation,
  }),
  'system.webhook.processed': describe('A provider’s event was taken, with all its effects', {
    by: 'the webhook engine',
    channels: ['session'],
    data: z.strictObject({ provider: text, kind: text, external_id: text, receipt_id: z.uuid(), source: text }),
    example: {
      provider: 'tavus',
      kind: 'system.shutdown',
      external_id: 'c1b2a3',
      receipt_id: callId,
      source: 'delivery',
    },
  }),
  'system.buffer_dropped': describe('The reader was too slow: events after `since` were not sent to it', {
    by: 'the connection itself; it is not in the log',
    channels: ['user', 'lead', 'session'],
    data: z.strictObject({
      dropped: z.int().meta({ description: 'Events that were not sent' }),
      since: z.string().meta({ description: 'Subscribe with it to have them all' }),
      channels: z.array(text).meta({ description: 'What the connection is subscribed to' }),
    }),
    example: { dropped: 17, since: '4711', channels: [`user:${userId}:tasks`] },
  }),
  'telephony.call.received': telephony('Somebody calls', aCall),
  'telephony.call.status': telephony('A call has another status or outcome', { ...aCall, status: 'in_progress' }),
  'telephony.call.completed': telephony('A call is over', anEndedCall),
  'telephony.call.created': describe('A call was made known', {
    by: '/calls',
    channels: ['lead'],
    data: z.record(text, z.unknown()),
    example: { call_id: callId },
  }),
  'telephony.call.updated': describe('Whose a call is, about which lead, or its metadata was changed', {
    by: '/calls',
    channels: ['lead'],
    data: z.record(text, z.unknown()),
    example: { call_id: callId, changes: ['lead_id'] },
  }),
  'telephony.sms.received': sms('A text message came', aMessage),
  'telephony.sms.sent': sms('A text message went out', { ...aMessage, direction: 'outbound', status: 'sent' }),
  'telephony.sms.status': sms('A text message has another status', {
    ...aMessage,
    direction: 'outbound',
    status: 'failed',
    error_code: '30003',
  }),
  'identity.user.created': identityUser('A user joined the company'),
  'identity.user.updated': identityUser('A user’s email, name or role is another one'),
  'identity.user.deleted': identityUser('A user left the company'),
  'identity.organization.created': organization('The company was made known'),
  'identity.organization.updated': organization('The company has another name'),
  'identity.organization.deleted': organization('The company was ended'),
  'worker.task.finished': worker('A job of the ML partner is done'),
  'worker.task.failed': worker('A job of the ML partner failed'),
  'identity.login.succeeded': audit('Somebody logged in', login),
  'identity.login.failed': audit('A login of a known user was refused', login),
  'identity.refresh.reused': audit('A used refresh token came again: its family is revoked', login),
  'identity.logout': audit('Somebody logged out', login),
  'identity.api_key.created': audit('An API key was made', '/api-keys', { key_id: callId, prefix: 'plk_abcdefgh' }),
  'identity.api_key.revoked': audit('An API key was revoked', '/api-keys', { key_id: callId, prefix: 'plk_abcdefgh' }),
  'identity.access.denied': audit('A role, or the scope of a key, was not enough', 'every route', {
    route: '/integrations',
    role: 'rep',
  }),
  'lead.created': leadChange('A lead was made'),
  'lead.updated': leadChange('A lead was changed'),
  'lead.deleted': leadChange('A lead was removed'),
  'appointment.created': appointmentChange('An appointment was made'),
  'appointment.updated': appointmentChange('An appointment was changed'),
  'appointment.assigned': appointmentChange('An appointment has a new owner, who is told'),
  'appointment.unassigned': appointmentChange('An appointment was taken from its owner, who is told'),
  'appointment.deleted': appointmentChange('An appointment was removed'),
  'task.created': taskChange('A task was made'),
  'task.updated': taskChange('A task was changed'),
  'task.unassigned': taskChange('A task was taken from its owner, who is told'),
  'task.deleted': taskChange('A task was removed'),
  'follow_up.created': followUp('A call or a text message to a lead was asked for'),
  'follow_up.status': followUp('A follow-up stands elsewhere: sent, completed, failed, unknown or cancelled', {
    status: 'sent',
    provider: 'twilio',
    external_id: 'SM0123456789abcdef0123456789abcdef',
  }),
  'analytics.daily_recap.ready': describe('The recap of a day can be read', {
    by: 'the daily recap',
    data: z.strictObject({ date: text, timezone: text, conversations: z.int(), calls: z.int() }),
    example: { date: '2026-11-21', timezone: 'Europe/Berlin', conversations: 42, calls: 17 },
  }),
}
