import type { Knex } from 'knex'
import { InvalidRequestError } from '../domain/errors.js'
import type { LoggedEvent, NewEvent } from '../domain/event.js'
import type { Actor } from '../domain/identity.js'
import type { Database } from './database.js'
import { eventChannel, keptNudges } from './event-nudges.js'
import { rowSet } from './row-set.js'
import { isUuid } from './values.js'

/** First key of the advisory locks that number a tenant's entries. */
const lockSpace = 7201

/**
 * Adds entries in the transaction of what they tell of, and lets the commit say so; the last statement before it, for it
 * takes a lock.
 */
export async function appendEvents(trx: Knex.Transaction, events: NewEvent[]): Promise<string[]> {
  if (events.length === 0) return []
  // Held until the commit: who reads on from an id would miss a lower one that is committed later. In order of tenant,
  // so that two transactions never wait for each other.
  const tenants = [...new Set(events.map((event) => event.tenantId))].sort()
  const kept = keptNudges(trx)
  const { rows } = await trx.raw<{ rows: { id: string; tenantId: string }[] }>(
    `${added} ${kept ? silently : andNotify} order by id`,
    [tenants as Knex.RawBinding, ...entries.bindings(events.map(rowOf))],
  )
  for (const { id, tenantId } of rows) kept?.set(tenantId, id)
  return rows.map(({ id }) => id)
}

const entries = rowSet<EntryRow>('entry', {
  tenant_id: 'uuid',
  event: 'text',
  severity: 'text',
  user_id: 'text',
  lead_id: 'text',
  session_id: 'uuid',
  trace_id: 'text',
  data: 'jsonb',
})
const added = `
  with locked as materialized (
    select count(pg_advisory_xact_lock(${lockSpace}, hashtext(tenant))) as locks
    from (select tenant from unnest(?::text[]) with ordinality as t (tenant, place) order by place) as tenants),
  added as (
    insert into event_logs (tenant_id, event, severity, user_id, lead_id, session_id, trace_id, data)
    select tenant_id, event, severity, user_id, lead_id, session_id, trace_id, data
    from locked, ${entries.from}
    where locked.locks > 0
    returning id, tenant_id)`
const silently = 'select id, tenant_id as "tenantId" from added'
/** One message for each tenant of the statement, whatever the number of entries; sent by the commit. */
const andNotify = `, told as materialized (
    select pg_notify('${eventChannel}', tenant_id || ' ' || max(id)) from added group by tenant_id)
  select id, tenant_id as "tenantId" from added, (select count(*) from told) as all_told`

/** Makes this month's and the next month's partition of the log, where they are missing. */
export async function ensureEventPartitions(database: Database): Promise<void> {
  await database.withService(undefined, (trx) => trx.raw('select parley_ensure_event_partitions()'))
}

export function createEventLog(database: Database) {
  return {
    /** The session's entries that the actor may see, in order, after an id. */
    listForSession: async (
      actor: Actor,
      sessionId: string,
      { after = '0', limit }: { after?: string | undefined; limit: number },
    ): Promise<LoggedEvent[]> => {
      if (!/^\d{1,18}$/.test(after)) throw invalidAfter()
      if (!isUuid(sessionId)) return []
      return await database.withTenant(actor, (trx) => selectEvents(trx, [sessionId, after, limit]))
    },
    ensurePartitions: () => ensureEventPartitions(database),
  }
}

export type EventLog = ReturnType<typeof createEventLog>

async function selectEvents(trx: Knex.Transaction, bindings: [string, string, number]): Promise<LoggedEvent[]> {
  const { rows } = await trx.raw<{ rows: LoggedEvent[] }>(
    `select id, event, severity, tenant_id as "tenantId", user_id as "userId", lead_id as "leadId",
       session_id as "sessionId", trace_id as "traceId", data, ts
     from event_logs where session_id = ? and id > ? order by id limit ?`,
    bindings,
  )
  return rows
}

const rowOf = (event: NewEvent) => ({
  tenant_id: event.tenantId,
  event: event.event,
  severity: event.severity ?? 'info',
  user_id: event.userId,
  lead_id: event.leadId,
  session_id: event.sessionId,
  trace_id: event.traceId,
  data: event.data,
})
type EntryRow = ReturnType<typeof rowOf>

const invalidAfter = () =>
  new InvalidRequestError('after is not the id of an event', [
    { pointer: 'query/after', detail: 'must be an event id' },
  ])
