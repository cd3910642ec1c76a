import type { Knex } from 'knex'
import type { DayRange } from '../domain/analytics.js'
import { bounds, minutesOf, numberOf, shareOf } from './analytics-sql.js'

/** How calls came out; `open` for those that are not over. */
export interface CallOutcomes {
  calls: number
  outcomes: { outcome: string; calls: number; share: number; minutes: number }[]
}

/** The outcomes of the calls of some days, the most frequent first. */
export async function selectOutcomes(trx: Knex.Transaction, tenantId: string, range: DayRange): Promise<CallOutcomes> {
  const { rows } = await trx.raw<{ rows: { outcome: string; calls: string; seconds: string }[] }>(
    `select outcome, sum(calls) as calls, sum(seconds) as seconds from analytics_call_counts
     where tenant_id = ? and date >= ?::date and date < ?::date
     group by outcome having sum(calls) <> 0 order by sum(calls) desc, outcome`,
    [tenantId, ...bounds(range)],
  )
  const calls = rows.reduce((sum, row) => sum + numberOf(row.calls), 0)
  return {
    calls,
    outcomes: rows.map(({ outcome, calls: n, seconds }) => ({
      outcome,
      calls: numberOf(n),
      share: shareOf(numberOf(n), calls) ?? 0,
      minutes: minutesOf(numberOf(seconds)),
    })),
  }
}
