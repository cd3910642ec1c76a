import type { Knex } from 'knex'
import { chunks } from '../domain/chunks.js'
import type { NewEvent } from '../domain/event.js'
import type { Usage } from '../domain/usage.js'
import type { WebhookEffect } from '../domain/webhook.js'
import type { Applied, Applier, Appliers, Beside, Pending } from './receipt-applier.js'
import type { ReceiptCipher } from './receipt-cipher.js'
import type { Move, StoredReceipt } from './receipt-states.js'

/** What a provider is given of a receipt. */
export interface ReceivedDelivery {
  provider: string
  kind: string
  externalId: string
  deliveryKey: string
  payload: Buffer
  headers: Record<string, string>
  receivedAt: Date
}

export interface ReceiptEffectsDeps {
  effectsOf: (delivery: ReceivedDelivery) => WebhookEffect
  cipher: Pick<ReceiptCipher, 'open'>
  appliers: Appliers
}

/** So many at once: sessions are folded one by one, and their locks keep answers waiting; the others go set-wise. */
const sliceOf = (target: WebhookEffect['target']) => (target === 'session' ? 8 : 256)

/** What receipts do, and doing it. */
export function createReceiptEffects({ effectsOf, cipher, appliers }: ReceiptEffectsDeps) {
  /** A receipt whose payload is as it came. */
  function withEffect(receipt: StoredReceipt): Pending {
    const { external_id: externalId, delivery_key: deliveryKey, received_at: receivedAt } = receipt
    return { receipt, effect: effectsOf({ ...receipt, externalId, deliveryKey, receivedAt }) }
  }

  return {
    withEffect,
    /** The one place where a stored payload is opened. */
    pendingOf: (stored: StoredReceipt): Pending =>
      withEffect({ ...stored, payload: cipher.open(stored.payload, stored.delivery_key) }),
    /**
     * All of one target: where each receipt goes then, and what belongs into the event log. Throws for all when one cannot
     * be applied. Repeats that are found meanwhile are left out; only calls are looked up so.
     */
    async apply(
      trx: Knex.Transaction,
      all: readonly Pending[],
      signalPending: boolean,
      beside?: Beside,
    ): Promise<{ moves: Move[]; events: NewEvent[]; usages: (Usage | undefined)[] }> {
      const [first] = all
      if (!first) return { moves: [], events: [], usages: [] }
      const apply = appliers[first.effect.target] as Applier | undefined
      if (!apply) throw new Error(`nothing applies effects on a ${first.effect.target}`)
      const applied = await apply(trx, all, beside)
      const repeated = await beside?.repeats
      const pending = repeated ? all.filter(({ receipt }) => !repeated.has(receipt.delivery_key)) : all
      return {
        moves: pending.map(({ receipt }, index) => moveOf(receipt, applied[index], signalPending)),
        events: pending.flatMap(({ receipt }, index) => eventsOf(receipt, applied[index])),
        usages: pending.map((one, index) => usageOf(one, applied[index])),
      }
    },
  }
}

export type ReceiptEffects = ReturnType<typeof createReceiptEffects>

/** By target, and within it in the order of the rows' keys: two transactions then never wait for each other in a ring. */
export function slices(pending: readonly Pending[]): Pending[][] {
  const groups = new Map<WebhookEffect['target'], Pending[]>()
  for (const one of pending) {
    const group = groups.get(one.effect.target)
    if (group) group.push(one)
    else groups.set(one.effect.target, [one])
  }
  return [...groups].flatMap(([target, group]) => {
    group.sort((a, b) => (lockKey(a.receipt) < lockKey(b.receipt) ? -1 : 1))
    return chunks(group, sliceOf(target))
  })
}

const lockKey = ({ session_id, external_id }: StoredReceipt) => session_id ?? external_id

function moveOf(receipt: StoredReceipt, applied: Applied | undefined, signalPending: boolean): Move {
  if (!applied) throw new Error('an applier answered for fewer receipts than it was given')
  if (applied.state === 'unknown') return { to: 'waiting', receipt, reason: applied.reason }
  if (applied.state === 'mismatch') return { to: 'unmatched', receipt, reason: applied.reason }
  const { tenantId, sessionId, signal } = applied
  return { to: 'processed', receipt, tenantId, sessionId, signal, signalPending }
}

/** The effect's own entries, and the one that says that the event was taken. */
function eventsOf(receipt: StoredReceipt, applied: Applied | undefined): NewEvent[] {
  if (applied?.state !== 'applied' || applied.tenantId === undefined) return []
  const { tenantId, sessionId, userId, leadId } = applied
  const { provider, kind, external_id, id: receipt_id, source } = receipt
  const data = { provider, kind, external_id, receipt_id, source }
  return [...applied.events, { event: 'system.webhook.processed', tenantId, sessionId, userId, leadId, data }]
}

/** What the event says was used, once it is taken. */
function usageOf({ effect }: Pending, applied: Applied | undefined): Usage | undefined {
  if (applied?.state !== 'applied') return undefined
  const told = effect.target === 'session' ? effect.event.usage : undefined
  const smsSent = applied.events.filter(({ event }) => event === 'telephony.sms.sent').length
  if (applied.usage) return applied.usage
  return told || smsSent > 0 ? { ...told, ...(smsSent > 0 ? { smsSent } : {}) } : undefined
}
