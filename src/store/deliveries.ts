import type { Knex } from 'knex'
import { type DeliveryFilter, replayableStatuses, type ReplayFilter } from '../domain/delivery.js'
import type { Actor } from '../domain/identity.js'
import type { ReceiptSource, ReceiptStatus } from '../domain/webhook.js'
import type { Page, PageRequest } from '../domain/page.js'
import { exactTimeOf } from './cursor.js'
import type { Database } from './database.js'
import { andAll, deliveryConditions } from './delivery-conditions.js'
import { type Listing, selectPage } from './page.js'
import type { ReceiptCipher } from './receipt-cipher.js'
import { isUuid } from './values.js'

/** A receipt as leadership sees it in a list. */
export interface DeliverySummary {
  id: string
  provider: string
  kind: string
  externalId: string
  deliveryKey: string
  sessionId: string | null
  status: ReceiptStatus
  source: ReceiptSource
  /** Deliveries of the event so far. */
  attempts: number
  /** Tries of ours that failed. */
  tries: number
  receivedAt: Date
  lastSeenAt: Date
  firstProcessedAt: Date | null
  /** Of one that is to be tried again. */
  nextAttemptAt: Date | null
  error: string | null
  errorSide: 'ours' | 'theirs' | null
}

export interface Delivery extends DeliverySummary {
  headers: Record<string, string>
  /** The raw bytes; undefined when they cannot be decrypted any more. */
  payload: Buffer | undefined
}

/** How many a replay would take. */
export interface ReplayCount {
  count: number
  /** Of these: another delivery of the event has taken its key meanwhile. */
  superseded: number
  /** RFC 3339 in microseconds: what is received later is not part of it. */
  countedAt: string
}

const columns = `id, provider, kind, external_id as "externalId", delivery_key as "deliveryKey", session_id as "sessionId",
  status, source, attempts, tries, received_at as "receivedAt", last_seen_at as "lastSeenAt",
  first_processed_at as "firstProcessedAt",
  case when status in ('received', 'waiting') then next_attempt_at end as "nextAttemptAt", error, error_side as "errorSide"`

const listing: Listing = {
  table: 'webhook_receipts',
  columns,
  sorts: { received_at: { sql: 'received_at', type: 'timestamptz' } },
}

/** What providers delivered, as a company's leadership may see it: the policies leave out all else. */
export function createDeliveryStore({
  database,
  cipher,
}: {
  database: Pick<Database, 'withTenant'>
  cipher: Pick<ReceiptCipher, 'open'>
}) {
  return {
    list: (actor: Actor, request: PageRequest<DeliveryFilter>): Promise<Page<DeliverySummary>> =>
      database.withTenant(actor, (trx) =>
        selectPage<DeliverySummary>(trx, listing, {
          tenantId: actor.tenantId,
          request,
          conditions: deliveryConditions(request.filter),
        }),
      ),

    find: async (actor: Actor, id: string): Promise<Delivery | undefined> => {
      if (!isUuid(id)) return undefined
      const row = await database.withTenant(actor, (trx) => selectOne(trx, id))
      return row && { ...row, payload: readable(cipher, row) }
    },

    countReplayable: (actor: Actor, filter: ReplayFilter, countedAt?: string): Promise<ReplayCount> =>
      database.withTenant(actor, (trx) => countReplayable(trx, filter, countedAt)),
  }
}

export type DeliveryStore = ReturnType<typeof createDeliveryStore>

type Row = Omit<Delivery, 'payload'> & { payload: Buffer }

async function selectOne(trx: Knex.Transaction, id: string): Promise<Row | undefined> {
  const { rows } = await trx.raw<{ rows: Row[] }>(
    `select ${columns}, headers, payload from webhook_receipts where id = ?`,
    [id],
  )
  return rows[0]
}

/** A key that is gone must not hide the rest of the delivery. */
function readable(cipher: Pick<ReceiptCipher, 'open'>, { payload, deliveryKey }: Row): Buffer | undefined {
  try {
    return cipher.open(payload, deliveryKey)
  } catch {
    return undefined
  }
}

async function countReplayable(
  trx: Knex.Transaction,
  filter: ReplayFilter,
  countedAt: string | undefined,
): Promise<ReplayCount> {
  const [sql, bindings] = andAll(deliveryConditions(filter))
  const { rows } = await trx.raw<{ rows: ReplayCount[] }>(
    `with bound as materialized (select coalesce(?::timestamptz, now()) as at)
     select count(r.id)::int as count, ${exactTimeOf('bound.at')} as "countedAt",
       (count(*) filter (where r.status = 'failed' and exists (select from webhook_receipts o
         where o.delivery_key = r.delivery_key and o.status <> 'failed')))::int as superseded
     from bound left join (select id, status, delivery_key, received_at from webhook_receipts
       where status = any(?::text[])${sql}) r on r.received_at < bound.at
     group by bound.at`,
    [countedAt ?? null, replayableStatuses, ...bindings] as Knex.RawBinding[],
  )
  return rows[0] ?? { count: 0, superseded: 0, countedAt: countedAt ?? new Date().toISOString() }
}
