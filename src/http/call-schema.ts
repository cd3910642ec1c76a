import { z } from 'zod'
import { callOutcomes, callProviders, callStatuses } from '../domain/call.js'
import type { Services } from '../services.js'
import { changesSomething, idField, iso, timeField } from './fields.js'
import { between, listQuery } from './listing.js'

const id = z.string().min(1).max(200)

const metadata = z
  .record(z.string().max(200), z.unknown())
  .refine((value) => JSON.stringify(value).length <= 16_384, 'must be at most 16 KiB of JSON')

export const callBody = z.strictObject({
  provider: z.enum(callProviders),
  external_id: z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 printable ASCII characters without blanks')
    .meta({ description: 'The provider’s id of the call; of LiveKit the name of the room' }),
  direction: z.enum(['inbound', 'outbound']),
  from: z.string().min(1).max(200),
  to: z.string().min(1).max(200),
  lead_id: id.optional(),
  user_id: id.optional().meta({ description: 'Whose call it is; the caller’s unless leadership or csr says another' }),
  metadata: metadata.optional(),
})

const nullableLead = idField('a lead').nullable()

export const callChange = z
  .strictObject({
    user_id: id.nullable().optional().meta({ description: 'Whose call it is; leadership and csr change it' }),
    lead_id: nullableLead.optional().meta({ description: 'A lead that the caller sees' }),
    metadata: metadata.optional().meta({ description: 'In the place of the company’s own; what providers said stays' }),
  })
  .refine(...changesSomething)
  .meta({ id: 'CallChange', example: { lead_id: '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d01' } })

export const callQuery = listQuery(
  {
    provider: z.enum(callProviders).optional(),
    status: z.enum(callStatuses).optional(),
    outcome: z.enum(callOutcomes).optional(),
    direction: z.enum(['inbound', 'outbound']).optional(),
    user: id.optional(),
    lead: id.optional(),
    ...between(timeField, 'Made'),
  },
  ['-created_at', 'created_at', '-started_at', 'started_at'],
)

const time = z.string().nullable()

export const callSchema = z
  .object({
    id: z.string(),
    provider: z.enum(callProviders),
    external_id: z.string(),
    user_id: z.string().nullable(),
    lead_id: z.string().nullable(),
    direction: z.enum(['inbound', 'outbound']).nullable(),
    from: z.string().nullable(),
    to: z.string().nullable(),
    status: z.enum(callStatuses),
    started_at: time,
    answered_at: time,
    ended_at: time,
    duration_seconds: z.int().nullable(),
    outcome: z
      .enum(callOutcomes)
      .nullable()
      .meta({ description: 'null while the call is not over; see docs/outcomes.md' }),
    ended_reason: z.string().nullable(),
    recording_url: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()),
    created_at: z.string(),
    updated_at: z.string(),
  })
  .meta({ id: 'Call' })

export const outcomeSchema = z
  .object({
    call_id: z.string(),
    outcome: z.enum(callOutcomes).nullable(),
    duration_seconds: z.int().nullable(),
    recording_url: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()),
    ended_at: time,
  })
  .meta({ id: 'CallOutcome' })

type CallRow = Awaited<ReturnType<Services['calls']['list']>>['items'][number]

/** A call's row as it leaves the server. */
export const presentCall = (row: CallRow): z.input<typeof callSchema> => ({
  id: row.id,
  provider: row.provider,
  external_id: row.externalId,
  user_id: row.userId,
  lead_id: row.leadId,
  direction: row.direction,
  from: row.from,
  to: row.to,
  status: row.status,
  started_at: iso(row.startedAt),
  answered_at: iso(row.answeredAt),
  ended_at: iso(row.endedAt),
  duration_seconds: row.durationSeconds,
  outcome: row.outcome,
  ended_reason: row.endedReason,
  recording_url: row.recordingUrl,
  metadata: row.metadata,
  created_at: row.createdAt.toISOString(),
  updated_at: row.updatedAt.toISOString(),
})

export const presentOutcome = (row: CallRow): z.input<typeof outcomeSchema> => ({
  call_id: row.id,
  outcome: row.outcome,
  duration_seconds: row.durationSeconds,
  recording_url: row.recordingUrl,
  metadata: row.metadata,
  ended_at: iso(row.endedAt),
})
