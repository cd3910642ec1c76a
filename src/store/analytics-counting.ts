import type { Knex } from 'knex'
import {
  addCalls,
  addSessions,
  callFacts,
  dayOf,
  sessionFactNames,
  sessionFacts,
} from '../../migrations/analytics-sums.js'
import type { Database } from './database.js'

/** What one step of the counting did. */
export interface CountedStep {
  /** Notes that were added to the sums. */
  counted: number
  /** There may be more to do at once. */
  more: boolean
}

/** Key of the advisory lock under which sums change: two who count at once would wait for each other row by row. */
const lockKey = 7216

const takenSessions = `
  delete from analytics_session_changes h using analytics_calendars z
  where z.tenant_id = h.tenant_id and (h.tenant_id, h.id) in (
    select tenant_id, id from analytics_session_changes order by tenant_id, id limit ?)
  returning h.tenant_id, h.n, ${dayOf('h.created_at', 'z')} as date, h.type_id, h.user_id, h.outcome, h.prewarmed,
    h.duration_seconds, h.prewarm_ms, h.start_ms, h.join_ms`

const takenCalls = `
  delete from analytics_call_changes h using analytics_calendars z
  where z.tenant_id = h.tenant_id and (h.tenant_id, h.id) in (
    select tenant_id, id from analytics_call_changes order by tenant_id, id limit ?)
  returning h.tenant_id, ${dayOf('h.created_at', 'z')} as date, h.outcome, h.n, h.seconds`

// A company's calendar is made when it is first counted; a changed zone is noted, and its days are moved step by step.
const newCalendars = `
  insert into analytics_calendars (tenant_id, named, timezone)
  select id, timezone, parley_timezone(timezone) from companies c
  where not exists (select from analytics_calendars k where k.tenant_id = c.id)
  on conflict do nothing`
const changedZones = `
  update analytics_calendars k set named = c.timezone, next_timezone = nullif(parley_timezone(c.timezone), k.timezone),
    moved_to = '-infinity'
  from companies c where c.id = k.tenant_id and c.timezone <> k.named and k.next_timezone is null`

/**
 * Adds what triggers have noted to the sums that analytics read. A note and what it changes commit together, and so do its
 * removal and the sums: whoever reads both at once reads exactly what the rows say.
 */
export function createAnalyticsCounting({ database }: { database: Pick<Database, 'withService'> }) {
  return {
    /** Counts at most `limit` notes of each kind, or moves about as many rows to their company's new zone. */
    step: (limit: number): Promise<CountedStep> =>
      database.withService(undefined, async (trx) => {
        if (!(await locked(trx))) return { counted: 0, more: false }
        await trx.raw(newCalendars)
        await trx.raw(changedZones)
        const sessions = await rowsOf(trx, addSessions(takenSessions), [limit])
        const calls = await rowsOf(trx, addCalls(takenCalls), [limit])
        const moved = await moveDays(trx, limit)
        return { counted: sessions + calls, more: moved || sessions === limit || calls === limit }
      }),
  }
}

export type AnalyticsCounting = ReturnType<typeof createAnalyticsCounting>

async function locked(trx: Knex.Transaction): Promise<boolean> {
  const { rows } = await trx.raw<{ rows: { held: boolean }[] }>('select pg_try_advisory_xact_lock(?) as held', [
    lockKey,
  ])
  return rows[0]?.held === true
}

async function rowsOf(trx: Knex.Transaction, sql: string, bindings: Knex.RawBinding[]): Promise<number> {
  const { rows } = await trx.raw<{ rows: { rows: number }[] }>(sql, bindings)
  return rows[0]?.rows ?? 0
}

interface Move {
  tenantId: string
  timezone: string
  nextTimezone: string
  /** From where to where, as PostgreSQL writes times; whole days. */
  since: string
  until: string
}

const nextDays = (table: string) => `coalesce((
  select date_trunc('day', r.created_at, 'UTC') + interval '1 day' from ${table} r
  where r.tenant_id = k.tenant_id and r.created_at >= k.moved_to order by r.created_at offset ? limit 1), 'infinity')`

const nextMove = `
  select k.tenant_id as "tenantId", k.timezone, k.next_timezone as "nextTimezone", k.moved_to::text as since,
    least(${nextDays('conversations_users')}, ${nextDays('call_logs')})::text as until
  from analytics_calendars k where k.next_timezone is not null order by k.tenant_id limit 1`

const within = (alias: string) =>
  `${alias}.tenant_id = ? and ${alias}.created_at >= ?::timestamptz and ${alias}.created_at < ?::timestamptz`
const zones = '(values (-1, ?::text), (1, ?::text)) as v (sign, zone)'
const dayIn = (at: string) => `(${at} at time zone v.zone)::date`

// What has been counted is what the rows say without what is only noted yet; that follows under the new zone.
const movedSessions = `
  select x.tenant_id, x.n * v.sign as n, ${dayIn('x.created_at')} as date, ${sessionFactNames.replace('created_at, ', '')}
  from (select s.tenant_id, 1 as n, ${sessionFacts('s')} from conversations_users s where ${within('s')}
    union all select h.tenant_id, -h.n, ${sessionFactNames} from analytics_session_changes h where ${within('h')}) as x
    cross join ${zones}`
const movedCalls = `
  select x.tenant_id, ${dayIn('x.created_at')} as date, x.outcome, x.n * v.sign as n, x.seconds * v.sign as seconds
  from (select c.tenant_id, 1 as n, ${callFacts('c')} from call_logs c where ${within('c')}
    union all select h.tenant_id, -h.n, h.created_at, h.outcome, -h.seconds from analytics_call_changes h where ${within('h')}
  ) as x cross join ${zones}`

/** @returns whether there was something to move */
async function moveDays(trx: Knex.Transaction, limit: number): Promise<boolean> {
  const { rows } = await trx.raw<{ rows: Move[] }>(nextMove, [limit, limit])
  const [move] = rows
  if (!move) return false
  const { tenantId, timezone, nextTimezone, since, until } = move
  const bounds = [tenantId, since, until]
  const bindings = [...bounds, ...bounds, timezone, nextTimezone]
  await trx.raw(addSessions(movedSessions), bindings)
  await trx.raw(addCalls(movedCalls), bindings)
  if (until === 'infinity')
    await trx.raw(
      `update analytics_calendars set timezone = next_timezone, next_timezone = null, moved_to = '-infinity'
       where tenant_id = ?`,
      [tenantId],
    )
  else await trx.raw('update analytics_calendars set moved_to = ?::timestamptz where tenant_id = ?', [until, tenantId])
  return true
}
