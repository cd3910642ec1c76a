import type { Knex } from 'knex'
import type { Views } from './raw.js'

const byJson = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

/** The views as they answer in a transaction, in the words and the order of rawViews. */
export async function readViews(trx: Knex.Transaction): Promise<Views> {
  const all = async <T extends object>(sql: string) => (await trx.raw<{ rows: T[] }>(sql)).rows.sort(byJson)
  return {
    daily: await all(`select date::text as date, type, conversations::integer as conversations,
      minutes::double precision as minutes, median_prewarm from daily_conversations`),
    users: (
      await all<Omit<Views['users'][number], 'last'> & { last: Date }>(
        'select user_id, email, total::integer as total, last from conversations_per_user',
      )
    )
      .map((row) => ({ ...row, last: row.last.toISOString() }))
      .sort(byJson),
    outcomes: await all(
      `select outcome, calls::integer as calls, share::double precision as share from call_outcome_distribution`,
    ),
    quality:
      await all(`select ended::integer as ended, success_rate::double precision as success_rate, median_start_time,
      p95_start_time, abandoned_share::double precision as abandoned_share from session_quality`),
  }
}
