import type { Knex } from 'knex'
import type { ReceiptSignal, ReceiptStatus } from '../domain/webhook.js'
import type { Usage } from '../domain/usage.js'
import { reasonOf } from './receipt-errors.js'
import { settlementChannel } from './receipt-settlements.js'

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
  headers: Record<string, string>
  signal: ReceiptSignal | null
  received_at: Date
}

export const receiptColumns =
  'id, delivery_key, provider, kind, external_id, tenant_id, session_id, status, source, payload, headers, signal, received_at'

/** Whose a receipt is; or, of nobody's, the accounts by which somebody may claim it later. */
export interface Ownership {
  tenantId?: string | undefined
  accounts?: string[] | undefined
}

/** What became of a receipt. */
export interface SettledReceipt {
  receiptId: string
  provider: string
  kind: string
  status: ReceiptStatus
  tenantId?: string | undefined
  sessionId?: string | undefined
  /** What the workflow of the session or of the job is to be told. */
  signal?: ReceiptSignal | undefined
  /** Known before: nothing was changed, and nothing counts. */
  repeated?: boolean | undefined
  error?: string | undefined
  /** What its event says was used; counted once, for the event is taken once. */
  usage?: Usage | undefined
}

export interface ReceiptStatesOptions {
  /** How long an event waits for its session. */
  matchMs: number
  /** Tell another process what became of a receipt, in the same commit. */
  notify: boolean
  /** Tries of what fails the same way each time. */
  maxTries?: number
}

/** Tells another process in the very statement, and so with its commit. */
const told = (id: string, status: string) => `pg_notify('${settlementChannel}', ${id} || ' ' || ${status})`

/** Where an applied receipt goes. */
export type Move =
  | {
      to: 'processed'
      receipt: StoredReceipt
      tenantId?: string | undefined
      sessionId?: string | undefined
      signal?: ReceiptSignal | undefined
      /** The signal is sent by a later step, and is not to be forgotten. */
      signalPending: boolean
    }
  /** What it is about is not known yet: the longer it has waited, the longer until the next look; in the end it is parked. */
  | ({ to: 'waiting'; receipt: StoredReceipt; reason: string } & Ownership)
  /** Parked: it can never apply. */
  | ({ to: 'unmatched'; receipt: StoredReceipt; reason: string } & Ownership)

