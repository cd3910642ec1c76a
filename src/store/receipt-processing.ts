import type { Knex } from 'knex'
import type { NewEvent, SessionEvent } from '../domain/event.js'
import { conversationTypes } from '../domain/session.js'
import { signalOf, type WebhookEffect } from '../domain/webhook.js'
import type { Database } from './database.js'
import { isDatabaseDown } from './database-down.js'
import { isTransient } from './receipt-errors.js'
import { receiptColumns, type ReceiptStates, type SettledReceipt, type StoredReceipt } from './receipt-states.js'

type Applied = {
  found: true
  mismatch: false
  tenantId?: string | null | undefined
  userId?: string | null | undefined
  leadId?: string | null | undefined
  events: NewEvent[]
}

/** A receipt's outcome and what belongs into the event log with it. */
export interface SettledWithEvents {
  settled: SettledReceipt
  events: NewEvent[]
}

export interface ReceiptProcessingDeps {
  database: Pick<Database, 'withService'>
  states: ReceiptStates
  effectsOf: (delivery: { provider: string; kind: string; externalId: string; payload: Buffer }) => WebhookEffect
  foldIntoSession: (
    trx: Knex.Transaction,
    change: { sessionId: string; conversationId: string; events: SessionEvent[] },
  ) => Promise<{ found: false } | { found: true; mismatch: true } | Applied>
  appendEvents: (trx: Knex.Transaction, events: NewEvent[]) => Promise<unknown>
}

/** Takes receipts to their end: effects, event log and receipt in one transaction. */
export function createReceiptProcessing({
  database,
  states,
  effectsOf,
  foldIntoSession,
  appendEvents,
}: ReceiptProcessingDeps) {
  async function apply(
    trx: Knex.Transaction,
    receipt: StoredReceipt,
    signalPending: boolean,
  ): Promise<SettledWithEvents> {
    const none = (settled: SettledReceipt) => ({ settled, events: [] })
    const { conversationId, event } = effectsOf({ ...receipt, externalId: receipt.external_id })
    const sessionId = receipt.session_id ?? (await sessionOfConversation(trx, receipt.provider, conversationId))
    if (!sessionId) return none(await states.waiting(trx, receipt))
    const applied = await foldIntoSession(trx, { sessionId, conversationId, events: [event] })
    if (!applied.found) return none(await states.waiting(trx, receipt))
    if (applied.mismatch) return none(await states.mismatched(trx, receipt))
    const tenantId = applied.tenantId ?? undefined
    const signal = signalOf(receipt.delivery_key, event)
    const settled = await states.processed(trx, receipt, { tenantId, sessionId, signal, signalPending })
    const events = tenantId ? [...applied.events, processedEvent(receipt, sessionId, tenantId, applied)] : []
    return { settled, events }
  }

  /** One of several in a transaction: what fails is undone alone, and its neighbours go on. */
  async function applySafely(
    trx: Knex.Transaction,
    receipt: StoredReceipt,
    signalPending: boolean,
  ): Promise<SettledWithEvents> {
    // The receipt before may have confined the transaction to its tenant.
    await trx.raw(`savepoint receipt; ${everyTenant}`)
    try {
      const applied = await apply(trx, receipt, signalPending)
      await trx.raw('release savepoint receipt')
      return applied
    } catch (error) {
      if (isDatabaseDown(error)) throw error
      await trx.raw(`rollback to savepoint receipt; ${everyTenant}`)
      const settled = isTransient(error) ? await states.putOff(trx, receipt) : await states.failed(trx, receipt, error)
      return { settled, events: [] }
    }
  }

  async function processOnce(receiptId: string): Promise<SettledReceipt | undefined> {
    return await database.withService(undefined, async (trx) => {
      const receipt = await lockReceipt(trx, receiptId)
      if (receipt && !isOpen(receipt)) return repeated(receipt)
      if (!receipt) return undefined
      const { settled, events } = await apply(trx, receipt, false)
      await appendEvents(trx, events)
      return settled
    })
  }

  return {
    /** Several receipts in one transaction, their events last: that lock is the tenants', and is to be held shortly. */
    async applyAll(
      trx: Knex.Transaction,
      receipts: Iterable<StoredReceipt>,
      signalPending: boolean,
    ): Promise<SettledReceipt[]> {
      const done: SettledWithEvents[] = []
      for (const receipt of receipts) done.push(await applySafely(trx, receipt, signalPending))
      await trx.raw(everyTenant)
      await appendEvents(
        trx,
        done.flatMap(({ events }) => events),
      )
      return done.map(({ settled }) => settled)
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
          return receipt && isOpen(receipt) ? await states.failed(trx, receipt, error) : undefined
        })
        if (failed?.status === 'failed') return failed
        throw error
      }
    },
  }
}

export type ReceiptProcessing = ReturnType<typeof createReceiptProcessing>

/** Lets a service transaction see the rows of every tenant again. */
const everyTenant = `select set_config('app.tenant_id', '', true)`

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

/** Without a token only the conversation tells the session. */
async function sessionOfConversation(
  trx: Knex.Transaction,
  provider: string,
  conversationId: string,
): Promise<string | undefined> {
  const type = Object.hasOwn(conversationTypes, provider)
    ? conversationTypes[provider as keyof typeof conversationTypes]
    : 0
  const { rows } = await trx.raw<{ rows: { session_id: string }[] }>(
    `select session_id from conversations_users where conversation_type_id = ? and external_conversation_id = ?
     union all select session_id from untracked_sessions where external_conversation_id = ? limit 1`,
    [type, conversationId, conversationId],
  )
  return rows[0]?.session_id
}

function processedEvent(
  receipt: StoredReceipt,
  sessionId: string,
  tenantId: string,
  { userId, leadId }: Applied,
): NewEvent {
  const { provider, kind, external_id, id: receipt_id, source } = receipt
  return {
    event: 'system.webhook.processed',
    tenantId,
    sessionId,
    userId: userId ?? undefined,
    leadId: leadId ?? undefined,
    data: { provider, kind, external_id, receipt_id, source },
  }
}
