import type { Knex } from 'knex'
import type { DayRange, Stretch } from '../domain/analytics.js'

/** SQL with its bindings; placeholders are question marks. */
export interface Query {
  sql: string
  bindings: Knex.RawBinding[]
}

type View = 'analytics_session_counts' | 'analytics_session_bins'

/** Rows of a view of sums in each stretch; apart, so that each is a range of an index. */
export function rowsIn(view: View, stretches: readonly Stretch[], more = ''): Query {
  const sql = stretches.map(
    () => `select * from ${view} where grain = ? and date >= ?::date and date < ?::date ${more}`,
  )
  return { sql: sql.join(' union all '), bindings: stretches.flatMap(({ grain, from, to }) => [grain, from, to]) }
}

/** What the actor's own zone calls today, and the zone. */
export async function calendarOf(
  trx: Knex.Transaction,
  tenantId: string,
): Promise<{ timezone: string; today: string }> {
  const { rows } = await trx.raw<{ rows: { timezone: string; today: string }[] }>(
    `select timezone, (now() at time zone timezone)::date::text as today from analytics_zones where tenant_id = ?`,
    [tenantId],
  )
  return rows[0] ?? { timezone: 'UTC', today: new Date().toISOString().slice(0, 10) }
}

/**
 * A bound that every zone's day lies within: the exact day is asked for beside it. Of the column's own type, for policies let
 * no comparison of two types search an index.
 */
export const around = (column: string) =>
  `${column} >= (?::date - interval '2 days')::timestamptz and ${column} < (?::date + interval '2 days')::timestamptz`

/** What lies within the days in every zone, so that the exact day, which costs more to find out, need not be looked at. */
export const amid = (column: string) =>
  `(${column} >= (?::date + interval '2 days')::timestamptz and ${column} < (?::date - interval '2 days')::timestamptz)`

export const bounds = ({ from, to }: DayRange): [string, string] => [from, to]

/** A sum, which PostgreSQL gives as text. */
export const numberOf = (value: string | number | null) => (value === null ? 0 : Number(value))

/** Of a whole, to four places; null of nothing. */
export const shareOf = (part: number, whole: number) =>
  whole === 0 ? null : Math.round((part / whole) * 10_000) / 10_000

export const minutesOf = (seconds: number) => Math.round((seconds / 60) * 100) / 100
