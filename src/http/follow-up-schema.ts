import { z } from 'zod'
import { followUpChannels, followUpStatuses } from '../domain/follow-up.js'
import type { Services } from '../services.js'
import { idField, iso, shownTime, timeField } from './fields.js'
import { between, listQuery } from './listing.js'
import { idempotencyKey } from './once.js'

const common = {
  lead_id: idField('a lead'),
  draft: z
    .boolean()
    .default(false)
    .meta({ description: 'Have the ML partner write it; in the place of the message or the task' }),
  not_before: timeField
    .refine((time) => Date.parse(time) < Date.now() + 366 * 86_400_000, 'must be within a year')
    .optional()
    .meta({ description: 'It waits until then, and for the end of the quiet hours after it' }),
  metadata: z
    .record(z.string().max(200), z.unknown())
    .refine((value) => JSON.stringify(value).length <= 16_384, 'must be at most 16 KiB of JSON')
    .default({})
    .meta({ description: 'The company’s own; it is kept and shown, and sent to nobody' }),
}

const said = (maxLength: number) => z.string().trim().min(1, 'must not be empty').max(maxLength).optional()

/** One of both says what the lead is told. */
function eitherOf(field: 'message' | 'task') {
  return (body: Record<string, unknown>, ctx: z.RefinementCtx): void => {
    const given = body[field] !== undefined
    if (given !== (body.draft === true)) return
    const message = given ? `must not be given together with draft` : `must be given, unless draft is true`
    ctx.addIssue({ code: 'custom', path: [field], message })
  }
}

const example = {
  channel: 'sms',
  lead_id: '0192a000-0000-7000-8000-100000000001',
  message: 'Your results are in. Shall we talk on Thursday?',
} as const

export const followUpBody = z
  .discriminatedUnion('channel', [
    z
      .strictObject({
        channel: z.literal('sms'),
        message: said(1600).meta({ description: 'The text; Twilio takes up to 1600 characters' }),
        ...common,
      })
      .superRefine(eitherOf('message')),
    z
      .strictObject({
        channel: z.literal('call'),
        task: said(4000).meta({ description: 'What the caller is to talk about; Bland advises up to 2000 characters' }),
        ...common,
      })
      .superRefine(eitherOf('task')),
  ])
  .meta({ id: 'NewFollowUp', example })

export const followUpKey = idempotencyKey(
  'The same key and body give the same follow-up; the same key with another body is 422',
)

export const followUpQuery = listQuery(
  {
    lead: idField('a lead').optional(),
    channel: z.enum(followUpChannels).optional(),
    status: z.enum(followUpStatuses).optional(),
    ...between(timeField, 'Asked for'),
  },
  ['-created_at', 'created_at'],
)

export const followUpSchema = z
  .object({
    id: z.string(),
    lead_id: z.string(),
    channel: z.enum(followUpChannels),
    status: z.enum(followUpStatuses).meta({
      description:
        'sent: the provider has taken it; completed: delivered, or the call took place; unknown: nobody can tell whether it was taken, and it is not tried again',
    }),
    reason: z.string().nullable().meta({ description: 'Why it failed, or is unknown' }),
    error_code: z.string().nullable().meta({ description: 'The provider’s own' }),
    to: z.string(),
    text: z.string().nullable().meta({ description: 'The message or the task; null until its draft is there' }),
    draft: z.boolean(),
    metadata: z.record(z.string(), z.unknown()),
    not_before: shownTime.nullable(),
    waits_until: shownTime.nullable().meta({ description: 'For quiet hours, its time, or another try' }),
    created_by: z.string(),
    provider: z.string().nullable(),
    external_id: z.string().nullable().meta({ description: 'The message’s or the call’s at its provider' }),
    attempts: z.int(),
    sent_at: shownTime.nullable(),
    ended_at: shownTime.nullable(),
    created_at: shownTime,
    updated_at: shownTime,
  })
  .meta({
    id: 'FollowUp',
    example: {
      id: '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d05',
      lead_id: '0192a000-0000-7000-8000-100000000001',
      channel: 'sms',
      status: 'scheduled',
      reason: null,
      error_code: null,
      to: '+14155552671',
      text: 'Your results are in. Shall we talk on Thursday?',
      draft: false,
      metadata: {},
      not_before: null,
      waits_until: '2026-03-02T07:00:00.000Z',
      created_by: '0192a000-0000-7000-8000-000000000003',
      provider: null,
      external_id: null,
      attempts: 0,
      sent_at: null,
      ended_at: null,
      created_at: '2026-03-01T22:00:00.000Z',
      updated_at: '2026-03-01T22:00:00.000Z',
    },
  })

type FollowUp = Awaited<ReturnType<Services['followUps']['store']['list']>>['items'][number]

/** A follow-up's row as it leaves the server. */
export const presentFollowUp = (row: FollowUp): z.input<typeof followUpSchema> => ({
  id: row.id,
  lead_id: row.leadId,
  channel: row.channel,
  status: row.status,
  reason: row.reason,
  error_code: row.errorCode,
  to: row.to,
  text: row.body,
  draft: row.draft,
  metadata: row.metadata,
  not_before: iso(row.notBefore),
  waits_until: iso(row.waitsUntil),
  created_by: row.createdBy,
  provider: row.provider,
  external_id: row.externalId,
  attempts: row.attempts,
  sent_at: iso(row.sentAt),
  ended_at: iso(row.endedAt),
  created_at: iso(row.createdAt) ?? '',
  updated_at: iso(row.updatedAt) ?? '',
})
