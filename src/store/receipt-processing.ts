import type { Knex } from 'knex'
import type { NewEvent } from '../domain/event.js'
import { type Database, everyTenant } from './database.js'
import { isDatabaseDown } from './database-down.js'
import type { Pending } from './receipt-applier.js'
import { type ReceiptEffects, slices } from './receipt-effects.js'
import { isTransient } from './receipt-errors.js'
import { findOwners, type Owned, withOwners } from './receipt-owner.js'
import {
  type Move,
  receiptColumns,
  type ReceiptStates,
  type SettledReceipt,
  type StoredReceipt,
} from './receipt-states.js'

export interface ReceiptProcessingDeps {
  database: Pick<Database, 'withService'>
  states: ReceiptStates
  effects: ReceiptEffects
  appendEvents: (trx: Knex.Transaction, events: NewEvent[]) => Promise<unknown>
}

export interface ApplyOptions {
  /** A later step sends the sessions' signals. */
  signalPending: boolean
  /** Epoch milliseconds: what has not begun by then is left as it is. */
  until?: number
  onEach?: () => void
}

/** A receipt's outcome and what belongs into the event log with it. */
interface Settled {
  settled: SettledReceipt[]
  events: NewEvent[]
}

/** Takes receipts to their end: effects, event log and receipt in one transaction. */
export function createReceiptProcessing(deps: ReceiptProcessingDeps) {
  const { database, states, effects, appendEvents } = deps

  /** All of one target, with their entries of the event log when nothing follows; throws for all when one cannot be applied. */
  async function applySet(
    trx: Knex.Transaction,
    pending: readonly Pending[],
    { signalPending, last = false, only }: { signalPending: boolean; last?: boolean; only?: Move['to'] },
  ): Promise<Settled> {
    const { moves, events, usages } = await effects.apply(trx, pending, signalPending)
    if (only && moves.some(({ to }) => to !== only)) throw new Error(`not ${only}`)
    const owned = await withOwners(trx, pending, moves)
    const settling = states.settle(trx, owned)
    // None needs the other's answer: they share a trip, in this order.
    if (last) await Promise.all([settling, appendEvents(trx, events), trx.commit()])
    const settled = await settling
    return {
      settled: settled.map((one, index) => (one.status === 'processed' ? { ...one, usage: usages[index] } : one)),
      events,
    }
  }

  /** Set-wise, and one by one once that failed: what cannot be applied is undone alone, and its neighbours go on. */
  async function applySafely(
    trx: Knex.Transaction,
    pending: readonly Pending[],
    signalPending: boolean,
  ): Promise<Settled> {
    try {
      return await underSavepoint(trx, () => applySet(trx, pending, { signalPending }))
    } catch (error) {
      if (isDatabaseDown(error)) throw error
      if (pending.length === 1 && pending[0]) return await settleFailure(trx, pending[0], error)
    }
    const each: Settled[] = []
    for (const one of pending) each.push(await applySafely(trx, [one], signalPending))
    return joined(each)
  }

  async function settleFailure(trx: Knex.Transaction, pending: Owned, error: unknown): Promise<Settled> {
    const settled = isTransient(error)
      ? await states.putOff(trx, pending.receipt)
      : await states.failed(trx, pending.receipt, error, (await findOwners(trx, [pending]))[0])
    return { settled: [settled], events: [] }
  }

  /** With its effect, if the provider can read it. */
  function readable(receipt: StoredReceipt): Owned {
    try {
      return effects.pendingOf(receipt)
    } catch {
      return { receipt }
    }
  }

  /** What its provider cannot read fails alone. */
  async function read(trx: Knex.Transaction, receipts: readonly StoredReceipt[]) {
    const pending: Pending[] = []
    const failed: Settled[] = []
    for (const receipt of receipts)
      try {
        pending.push(effects.pendingOf(receipt))
      } catch (error) {
        failed.push(await settleFailure(trx, { receipt }, error))
      }
    return { pending, failed }
  }

  async function processOnce(receiptId: string): Promise<SettledReceipt | undefined> {
    return await database.withService(undefined, async (trx) => {
      const receipt = await lockReceipt(trx, receiptId)
      if (receipt && !isOpen(receipt)) return repeated(receipt)
      if (!receipt) return undefined
      const { settled } = await applySet(trx, [effects.pendingOf(receipt)], { signalPending: false, last: true })
      return settled[0]
    })
  }

  return {
    /**
     * One try that leaves no trace unless it succeeds: whatever else comes of the receipt is for its workflow to say.
     * @returns undefined when it did not succeed
     */
    async attempt(receiptId: string): Promise<SettledReceipt | undefined> {
      try {
        return await database.withService(undefined, async (trx) => {
          const receipt = await lockReceipt(trx, receiptId)
          if (!receipt || !isOpen(receipt)) return receipt && repeated(receipt)
          const { settled } = await applySet(trx, [effects.pendingOf(receipt)], {
            signalPending: false,
            last: true,
            only: 'processed',
          })
          return settled[0]
        })
      } catch {
        return undefined
      }
    },
    /** Several receipts in one transaction, their events last: that lock is the tenants', and is to be held shortly. */
    async applyAll(
      trx: Knex.Transaction,
      receipts: readonly StoredReceipt[],
      { signalPending, until = Number.POSITIVE_INFINITY, onEach }: ApplyOptions,
    ): Promise<SettledReceipt[]> {
      const { pending, failed: done } = await read(trx, receipts)
      for (const slice of slices(pending)) {
        if (Date.now() > until && done.length > 0) break
        done.push(await applySafely(trx, slice, signalPending))
        slice.forEach(() => onEach?.())
      }
      const { settled, events } = joined(done)
      await appendEvents(trx, events)
      return settled
    },
    /**
     * Takes one receipt; one that is settled answers what it was settled as.
     * @throws what may pass, to be tried again; a failure that stays is counted, and the last try settles it
     */
    async process(receiptId: string): Promise<SettledReceipt | undefined> {
      try {
        return await processOnce(receiptId)
      } catch (error) {
        if (isTransient(error)) throw error
        const failed = await database.withService(undefined, async (trx) => {
          const receipt = await lockReceipt(trx, receiptId)
          if (!receipt || !isOpen(receipt)) return undefined
          return (await settleFailure(trx, readable(receipt), error)).settled[0]
        })
        if (failed?.status === 'failed') return failed
        throw error
      }
    },
  }
}

