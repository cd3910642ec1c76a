import type { Knex } from 'knex'
import { daysAfter } from '../domain/analytics.js'
import type { Recap } from '../domain/recap.js'
import { selectOutcomes } from './analytics-outcomes.js'
import { minutesOf } from './analytics-sql.js'
import { providerOfType, selectSummaries } from './analytics-summary.js'

interface Day {
  tenantId: string
  /** YYYY-MM-DD, and the zone in which it is meant. */
  date: string
  timezone: string
}

/** Adds a day up, from the same numbers as the routes; inside a transaction that sees the company. */
export async function composeRecap(trx: Knex.Transaction, day: Day): Promise<Recap> {
  const range = { from: day.date, to: daysAfter(day.date, 1) }
  const { all, groups } = await selectSummaries(trx, range, { by: 'type_id', metrics: ['start'] })
  const calls = await selectOutcomes(trx, day.tenantId, range)
  const analysis = await selectAnalysis(trx, day)
  const minutes = calls.outcomes.reduce((sum, outcome) => sum + outcome.minutes, 0)
  return {
    conversations: {
      total: all.conversations,
      ended: all.ended,
      minutes: all.minutes,
      success_rate: all.successRate,
      abandoned_share: all.abandonedShare,
      median_start_ms: all.startMs.median,
      by_provider: Object.fromEntries([...groups].map(([type, group]) => [providerOfType(type), group.conversations])),
    },
    calls: {
      total: calls.calls,
      minutes: minutesOf(minutes * 60),
      by_outcome: Object.fromEntries(calls.outcomes.map(({ outcome, calls: n }) => [outcome, n])),
    },
    ...(analysis && { call_analysis: analysis }),
  }
}

const maxTopics = 10
const longestTopic = 100

// The partner's results are its own: what is no number is no sentiment, and what is no text no topic.
const analysisOfDay = `
  with calls as materialized (
    select id from call_logs where tenant_id = :tenantId and created_at >= cast(:date as timestamp) at time zone :timezone
      and created_at < (cast(:date as timestamp) + interval '1 day') at time zone :timezone),
  results as materialized (
    select distinct on (j.subject_id) j.subject_id, j.result from uwc_jobs j join calls on calls.id = j.subject_id
    where j.tenant_id = :tenantId and j.kind = 'analysis' and j.subject_type = 'call' and j.status = 'completed'
    order by j.subject_id, j.reported_at desc nulls last, j.id),
  topics as (
    select left(t.topic #>> '{}', ${longestTopic}) as topic, count(distinct subject_id)::integer as calls from results,
      jsonb_array_elements(case jsonb_typeof(result->'topics') when 'array' then result->'topics' else '[]' end) as t (topic)
    where jsonb_typeof(t.topic) = 'string' group by 1 order by 2 desc, 1 limit ${maxTopics})
  select (select count(*)::integer from transcripts t join calls on calls.id = t.call_id where t.tenant_id = :tenantId)
      as transcribed,
    (select count(*)::integer from results) as analysed,
    (select round(avg(case jsonb_typeof(result->'sentiment') when 'number' then (result->>'sentiment')::numeric end), 3)
      ::double precision from results) as "meanSentiment",
    (select coalesce(jsonb_agg(jsonb_build_object('topic', topic, 'calls', calls) order by calls desc, topic), '[]')
      from topics) as topics`

interface AnalysisRow {
  transcribed: number
  analysed: number
  meanSentiment: number | null
  topics: { topic: string; calls: number }[]
}

async function selectAnalysis(
  trx: Knex.Transaction,
  { tenantId, date, timezone }: Day,
): Promise<Recap['call_analysis'] | undefined> {
  const { rows } = await trx.raw<{ rows: AnalysisRow[] }>(analysisOfDay, { tenantId, date, timezone })
  const [row] = rows
  if (!row || row.transcribed + row.analysed === 0) return undefined
  const { meanSentiment, ...rest } = row
  return { ...rest, mean_sentiment: meanSentiment }
}
