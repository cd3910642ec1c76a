import { z } from 'zod'
import { replayableStatuses, type ReplayFilter } from '../domain/delivery.js'
import { webhookProviders } from '../domain/webhook.js'
import { headersView, payloadView } from '../observability/payload-view.js'
import type { Services } from '../services.js'
import { iso, timeField } from './fields.js'
import { between, listQuery } from './listing.js'

const word = z.string().min(1).max(300)
const provider = z.enum(webhookProviders)
/** A range that nothing can be in is a mistake. */
const inOrder = ({ from, to }: { from?: string | undefined; to?: string | undefined }) =>
  from === undefined || to === undefined || from < to
const notInOrder = { path: ['to'], message: 'must be later than from' }

export const deliveryQuery = listQuery(
  {
    provider: provider.optional(),
    status: z.enum(['received', 'processed', 'waiting', 'unmatched', 'failed']).optional(),
    external_id: word.optional().meta({ description: 'The provider’s id of the call, conversation or message' }),
    ...between(timeField, 'Received'),
  },
  ['-received_at', 'received_at'],
).refine(inOrder, notInOrder)

const replayFilter = z
  .strictObject({
    provider: provider.optional(),
    status: z.enum(replayableStatuses).optional().meta({ description: 'All three when absent' }),
    external_id: word.optional(),
    from: timeField.optional(),
    to: timeField.optional(),
  })
  .refine(inOrder, notInOrder)
  .meta({ id: 'ReplayFilter' })

export const replayBody = z
  .strictObject({
    filter: replayFilter.default({}),
    dry_run: z.boolean().default(true).meta({ description: 'Only count; the answer has what confirms the count' }),
    confirmation: z.string().min(1).max(1000).optional().meta({ description: 'Of the dry run; needed to replay' }),
  })
  .refine(({ dry_run, confirmation }) => dry_run || confirmation !== undefined, {
    path: ['confirmation'],
    message: 'is required: a dry run gives it',
  })

/** The filter in the words of the store. */
export const filterOf = ({ external_id, ...filter }: z.output<typeof replayFilter>): ReplayFilter => ({
  ...filter,
  externalId: external_id,
})

const status = z.enum(['received', 'processed', 'waiting', 'unmatched', 'failed'])
const summary = {
  id: z.string(),
  provider: z.string(),
  kind: z.string().meta({ description: 'In the provider’s words' }),
  external_id: z.string(),
  session_id: z.string().nullable(),
  status,
  source: z.string().meta({ description: 'delivery, reconcile (asked for), or spool (kept on disk first)' }),
  attempts: z.int().meta({ description: 'Deliveries of the event so far' }),
  tries: z.int().meta({ description: 'Tries of ours that failed' }),
  received_at: z.string(),
  last_seen_at: z.string(),
  first_processed_at: z.string().nullable(),
  next_attempt_at: z.string().nullable(),
  error: z.string().nullable(),
  fault: z
    .enum(['ours', 'theirs'])
    .nullable()
    .meta({ description: 'ours: a bug, a table, a key; theirs: of nothing known, or bad data' }),
}

export const deliverySummarySchema = z.object(summary).meta({ id: 'DeliverySummary' })

export const deliverySchema = z
  .object({
    ...summary,
    delivery_key: z.string().meta({ description: 'The same for every delivery of the event' }),
    headers: z.record(z.string(), z.unknown()),
    payload: z
      .object({
        format: z.enum(['json', 'form', 'other', 'unreadable']),
        bytes: z.int().nullable(),
        body: z.unknown().meta({ description: 'Parsed, with personal data masked' }),
      })
      .meta({ description: 'unreadable: encrypted with a key that is not in ENCRYPTION_KEYS' }),
  })
  .meta({ id: 'Delivery' })

export const replayedSchema = z
  .object({ id: z.string(), status, error: z.string().nullable(), fault: z.enum(['ours', 'theirs']).nullable() })
  .meta({ id: 'ReplayedDelivery' })

export const replayCountSchema = z
  .object({
    dry_run: z.literal(true),
    count: z.int(),
    superseded: z
      .int()
      .meta({ description: 'Of these, another delivery of the event has been taken: nothing is done' }),
    confirmation: z.string().meta({ description: 'Send it back with dry_run false and the same filter' }),
    expires_at: z.string(),
  })
  .meta({ id: 'ReplayCount' })

export const replaySchema = z
  .object({
    id: z.string(),
    state: z.enum(['running', 'completed', 'cancelled', 'ended']),
    total: z.int(),
    done: z.int(),
    processed: z.int(),
    failed: z.int(),
    waiting: z.int(),
    unmatched: z.int(),
    superseded: z.int(),
    postponed: z.int(),
  })
  .meta({ id: 'Replay' })

type Summary = Awaited<ReturnType<Services['deliveries']['list']>>['items'][number]
type Delivery = NonNullable<Awaited<ReturnType<Services['deliveries']['find']>>>

/** A receipt as a list shows it. */
export const presentSummary = (row: Summary): z.input<typeof deliverySummarySchema> => ({
  id: row.id,
  provider: row.provider,
  kind: row.kind,
  external_id: row.externalId,
  session_id: row.sessionId,
  status: row.status,
  source: row.source,
  attempts: row.attempts,
  tries: row.tries,
  received_at: row.receivedAt.toISOString(),
  last_seen_at: row.lastSeenAt.toISOString(),
  first_processed_at: iso(row.firstProcessedAt),
  next_attempt_at: iso(row.nextAttemptAt),
  error: row.error,
  fault: row.errorSide,
})

/** A receipt with what was delivered, masked. */
export const presentDelivery = (row: Delivery): z.input<typeof deliverySchema> => ({
  ...presentSummary(row),
  delivery_key: row.deliveryKey,
  headers: headersView(row.headers),
  payload: row.payload ? payloadView(row.payload, row.headers) : { format: 'unreadable', bytes: null, body: null },
})
