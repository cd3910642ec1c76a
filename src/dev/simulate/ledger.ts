import type pg from 'pg'

/** What Parley wrote down of one event. */
export interface LedgerReceipt {
  id: string
  provider: string
  kind: string
  externalId: string
  deliveryKey: string
  status: string
  error: string | null
  sha256: string
  /** How often the event log says that it was processed. */
  processed: number
}

/** What became of a call or conversation in the end. */
export interface LedgerRow {
  provider: string
  externalId: string
  outcome: string | null
  durationSeconds: number | null
  recording: boolean
  /** How often its end was told. */
  completed: number
}

export interface Ledger {
  receipts: LedgerReceipt[]
  rows: LedgerRow[]
}

const receiptsQuery = `
  select r.id, r.provider, r.kind, r.external_id as "externalId", r.delivery_key as "deliveryKey", r.status, r.error,
    encode(sha256(r.payload), 'hex') as sha256, coalesce(e.processed, 0)::int as processed
  from webhook_receipts r left join (
    select data->>'receipt_id' as receipt_id, count(*) as processed from event_logs
    where event = 'system.webhook.processed' group by 1) e on e.receipt_id = r.id::text
  where r.received_at >= $1`

const callsQuery = `
  select c.provider, c.external_id as "externalId", c.outcome, c.duration_seconds as "durationSeconds",
    c."recordingUrl" is not null as recording, coalesce(e.completed, 0)::int as completed
  from call_logs c left join (
    select data->>'call_id' as call_id, count(*) as completed from event_logs
    where event = 'telephony.call.completed' group by 1) e on e.call_id = c.id::text
  where c.created_at >= $1`

const conversationsQuery = `
  select 'elevenlabs' as provider, external_conversation_id as "externalId", null as outcome,
    duration_seconds as "durationSeconds", false as recording, 0 as completed
  from conversations_users where conversation_type_id = 2 and created_at >= $1`

/** Parley's side of the day, straight from its tables. */
export async function readLedger(client: pg.Client, since: Date): Promise<Ledger> {
  const receipts = await client.query<LedgerReceipt>(receiptsQuery, [since])
  const calls = await client.query<LedgerRow>(callsQuery, [since])
  const conversations = await client.query<LedgerRow>(conversationsQuery, [since])
  return { receipts: receipts.rows, rows: [...calls.rows, ...conversations.rows] }
}
