import type { Knex } from 'knex'
import { type DayRange, stretchesOf } from '../domain/analytics.js'
import { conversationTypes, type SessionProvider } from '../domain/session.js'
import { minutesOf, numberOf, rowsIn, shareOf } from './analytics-sql.js'

/** How the model was warmed before a conversation. */
export const prewarmings = ['warmed', 'already_warm', 'skipped', 'failed'] as const
export type Prewarming = (typeof prewarmings)[number]

/** Two values of a distribution; null without values. */
export interface Quantiles {
  median: number | null
  p95: number | null
}

/** What the conversations of some days came to. */
export interface Summary {
  conversations: number
  /** Over, however they ended. */
  ended: number
  succeeded: number
  failed: number
  abandoned: number
  successRate: number | null
  abandonedShare: number | null
  minutes: number
  /** Of those that are over. */
  meanSeconds: number | null
  durationSeconds: Quantiles
  startMs: Quantiles
  /** From the creation until the avatar is in the room. */
  joinMs: Quantiles
  prewarmMs: Quantiles
}

interface SummaryRow {
  key: string | null
  conversations: string
  succeeded: string
  failed: string
  abandoned: string
  seconds: string
  prewarm: [number | null, number | null]
  start: [number | null, number | null]
  join: [number | null, number | null]
  duration: [number | null, number | null]
}

const allMetrics = ['prewarm', 'start', 'join', 'duration'] as const
/** What a distribution is wanted of: one that is not asked for is not read, and empty. */
export type Metric = (typeof allMetrics)[number]
const zeros = ['succeeded', 'failed', 'abandoned', 'seconds'].map(() => '0').join(', ')

/** The conversations of some days as the actor may see them: all together, and apart by the column. */
export async function selectSummaries(
  trx: Knex.Transaction,
  range: DayRange,
  { by, metrics }: { by: 'type_id' | 'prewarmed'; metrics: readonly Metric[] },
): Promise<{ all: Summary; groups: Map<string, Summary> }> {
  const stretches = stretchesOf(range)
  const counts = rowsIn('analytics_session_counts', stretches)
  const bins = rowsIn('analytics_session_bins', stretches, `and metric = any('{${metrics.join(', ')}}')`)
  const quantiles = allMetrics.map(
    (name) => `parley_quantiles(parley_gather(bins) filter (where metric = '${name}'), '{0.5, 0.95}') as "${name}"`,
  )
  const { rows } = await trx.raw<{ rows: SummaryRow[] }>(
    `with merged as materialized (
       select ${by}, metric, (bin + 2147483648) >> 32 as bucket,
         sum((bin - (((bin + 2147483648) >> 32) << 32))::integer) as n
       from (${bins.sql}) as b cross join lateral unnest(b.bins) as bin group by 1, 2, 3)
     select ${by}::text as key, sum(conversations) as conversations, sum(succeeded) as succeeded, sum(failed) as failed,
       sum(abandoned) as abandoned, sum(seconds) as seconds, ${quantiles.join(', ')}
     from (
       select ${by}, conversations, succeeded, failed, abandoned, seconds, null as metric, null::bigint[] as bins
       from (${counts.sql}) as c
       union all select ${by}, 0, ${zeros}, metric, array_agg((bucket << 32) + n) from merged group by ${by}, metric) as parts
     group by grouping sets ((${by}), ())`,
    [...bins.bindings, ...counts.bindings],
  )
  const groups = new Map<string, Summary>()
  for (const row of rows) if (row.key !== null && numberOf(row.conversations) !== 0) groups.set(row.key, summaryOf(row))
  const all = rows.find(({ key }) => key === null)
  return { all: all ? summaryOf(all) : nothing, groups }
}

const quantilesOf = ([median, p95]: [number | null, number | null]): Quantiles => ({ median, p95 })

function summaryOf(row: SummaryRow): Summary {
  const [conversations, succeeded, failed, abandoned, seconds] = [
    row.conversations,
    row.succeeded,
    row.failed,
    row.abandoned,
    row.seconds,
  ].map(numberOf) as [number, number, number, number, number]
  const ended = succeeded + failed + abandoned
  return {
    conversations,
    ended,
    succeeded,
    failed,
    abandoned,
    successRate: shareOf(succeeded, ended),
    abandonedShare: shareOf(abandoned, ended),
    minutes: minutesOf(seconds),
    meanSeconds: ended === 0 ? null : Math.round((seconds / ended) * 10) / 10,
    durationSeconds: quantilesOf(row.duration),
    startMs: quantilesOf(row.start),
    joinMs: quantilesOf(row.join),
    prewarmMs: quantilesOf(row.prewarm),
  }
}

const nothing = summaryOf({
  key: null,
  conversations: '0',
  succeeded: '0',
  failed: '0',
  abandoned: '0',
  seconds: '0',
  prewarm: [null, null],
  start: [null, null],
  join: [null, null],
  duration: [null, null],
})

/** The provider whose number the type is. */
export const providerOfType = (type: string): SessionProvider =>
  Number(type) === conversationTypes.tavus ? 'tavus' : 'elevenlabs'
