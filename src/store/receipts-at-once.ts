import type { Knex } from 'knex'
import { newId } from './new-id.js'
import type { NewEvent } from '../domain/event.js'
import type { BurstGauge } from './burst-gauge.js'
import type { Database } from './database.js'
import { isDatabaseDown } from './database-down.js'
import type { Pending } from './receipt-applier.js'
import { type ReceiptEffects, slices } from './receipt-effects.js'
import type { StoredReceipt } from './receipt-states.js'
import {
  type Arrival,
  countRepeats,
  type FreshReceipt,
  insertFresh,
  type ReceiptRow,
  type WebhookReceipts,
} from './webhook-receipts.js'
import type { ReceiptCipher } from './receipt-cipher.js'

export interface ReceiptsAtOnceDeps {
  database: Pick<Database, 'withService'>
  receipts: Pick<WebhookReceipts, 'insert'>
  effects: ReceiptEffects
  cipher: Pick<ReceiptCipher, 'seal'>
  appendEvents: (trx: Knex.Transaction, events: NewEvent[]) => Promise<unknown>
  /** A batch was left to the drain: one of it could not be applied. */
  onRefused?: (error: unknown) => void
  burst: Pick<BurstGauge, 'keeps'>
}

/**
 * Receipts of events that no workflow of their own will have, with their effects in the same transaction: written once,
 * and processed by the time that they are durable. When any of a batch cannot be applied, all of it becomes plain
 * receipts and the drain sorts it out. An event of a session is always the drain's: its workflow is to be told.
 */
export function createReceiptsAtOnce(deps: ReceiptsAtOnceDeps) {
  const { database, receipts, effects, cipher, appendEvents, burst } = deps

  /** With its effect, if that can be had here. */
  function draft(arrival: Arrival): Draft {
    const receipt = receiptOf(arrival)
    if (!arrival.drain) return { arrival, receipt }
    try {
      const pending = effects.withEffect(receipt)
      return pending.effect.target === 'session' ? { arrival, receipt } : { arrival, receipt, pending }
    } catch {
      return { arrival, receipt } // what its provider cannot read fails on its own
    }
  }

  /** `together` saves a trip, and is for calls that nobody else is at work on. */
  const take = (drafts: readonly Draft[], together: boolean): Promise<ReceiptRow[]> =>
    database.withService(undefined, async (trx) => {
      const counting = countRepeats(
        trx,
        drafts.map(({ arrival }) => arrival),
      )
      const repeats = counting.then((rows) => new Set(rows.map((row) => row.delivery_key)))
      // Looked at below; until then its failure is nobody's.
      repeats.catch(() => undefined)
      const pending = drafts.flatMap((one) => one.pending ?? [])
      // A flood is one of calls: their rows are looked up in the trip that counts the repeats.
      const ofCalls = pending.every(({ effect }) => effect.target === 'call')
      const repeated = ofCalls ? undefined : await repeats
      const last: (() => Promise<unknown>)[] = []
      const taken = new Map<string, Pick<FreshReceipt, 'tenantId' | 'usage' | 'signal'>>()
      const events: NewEvent[] = []
      const parts = slices(pending.filter(({ receipt }) => !repeated?.has(receipt.delivery_key)))
      // A second part may be about what the first one writes.
      const push =
        together && parts.length === 1 ? (statement: () => Promise<unknown>) => void last.push(statement) : undefined
      for (const part of parts) {
        const applied = await effects.apply(trx, part, false, ofCalls ? { repeats, last: push } : undefined)
        applied.moves.forEach((move, n) => {
          if (move.to !== 'processed') return
          const { receipt, tenantId, signal } = move
          taken.set(receipt.id, { tenantId, signal, usage: applied.usages[n] })
        })
        events.push(...applied.events)
      }
      const [known, keys] = await Promise.all([counting, repeats])
      const fresh = drafts.filter(({ receipt }) => !keys.has(receipt.delivery_key))
      const rows = fresh.map(({ arrival, receipt: { id } }): FreshReceipt => ({
        arrival,
        id,
        processed: taken.has(id),
        tenantId: taken.get(id)?.tenantId,
        usage: taken.get(id)?.usage,
        signal: taken.get(id)?.signal,
      }))
      // None needs the other's answer: they share a trip. Should another process have been quicker with one of the keys,
      // all of it is undone.
      await Promise.all([
        ...last.map((statement) => statement()),
        insertFresh(trx, rows, cipher),
        appendEvents(trx, events),
        trx.commit(),
      ])
      return [...known, ...rows.map(rowOf)]
    })

  return {
    /** @throws what the database throws; nothing is known of the receipts then */
    async insert(arrivals: readonly Arrival[]): Promise<ReceiptRow[]> {
      const left = arrivals.filter(({ drain }) => drain).length
      if (left === 0 || burst.keeps(left)) return await receipts.insert(arrivals)
      const drafts = arrivals.map(draft)
      if (drafts.every(({ pending }) => pending === undefined)) return await receipts.insert(arrivals)
      try {
        return await take(drafts, true).catch((error: unknown) => {
          if (!isTaken(error)) throw error
          return take(drafts, false)
        })
      } catch (error) {
        if (isDatabaseDown(error)) throw error
        deps.onRefused?.(error)
        return await receipts.insert(arrivals)
      }
    },
  }
}

/** Another transaction was quicker with a call or a receipt of the batch, which can be seen by now. */
const isTaken = (error: unknown) => (error as { code?: unknown } | null)?.code === '23505'

interface Draft {
  arrival: Arrival
  receipt: StoredReceipt
  pending?: Pending
}

const receiptOf = ({ delivery, source, receivedAt }: Arrival): StoredReceipt => ({
  id: newId(),
  delivery_key: delivery.deliveryKey,
  provider: delivery.provider,
  kind: delivery.kind,
  external_id: delivery.externalId,
  tenant_id: null,
  session_id: delivery.sessionId ?? null,
  status: 'received',
  source,
  payload: delivery.payload,
  headers: delivery.headers,
  signal: null,
  received_at: receivedAt === undefined ? new Date() : new Date(receivedAt),
})

const rowOf = ({ arrival, id, processed, tenantId, usage }: FreshReceipt): ReceiptRow => ({
  id,
  delivery_key: arrival.delivery.deliveryKey,
  status: processed ? 'processed' : 'received',
  tenant_id: tenantId ?? null,
  inserted: true,
  usage,
})
