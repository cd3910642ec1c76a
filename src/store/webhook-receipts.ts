import type { Knex } from 'knex'
import type pg from 'pg'
import type { Usage } from '../domain/usage.js'
import type { Delivery, ReceiptSignal, ReceiptSource, ReceiptStatus } from '../domain/webhook.js'
import type { Database } from './database.js'
import type { ReceiptCipher } from './receipt-cipher.js'

type Sealing = Pick<ReceiptCipher, 'seal'>

/** A delivery on its way into the table. */
export interface Arrival {
  delivery: Delivery
  /** Nobody's workflow will have it: the drain takes it. */
  drain: boolean
  source: ReceiptSource
  /** RFC 3339; now unless it came earlier and was spooled. */
  receivedAt?: string
  /** How many deliveries of the event this stands for. */
  count: number
  /** The payload is as it is to be stored: the spool has encrypted it. */
  sealed?: boolean | undefined
}

/** The row that holds an event's key. */
export interface ReceiptRow {
  id: string
  delivery_key: string
  status: ReceiptStatus
  tenant_id: string | null
  /** False when an earlier delivery had made it. */
  inserted: boolean
  /** What its event says was used, when it was processed with it. */
  usage?: Usage | undefined
}

const columns = `delivery_key, provider, kind, external_id, session_id, payload, headers, source, drain, attempts, received_at, source_key`

const insertFrom = `
  insert into webhook_receipts (${columns}, status, workflow_id)
  select ${columns.replace('headers', 'headers::jsonb').replace('received_at', 'coalesce(received_at, now())')}, 'received',
    case when drain then null else 'webhook/' || delivery_key end
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::bytea[], $7::text[], $8::text[], $9::boolean[],
    $10::int[], $11::timestamptz[], $12::text[]) as arrival (${columns})
  on conflict (delivery_key) where status <> 'failed'`

const byKey = (a: Arrival, b: Arrival) => (a.delivery.deliveryKey < b.delivery.deliveryKey ? -1 : 1)

/** In order of the key: two statements with keys in common then wait for each other and never in a ring. */
function bindings(arrivals: readonly Arrival[], cipher: Sealing) {
  const rows = [...arrivals].sort(byKey)
  const column = (of: (arrival: Arrival) => unknown) => rows.map(of)
  return [
    column(({ delivery }) => delivery.deliveryKey),
    column(({ delivery }) => delivery.provider),
    column(({ delivery }) => delivery.kind),
    column(({ delivery }) => delivery.externalId),
    column(({ delivery }) => delivery.sessionId ?? null),
    column(({ delivery, sealed }) => (sealed ? delivery.payload : cipher.seal(delivery.payload, delivery.deliveryKey))),
    column(({ delivery }) => JSON.stringify(delivery.headers)),
    column(({ source }) => source),
    column(({ drain }) => drain),
    column(({ count }) => count),
    column(({ receivedAt }) => receivedAt ?? null),
    column(({ delivery }) => delivery.account ?? null),
  ] as Knex.RawBinding[]
}

/** A receipt that is new as far as its transaction can see, and what became of it there. */
export interface FreshReceipt {
  arrival: Arrival
  id: string
  processed: boolean
  tenantId: string | undefined
  usage: Usage | undefined
  /** What a workflow is yet to be told. */
  signal?: ReceiptSignal | undefined
}

const insertOnce = `
  insert into webhook_receipts (${columns}, id, status, tenant_id, signal, signal_pending, workflow_id, first_processed_at)
  select ${columns.replace('headers', 'headers::jsonb').replace('received_at', 'coalesce(received_at, now())')}, id, status, tenant_id,
    signal::jsonb, signal is not null, case when drain then null else 'webhook/' || delivery_key end,
    case when status = 'processed' then now() end
  from unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::uuid[], ?::bytea[], ?::text[], ?::text[], ?::boolean[], ?::int[],
    ?::timestamptz[], ?::text[], ?::uuid[], ?::text[], ?::uuid[], ?::text[])
    as arrival (${columns}, id, status, tenant_id, signal)`

/** Receipts as they are to stay; a key that is taken undoes the transaction. */
export async function insertFresh(
  trx: Knex.Transaction,
  fresh: readonly FreshReceipt[],
  cipher: Sealing,
): Promise<void> {
  if (fresh.length === 0) return
  const rows = [...fresh].sort((a, b) => byKey(a.arrival, b.arrival))
  await trx.raw(insertOnce, [
    ...bindings(
      rows.map(({ arrival }) => arrival),
      cipher,
    ),
    rows.map(({ id }) => id),
    rows.map(({ processed }) => (processed ? 'processed' : 'received')),
    rows.map(({ tenantId }) => tenantId ?? null),
    rows.map(({ signal }) => (signal ? JSON.stringify(signal) : null)),
  ] as Knex.RawBinding[])
}

/** Counts the deliveries of events that have a receipt, in order of the key, and answers for those alone. */
export async function countRepeats(trx: Knex.Transaction, arrivals: readonly Arrival[]): Promise<ReceiptRow[]> {
  const { rows } = await trx.raw<{ rows: ReceiptRow[] }>(
    `with known as materialized (
       select r.id, w.count from unnest(?::text[], ?::int[]) as w (delivery_key, count)
       join webhook_receipts r on r.delivery_key = w.delivery_key and r.status <> 'failed'
       order by r.delivery_key for update of r)
     update webhook_receipts r set attempts = r.attempts + known.count, last_seen_at = now()
     from known where r.id = known.id returning r.id, r.delivery_key, r.status, r.tenant_id, false as inserted`,
    [arrivals.map(({ delivery }) => delivery.deliveryKey), arrivals.map(({ count }) => count)] as Knex.RawBinding[],
  )
  return rows
}

const upsert = `${insertFrom} do update set attempts = webhook_receipts.attempts + excluded.attempts, last_seen_at = now()
  returning id, delivery_key, status, tenant_id, (xmax = 0) as inserted`
const insertMissing = `${insertFrom.replaceAll(/\$\d+/g, '?')} do nothing`

/** Arrivals as receipts; an event that has one is left as it is. */
export async function addMissing(trx: Knex.Transaction, arrivals: readonly Arrival[], cipher: Sealing): Promise<void> {
  await trx.raw(insertMissing, bindings(arrivals, cipher))
}

/** The table of receipts, as the receiving side uses it. */
export function createWebhookReceipts({
  database,
  cipher,
}: {
  database: Pick<Database, 'withService' | 'statement'>
  cipher: Sealing
}) {
  return {
    /**
     * Arrivals as receipts, in one statement and one commit; an event that has one counts up its deliveries instead.
     * @throws when two arrivals have the same key
     */
    insert: (arrivals: readonly Arrival[]): Promise<ReceiptRow[]> =>
      database.statement<ReceiptRow & pg.QueryResultRow>(upsert, bindings(arrivals, cipher)),
    /** Leaves a receipt to the drain, which its own workflow may not reach. */
    async release(receiptId: string): Promise<void> {
      await database.withService(undefined, (trx) =>
        trx.raw(`update webhook_receipts set drain = true where id = ? and status in ('received', 'waiting')`, [
          receiptId,
        ]),
      )
    },
  }
}

export type WebhookReceipts = ReturnType<typeof createWebhookReceipts>
