import type { Knex } from 'knex'
import { isReplayable, replayableStatuses, type ReplayFilter } from '../domain/delivery.js'
import type { ReceiptStatus } from '../domain/webhook.js'
import { exactTimeOf, type Position } from './cursor.js'
import type { Database } from './database.js'
import { andAll, deliveryConditions } from './delivery-conditions.js'
import type { ReceiptProcessing } from './receipt-processing.js'
import type { ReceiptStates, SettledReceipt } from './receipt-states.js'

/** What a single replay meets. */
export type Reopened =
  | { state: 'reopened' }
  /** Another delivery of the event has succeeded or is on its way: a second effect is not to be. */
  | { state: 'superseded' }
  /** Nothing to repair. */
  | { state: 'refused'; status: ReceiptStatus }
  | { state: 'missing' }

export interface ReplayBatchInput {
  tenantId: string
  filter: ReplayFilter
  /** Received before; RFC 3339 in microseconds. */
  countedAt: string
  /** Where the last batch ended. */
  after?: Position | undefined
  limit: number
}

export interface ReplayedBatch {
  settled: SettledReceipt[]
  superseded: number
  /** Absent when nothing was left. */
  next?: Position | undefined
}

interface Candidate {
  id: string
  delivery_key: string
  status: ReceiptStatus
  at: string
  taken: boolean
}

/** Another delivery of the event holds the key. */
const keyTaken = `status = 'failed' and exists (select from webhook_receipts o
  where o.delivery_key = r.delivery_key and o.status <> 'failed')`

/** Takes receipts of a company again: the stored bytes and headers, as the delivery itself. */
export function createReceiptReplay({
  database,
  states,
  processing,
}: {
  database: Pick<Database, 'withService'>
  states: Pick<ReceiptStates, 'reopen'>
  processing: Pick<ReceiptProcessing, 'applyAll'>
}) {
  return {
    /** Leaves one to the drain, as new. */
    reopen: async (tenantId: string, receiptId: string): Promise<Reopened> =>
      await database
        .withService(undefined, async (trx): Promise<Reopened> => {
          const [found] = await select(trx, 'id = ? and tenant_id = ?', [receiptId, tenantId])
          if (!found) return { state: 'missing' }
          if (!isReplayable(found.status)) return { state: 'refused', status: found.status }
          if (found.taken) return { state: 'superseded' }
          await states.reopen(trx, [receiptId])
          return { state: 'reopened' }
        })
        .catch((error: unknown) => {
          // A delivery of the same event came between the look and the change.
          if ((error as { code?: unknown }).code === '23505') return { state: 'superseded' }
          throw error
        }),

    /** One transaction: the next ones in the order of their arrival, and what became of them. */
    batch: (input: ReplayBatchInput): Promise<ReplayedBatch> =>
      database.withService(undefined, async (trx) => {
        const found = await selectNext(trx, input)
        const fresh = onePerKey(found.filter(({ taken }) => !taken))
        const receipts = await states.reopen(
          trx,
          fresh.map(({ id }) => id),
        )
        const settled = await processing.applyAll(trx, receipts, { signalPending: true })
        const last = found.at(-1)
        return {
          settled,
          superseded: found.length - fresh.length,
          next: last && [last.at, last.id],
        }
      }),
  }
}

export type ReceiptReplay = ReturnType<typeof createReceiptReplay>

async function selectNext(trx: Knex.Transaction, input: ReplayBatchInput): Promise<Candidate[]> {
  const { tenantId, filter, countedAt, after, limit } = input
  const [sql, bindings] = andAll(deliveryConditions(filter))
  const begin = after ? ' and (received_at, id) > (?::timestamptz, ?::uuid)' : ''
  return await select(
    trx,
    `tenant_id = ? and status = any(?::text[]) and received_at < ?::timestamptz${sql}${begin}`,
    [tenantId, replayableStatuses, countedAt, ...bindings, ...(after ?? [])],
    limit,
  )
}

async function select(trx: Knex.Transaction, where: string, bindings: unknown[], limit = 1): Promise<Candidate[]> {
  const { rows: locked } = await trx.raw<{ rows: { id: string }[] }>(
    `select id from webhook_receipts where ${where} order by received_at, id limit ? for update`,
    [...bindings, limit] as Knex.RawBinding[],
  )
  // A statement of its own: it sees who took a key while the first one waited for its locks.
  const { rows } = await trx.raw<{ rows: Candidate[] }>(
    `select id, delivery_key, status, ${exactTimeOf('received_at')} as at, ${keyTaken} as taken
     from webhook_receipts r where id = any(?::uuid[]) order by received_at, id`,
    [locked.map(({ id }) => id)] as Knex.RawBinding[],
  )
  return rows
}

/** Of failed deliveries of one event the last one stands for all. */
const onePerKey = (found: readonly Candidate[]): Candidate[] => [
  ...new Map(found.map((candidate) => [candidate.delivery_key, candidate])).values(),
]
