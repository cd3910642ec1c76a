// What a row counts for, and the statements that count: the migration counts what is there, the worker what comes.

/** What analytics say of a row of conversations_users; see docs/analytics.md for the meaning of each. */
export const sessionFacts = (s: string) => `
  ${s}.created_at,
  ${s}.conversation_type_id as type_id,
  ${s}.user_id,
  case when ${s}.ended_at is null then 'open'
    when ${s}.status = 'failed' then 'failed'
    when ${s}.facts->>'shutdownReason' = 'participant_absent_timeout' or ${s}.facts->>'endRequestedBy' = 'abandoned'
      then 'abandoned'
    else 'succeeded' end as outcome,
  case when ${s}.prewarm->>'success' = 'true' then 'warmed'
    when ${s}.prewarm->>'success' = 'false' then 'failed'
    when ${s}.prewarm->>'reason' = 'warm' then 'already_warm'
    else 'skipped' end as prewarmed,
  case when ${s}.ended_at is not null then ${s}.duration_seconds end as duration_seconds,
  ${s}.prewarm_ms,
  ${s}.start_ms,
  case when ${s}.joined_at >= ${s}.created_at
    then least(extract(epoch from ${s}.joined_at - ${s}.created_at) * 1000, 2147483647)::integer end as join_ms`

export const sessionFactNames =
  'created_at, type_id, user_id, outcome, prewarmed, duration_seconds, prewarm_ms, start_ms, join_ms'

/** Calls of a quarter of an hour count together: every zone's days begin at one. */
export const callFacts = (c: string) => `
  date_bin('15 minutes', ${c}.created_at, '2000-01-01Z') as created_at,
  coalesce(${c}.outcome, 'open') as outcome,
  coalesce(${c}.duration_seconds, 0)::bigint as seconds`

/** The company's day of a time; `z` has a row's zones. While a company moves to another zone, what was before is in that. */
export const dayOf = (at: string, z: string) =>
  `(${at} at time zone case when ${at} < ${z}.moved_to then ${z}.next_timezone else ${z}.timezone end)::date`

const monthOf = (day: string) => `date_trunc('month', ${day}::timestamp)::date`
const sumOf = (outcome: string) => `coalesce(sum(n) filter (where outcome = '${outcome}'), 0)::bigint as ${outcome}`
const sums = ['conversations', 'succeeded', 'failed', 'abandoned', 'seconds']
const added = (columns: readonly string[]) => columns.map((name) => `${name} = t.${name} + excluded.${name}`).join(', ')
const summed = (columns: readonly string[]) => columns.map((name) => `sum(${name})::bigint`).join(', ')

/**
 * A statement that adds conversations to the sums of their days and months. `source` selects tenant_id, date, n and the
 * facts of sessionFacts; n is how often each counts, negative to take it back. It may delete what it selects. Tells how many rows
 * came.
 */
export const addSessions = (source: string) => `
  with source as materialized (${source}),
  days as materialized (
    select tenant_id, date, type_id, prewarmed, sum(n)::bigint as conversations,
      ${['succeeded', 'failed', 'abandoned'].map(sumOf).join(', ')},
      coalesce(sum(n * duration_seconds::bigint), 0)::bigint as seconds
    from source group by 1, 2, 3, 4),
  bins as materialized (
    select tenant_id, date, type_id, prewarmed, metric, parley_bucket(value) as bucket, sum(n)::bigint as n
    from source cross join lateral
      (values ('prewarm', prewarm_ms), ('start', start_ms), ('join', join_ms), ('duration', duration_seconds)) as m (metric, value)
    where value is not null group by 1, 2, 3, 4, 5, 6 having sum(n) <> 0),
  counted as (
    insert into analytics_sessions as t (tenant_id, grain, date, type_id, prewarmed, ${sums.join(', ')})
    select * from (
      select tenant_id, 'day' as grain, date, type_id, prewarmed, ${sums.join(', ')} from days
      union all
      select tenant_id, 'month', ${monthOf('date')}, type_id, prewarmed, ${summed(sums)} from days group by 1, 3, 4, 5
    ) as both_grains order by 1, 2, 3, 4, 5
    on conflict (tenant_id, grain, date, type_id, prewarmed) do update set ${added(sums)}),
  binned as (
    insert into analytics_histograms as t (tenant_id, metric, grain, date, type_id, prewarmed, bins)
    select tenant_id, metric, grain, date, type_id, prewarmed, array_agg((bucket::bigint << 32) + n order by bucket) from (
      select tenant_id, metric, 'day' as grain, date, type_id, prewarmed, bucket, n from bins
      union all
      select tenant_id, metric, 'month', ${monthOf('date')}, type_id, prewarmed, bucket, sum(n)::bigint from bins
      group by 1, 2, 4, 5, 6, 7 having sum(n) <> 0
    ) as both_grains group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3, 4, 5, 6
    on conflict (tenant_id, metric, grain, date, type_id, prewarmed)
      do update set bins = parley_add_bins(t.bins, excluded.bins)),
  used as (
    insert into analytics_users as t (tenant_id, month, user_id, conversations, seconds)
    select tenant_id, ${monthOf('date')}, user_id, sum(n)::bigint, coalesce(sum(n * duration_seconds::bigint), 0)::bigint
    from source group by 1, 2, 3 order by 1, 2, 3
    on conflict (tenant_id, month, user_id) do update set ${added(['conversations', 'seconds'])})
  select count(*)::integer as rows from source`

/** As addSessions, for calls: `source` selects tenant_id, date, outcome, n and seconds, which is signed like n. */
export const addCalls = (source: string) => `
  with source as materialized (${source}),
  counted as (
    insert into analytics_calls as t (tenant_id, date, outcome, calls, seconds)
    select tenant_id, date, outcome, sum(n)::bigint, sum(seconds)::bigint from source group by 1, 2, 3 order by 1, 2, 3
    on conflict (tenant_id, date, outcome) do update set ${added(['calls', 'seconds'])})
  select count(*)::integer as rows from source`

/** Every conversation that `where` lets through, each once, in the words of addSessions. */
export const allSessions = (where = 'true') => `
  select s.tenant_id, 1 as n, ${dayOf('s.created_at', 'z')} as date, ${sessionFacts('s')}
  from conversations_users s join analytics_calendars z on z.tenant_id = s.tenant_id where ${where}`

/** Every call that `where` lets through, each once, in the words of addCalls. */
export const allCalls = (where = 'true') => `
  select tenant_id, ${dayOf('created_at', 'f')} as date, outcome, n, seconds from (
    select c.tenant_id, count(*) as n, z.timezone, z.next_timezone, z.moved_to, created_at, outcome, sum(seconds) as seconds
    from (select tenant_id, ${callFacts('call_logs')} from call_logs where ${where}) as c
      join analytics_calendars z on z.tenant_id = c.tenant_id group by 1, 3, 4, 5, 6, 7) as f`
