import { z } from 'zod'
import type { ChannelKind } from '../domain/channel.js'

// The data of each kind of event, as the catalogue puts them together.

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

export const describe = <S extends z.ZodType<Record<string, unknown>>>(
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

export const text = z.string()
export const time = z.string().meta({ description: 'RFC 3339' })
export const callId = '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d01'
export const userId = '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d77'
const leadId = '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d02'

export const sessionBy = 'sessions, of what the provider tells'
export const conversation = { conversation_id: text }
export const aConversation = { conversation_id: 'c1b2a3' }

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
export const aCall = {
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
export const anEndedCall = {
  ...aCall,
  status: 'ended',
  outcome: 'completed',
  ended_reason: 'completed',
  duration_seconds: 74,
  ended_at: '2026-11-21T10:01:14.000Z',
}
export const telephony = (summary: string, example: typeof aCall | typeof anEndedCall) =>
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
export const aMessage = {
  message_id: callId,
  provider: 'twilio',
  external_id: 'SM0123456789abcdef0123456789abcdef',
  direction: 'inbound' as const,
  from: '+15005550010',
  to: '+15005550006',
  status: 'received',
}
export const sms = (summary: string, example: z.input<typeof message>) =>
  describe(summary, { by: 'webhooks of text messages', channels: ['lead'], data: message, example })

const member = z.looseObject({
  user_id: z.uuid(),
  role: text,
  clerk_user_id: text.nullable().optional().meta({ description: 'By Clerk' }),
  by: text.optional().meta({ description: 'Of our users, who did it; by /users' }),
})
export const identityUser = (summary: string) =>
  describe(summary, {
    by: 'webhooks of Clerk, and /users',
    data: member,
    example: { user_id: userId, clerk_user_id: 'user_2x', role: 'rep' },
  })
export const organization = (summary: string) =>
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
export const worker = (summary: string) =>
  describe(summary, { by: 'answers of the ML partner', channels: ['user', 'lead'], data: job, example: aJob })

/** What an entry of the audit carries is its writer's matter: each says what helps to judge it. */
export const audit = (summary: string, by: string | undefined, example: Record<string, unknown> = {}) =>
  describe(summary, { by, data: z.record(text, z.unknown()), example })

export const login = '/auth'
const changed = { by: text, changes: z.array(text).optional() }
export const leadChange = (summary: string) =>
  describe(summary, {
    by: '/leads',
    channels: ['lead'],
    data: z.looseObject({ ...changed, lead_id: z.uuid(), status: text, owner_user_id: text.nullable() }),
    example: { by: userId, changes: ['status'], lead_id: leadId, status: 'open', owner_user_id: userId },
  })
export const appointmentChange = (summary: string) =>
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
export const taskChange = (summary: string) =>
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
export const followUp = (summary: string, example: object = {}) =>
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