/** The moves of receipts that the transaction has locked. */
export function createReceiptStates({ matchMs, notify, maxTries = 5 }: ReceiptStatesOptions) {
  const patience = `interval '${Math.round(matchMs)} milliseconds'`
  const parked = `now() >= coalesce(r.waiting_since, now()) + ${patience}`
  const settle = `
    update webhook_receipts r set
      status = case when m.to <> 'waiting' then m.to when ${parked} then 'unmatched' else 'waiting' end,
      first_processed_at = case when m.to = 'processed' then now() else r.first_processed_at end,
      tenant_id = case when m.to = 'processed' then m.tenant_id else coalesce(m.tenant_id, r.tenant_id) end,
      accounts = case when m.to = 'processed' or coalesce(m.tenant_id, r.tenant_id) is not null then null else m.accounts end,
      session_id = case when m.to = 'processed' then m.session_id else r.session_id end,
      signal = case when m.to = 'processed' then m.signal else r.signal end,
      signal_pending = case when m.to = 'processed' then m.signal_pending else r.signal_pending end,
      waiting_since = case when m.to = 'waiting' then coalesce(r.waiting_since, now()) else r.waiting_since end,
      next_attempt_at = case when m.to <> 'waiting' then r.next_attempt_at else
        least(coalesce(r.waiting_since, now()) + ${patience}, now() + greatest(interval '1 second',
          least(interval '60 seconds', now() - coalesce(r.waiting_since, now())))) end,
      error = m.reason, error_side = case when m.reason is null then null else 'theirs' end
    from jsonb_to_recordset(?::jsonb) as m ("to" text, id uuid, tenant_id uuid, accounts text[],
      session_id uuid, signal jsonb, signal_pending boolean, reason text)
    where r.id = m.id returning r.id, r.status${notify ? `, ${told('r.id', 'r.status')}` : ''}`

  async function change(
    trx: Knex.Transaction,
    receipt: StoredReceipt,
    set: string,
    bindings: unknown[],
  ): Promise<SettledReceipt> {
    const { rows } = await trx.raw<{ rows: { status: ReceiptStatus }[] }>(
      `update webhook_receipts set ${set} where id = ? returning status${notify ? `, ${told('id', 'status')}` : ''}`,
      [...bindings, receipt.id] as Knex.RawBinding[],
    )
    return settledAs(receipt, rows[0]?.status ?? receipt.status)
  }

  return {
    /** One statement for all of them; the answers are in the same order. */
    async settle(trx: Knex.Transaction, moves: readonly Move[]): Promise<SettledReceipt[]> {
      if (moves.length === 0) return []
      const { rows } = await trx.raw<{ rows: { id: string; status: ReceiptStatus }[] }>(settle, [
        JSON.stringify(moves.map(rowOf)),
      ])
      const statuses = new Map(rows.map(({ id, status }) => [id, status]))
      const settled = moves.map((move): SettledReceipt => {
        const { receipt } = move
        const as = settledAs(receipt, statuses.get(receipt.id) ?? receipt.status)
        if (move.to !== 'processed')
          return {
            ...as,
            tenantId: move.tenantId ?? as.tenantId,
            // It counts as waiting once, however often it is looked for.
            ...(receipt.status === 'waiting' && as.status === 'waiting' ? { repeated: true } : {}),
          }
        return { ...as, tenantId: move.tenantId, sessionId: move.sessionId, signal: move.signal }
      })
      return settled
    },
    /** After its effects were rolled back: one try fewer, and with the last the key is released. */
    async failed(
      trx: Knex.Transaction,
      receipt: StoredReceipt,
      cause: unknown,
      { tenantId, accounts }: Ownership = {},
    ): Promise<SettledReceipt> {
      const error = reasonOf(cause)
      const changed = await change(
        trx,
        receipt,
        `tries = tries + 1, status = case when tries + 1 >= ? then 'failed' else status end, error = ?, error_side = 'ours',
         next_attempt_at = now() + least(60, power(2, tries)) * interval '1 second', tenant_id = coalesce(?::uuid, tenant_id),
         accounts = case when coalesce(?::uuid, tenant_id) is null then coalesce(?::text[], accounts) end`,
        [maxTries, error, tenantId ?? null, tenantId ?? null, accounts ?? null],
      )
      return { ...changed, tenantId: tenantId ?? changed.tenantId, error }
    },
    /**
     * As new, for one more try: what failed then fails at once, and what is not known is looked for anew. Theirs are the
     * keys again, which must be free.
     */
    async reopen(trx: Knex.Transaction, receiptIds: readonly string[]): Promise<StoredReceipt[]> {
      const { rows } = await trx.raw<{ rows: StoredReceipt[] }>(
        `update webhook_receipts set status = 'received', drain = true, tries = ?, error = null, error_side = null,
           waiting_since = null, next_attempt_at = now()
         where id = any(?::uuid[]) and status in ('failed', 'waiting', 'unmatched') returning ${receiptColumns}`,
        [maxTries - 1, receiptIds] as Knex.RawBinding[],
      )
      return rows
    },
    /** Something passing: soon again, and no try is lost. */
    putOff: (trx: Knex.Transaction, receipt: StoredReceipt) =>
      change(trx, receipt, `next_attempt_at = now() + interval '1 second'`, []),
  }
}

export type ReceiptStates = ReturnType<typeof createReceiptStates>

const settledAs = (receipt: StoredReceipt, status: ReceiptStatus): SettledReceipt => ({
  receiptId: receipt.id,
  provider: receipt.provider,
  kind: receipt.kind,
  status,
  tenantId: receipt.tenant_id ?? undefined,
})

function rowOf(move: Move): object {
  const { to, receipt } = move
  if (to !== 'processed')
    return { to, id: receipt.id, tenant_id: move.tenantId, accounts: move.accounts, reason: move.reason }
  const { tenantId, sessionId, signal, signalPending } = move
  return {
    to,
    id: receipt.id,
    tenant_id: tenantId,
    session_id: sessionId,
    signal,
    signal_pending: signalPending && signal !== undefined,
  }
}