export type ReceiptProcessing = ReturnType<typeof createReceiptProcessing>

const joined = (all: readonly Settled[]): Settled => ({
  settled: all.flatMap(({ settled }) => settled),
  events: all.flatMap(({ events }) => events),
})

/** Undoes all of it when it throws; either way the transaction sees every tenant afterwards. */
async function underSavepoint<T>(trx: Knex.Transaction, work: () => Promise<T>): Promise<T> {
  await trx.raw(`savepoint receipts; ${everyTenant}`)
  try {
    const result = await work()
    await trx.raw(`release savepoint receipts; ${everyTenant}`)
    return result
  } catch (error) {
    if (!isDatabaseDown(error)) await trx.raw(`rollback to savepoint receipts; ${everyTenant}`)
    throw error
  }
}

const isOpen = ({ status }: StoredReceipt) => status === 'received' || status === 'waiting'

async function lockReceipt(trx: Knex.Transaction, receiptId: string): Promise<StoredReceipt | undefined> {
  const { rows } = await trx.raw<{ rows: StoredReceipt[] }>(
    `select ${receiptColumns} from webhook_receipts where id = ? for update`,
    [receiptId],
  )
  return rows[0]
}

const repeated = (receipt: StoredReceipt): SettledReceipt => ({
  receiptId: receipt.id,
  provider: receipt.provider,
  kind: receipt.kind,
  status: receipt.status,
  tenantId: receipt.tenant_id ?? undefined,
  sessionId: receipt.session_id ?? undefined,
  signal: receipt.signal ?? undefined,
  repeated: true,
})
