import type { Knex } from 'knex'
import type { ReceiptSignal } from '../domain/webhook.js'
import type { Database } from './database.js'
import { isTransient } from './receipt-errors.js'
import type { ReceiptProcessing } from './receipt-processing.js'
import { receiptColumns, type SettledReceipt, type StoredReceipt } from './receipt-states.js'

export interface PendingSignal {
  receiptId: string
  /** Of a signal to a session. */
  sessionId: string | null
  signal: ReceiptSignal
}

/** A receipt without a drain mark this old has lost its workflow between receipt and start, or the engine lost its worker. */
const abandonedSeconds = 15
/** A signal this old was left behind by a drain that died between its commit and the sending. */
const leftoverSeconds = 10

/** One row that somebody holds must not keep a batch, and with it the locks that it has, for longer. */
const patience = `select set_config('lock_timeout', '2000', true)`

// Whose a receipt is as far as can be told before it is read: its own company, its session's, that of the account which it
// came from, of its call or room; else that account itself, or what names none, of one provider together.
const company = `coalesce(r.tenant_id::text, c.tenant_id::text, i.tenant_id::text,
    case when r.provider in ('bland', 'uwc') then lower(r.source_key) end,
    case when r.provider = 'livekit' then coalesce(
      (select tenant_id::text from call_logs where provider = 'livekit' and external_id = r.source_key limit 1),
      (select tenant_id::text from call_logs where id = case when r.source_key ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        then r.source_key::uuid end)) end,
    r.provider || ' ' || coalesce(r.source_key, ''))`

// Turn by turn: the first of every company, then the second of every company, so that a flood of one cannot push the
// others back.
const due = `
  select r.id, row_number() over (partition by ${company} order by r.received_at, r.id) as turn, r.received_at
  from webhook_receipts r left join conversations_users c on c.session_id = r.session_id
    left join integrations i on i.provider = r.provider and i.account = r.source_key and i.standing <> 'pending'
  where r.status in ('received', 'waiting') and r.next_attempt_at <= now()
    and (r.status = 'waiting' or r.drain or r.received_at < now() - interval '${abandonedSeconds} seconds')`

export interface ReceiptDrainDeps {
  database: Pick<Database, 'withService'>
  processing: ReceiptProcessing
  /** Longest transaction: the locks of its sessions keep the receipts' own workflows waiting, and those an answer. */
  maxBatchMs?: number | undefined
}

/** What takes the receipts that no workflow of their own has, batch by batch. */
export function createReceiptDrain({ database, processing, maxBatchMs = 50 }: ReceiptDrainDeps) {
  /** The receipts that are due, in their turns. A backlog is ranked for many batches at once: each ranking reads all of it. */
  const next = (limit: number): Promise<string[]> =>
    database.withService(undefined, async (trx) => {
      const { rows } = await trx.raw<{ rows: { id: string }[] }>(
        `select id from (${due}) as due order by turn, received_at limit ?`,
        [limit],
      )
      return rows.map(({ id }) => id)
    })

  const takeTogether = (ids: readonly string[], onEach: () => void): Promise<SettledReceipt[]> =>
    database.withService(undefined, async (trx) => {
      const [receipts] = await Promise.all([lock(trx, ids), trx.raw(patience)])
      return await processing.applyAll(trx, receipts, { signalPending: true, until: Date.now() + maxBatchMs, onEach })
    })

  /** Undone as a whole, it is refused again as a whole: this one's try is counted, so that it fails in the end. */
  async function takeAlone(id: string, onEach: () => void): Promise<SettledReceipt[]> {
    try {
      return await takeTogether([id], onEach)
    } catch (error) {
      if (isTransient(error)) throw error
      const settled = await processing.process(id).catch(() => undefined)
      return settled ? [settled] : []
    }
  }

  /**
   * One transaction; safe beside the receipts' own workflows and beside another drain: what another one holds is left to
   * it. What fails under no savepoint, such as an entry that the event log refuses, makes it one transaction for each.
   * `onEach` hears of progress.
   */
  async function take(ids: readonly string[], onEach: () => void = () => undefined): Promise<SettledReceipt[]> {
    try {
      return await takeTogether(ids, onEach)
    } catch (error) {
      if (isTransient(error)) throw error
      const settled: SettledReceipt[] = []
      for (const id of ids) settled.push(...(await takeAlone(id, onEach)))
      return settled
    }
  }

  return {
    next,
    take,
    /** Both for a single batch. */
    batch: async (limit: number): Promise<SettledReceipt[]> => await take(await next(limit)),
    leftoverSignals: (limit: number): Promise<PendingSignal[]> =>
      database.withService(undefined, async (trx) => {
        const { rows } = await trx.raw<{ rows: PendingSignal[] }>(
          `select id as "receiptId", session_id as "sessionId", signal from webhook_receipts
           where signal_pending and first_processed_at < now() - interval '${leftoverSeconds} seconds'
           order by first_processed_at limit ?`,
          [limit],
        )
        return rows
      }),
    async signalsSent(receiptIds: string[]): Promise<void> {
      if (receiptIds.length === 0) return
      await database.withService(undefined, (trx) =>
        trx.raw('update webhook_receipts set signal_pending = false where id = any(?::uuid[])', [
          receiptIds,
        ] as Knex.RawBinding[]),
      )
    },
    /** Milliseconds until something is due; undefined while nothing waits. */
    nextDueMs: (): Promise<number | undefined> =>
      database.withService(undefined, async (trx) => {
        const { rows } = await trx.raw<{ rows: { ms: number | null }[] }>(
          `select (extract(epoch from least(
             (select min(next_attempt_at) from webhook_receipts where status = 'waiting' or (status = 'received' and drain)),
             (select min(first_processed_at) + interval '${leftoverSeconds} seconds' from webhook_receipts where signal_pending)
           ) - now()) * 1000)::float8 as ms`,
        )
        return rows[0]?.ms ?? undefined
      }),
  }
}

export type ReceiptDrain = ReturnType<typeof createReceiptDrain>

async function lock(trx: Knex.Transaction, ids: readonly string[]): Promise<StoredReceipt[]> {
  const { rows } = await trx.raw<{ rows: StoredReceipt[] }>(
    `select ${receiptColumns} from webhook_receipts where id = any(?::uuid[]) and status in ('received', 'waiting')
     for update skip locked`,
    [ids] as Knex.RawBinding[],
  )
  return rows
}
