import type { Knex } from 'knex'
import type { ReceiptStatus, SessionSignal } from '../domain/webhook.js'
import { reasonOf } from './receipt-errors.js'
import { settlementChannel, settlementMessage } from './receipt-settlements.js'

/** A receipt as its processing needs it. */
export interface StoredReceipt {
  id: string
  delivery_key: string
  provider: string
  kind: string
  external_id: string
  tenant_id: string | null
  session_id: string | null
  status: ReceiptStatus
  source: string
  payload: Buffer
  signal: SessionSignal | null
}

export const receiptColumns =
  'id, delivery_key, provider, kind, external_id, tenant_id, session_id, status, source, payload, signal'

/** What became of a receipt. */
export interface SettledReceipt {
  receiptId: string
  provider: string
  kind: string
  status: ReceiptStatus
  tenantId?: string | undefined
  sessionId?: string | undefined
  /** What the session's workflow is to be told. */
  signal?: SessionSignal | undefined
  /** Known before: nothing was changed, and nothing counts. */
  repeated?: boolean | undefined
  error?: string | undefined
}

export interface ReceiptStatesOptions {
  /** How long an event waits for its session. */
  matchMs: number
  /** Tell another process what became of a receipt, in the same commit. */
  notify: boolean
  /** Tries of what fails the same way each time. */
  maxTries?: number
}

/** The moves of a receipt that the transaction has locked. */
export function createReceiptStates({ matchMs, notify, maxTries = 5 }: ReceiptStatesOptions) {
  const patience = `interval '${Math.round(matchMs)} milliseconds'`

  async function change(
    trx: Knex.Transaction,
    receipt: StoredReceipt,
    set: string,
    bindings: unknown[],
  ): Promise<SettledReceipt> {
    const { rows } = await trx.raw<{ rows: { status: ReceiptStatus }[] }>(
      `update webhook_receipts set ${set} where id = ? returning status`,
      [...bindings, receipt.id] as Knex.RawBinding[],
    )
    const status = rows[0]?.status ?? receipt.status
    if (notify) await trx.raw('select pg_notify(?, ?)', [settlementChannel, settlementMessage(receipt.id, status)])
    return {
      receiptId: receipt.id,
      provider: receipt.provider,
      kind: receipt.kind,
      status,
      tenantId: receipt.tenant_id ?? undefined,
    }
  }

  return {
    async processed(
      trx: Knex.Transaction,
      receipt: StoredReceipt,
      {
        signalPending,
        ...of
      }: { tenantId: string | undefined; sessionId: string; signal: SessionSignal | undefined; signalPending: boolean },
    ): Promise<SettledReceipt> {
      const changed = await change(
        trx,
        receipt,
        `status = 'processed', first_processed_at = now(), tenant_id = ?, session_id = ?, signal = ?::jsonb,
         signal_pending = ?, error = null, error_side = null`,
        [
          of.tenantId ?? null,
          of.sessionId,
          of.signal ? JSON.stringify(of.signal) : null,
          signalPending && of.signal !== undefined,
        ],
      )
      return { ...changed, ...of }
    },
    /** No such session yet: the longer it has waited, the longer until the next look, and in the end it is parked. */
    waiting: (trx: Knex.Transaction, receipt: StoredReceipt) =>
      change(
        trx,
        receipt,
        `waiting_since = coalesce(waiting_since, now()),
         status = case when now() >= coalesce(waiting_since, now()) + ${patience} then 'unmatched' else 'waiting' end,
         next_attempt_at = least(coalesce(waiting_since, now()) + ${patience},
           now() + greatest(interval '1 second', least(interval '60 seconds', now() - coalesce(waiting_since, now())))),
         error = 'no such session', error_side = 'theirs'`,
        [],
      ),
    mismatched: (trx: Knex.Transaction, receipt: StoredReceipt) =>
      change(
        trx,
        receipt,
        `status = 'unmatched', error = 'the conversation is not the one of the session', error_side = 'theirs'`,
        [],
      ),
    /** After its effects were rolled back: one try fewer, and with the last the key is released. */
    async failed(trx: Knex.Transaction, receipt: StoredReceipt, cause: unknown): Promise<SettledReceipt> {
      const error = reasonOf(cause)
      const changed = await change(
        trx,
        receipt,
        `tries = tries + 1, status = case when tries + 1 >= ? then 'failed' else status end, error = ?, error_side = 'ours',
         next_attempt_at = now() + least(60, power(2, tries)) * interval '1 second'`,
        [maxTries, error],
      )
      return { ...changed, error }
    },
    /** Something passing: soon again, and no try is lost. */
    putOff: (trx: Knex.Transaction, receipt: StoredReceipt) =>
      change(trx, receipt, `next_attempt_at = now() + interval '1 second'`, []),
  }
}

export type ReceiptStates = ReturnType<typeof createReceiptStates>
