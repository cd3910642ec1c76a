import { callFacts, dayOf, sessionFacts } from './analytics-sums.js'
import { role, user } from './row-security.js'

// Whoever may read the company's sums reads them, and what has been noted since: together they are exact in every
// snapshot. Whoever may not reads the rows of their own, as the policies of the rows themselves say.

const invoker = 'with (security_invoker = true)'
const grains = `(values ('day'), ('month')) as g (grain)`
const periodOf = (day: string) =>
  `case g.grain when 'day' then ${day} else date_trunc('month', ${day}::timestamp)::date end`
const metrics = `(values ('prewarm', r.prewarm_ms), ('start', r.start_ms), ('join', r.join_ms), ('duration', r.duration_seconds))
  as m (metric, value)`
const outcomeSums = ['succeeded', 'failed', 'abandoned'].map(
  (name) => `case when r.outcome = '${name}' then r.n else 0 end`,
)

const zones = `
  create view analytics_zones ${invoker} as
  select c.id as tenant_id, coalesce(k.timezone, parley_timezone(c.timezone)) as timezone, k.next_timezone,
    coalesce(k.moved_to, '-infinity') as moved_to
  from companies c left join analytics_calendars k on k.tenant_id = c.id;`

const sessionRows = `
  create view analytics_session_rows ${invoker} as
  select h.tenant_id, h.n, ${dayOf('h.created_at', 'z')} as date, h.type_id, h.user_id, h.outcome, h.prewarmed,
    h.duration_seconds, h.prewarm_ms, h.start_ms, h.join_ms
  from analytics_session_changes h join analytics_zones z on z.tenant_id = h.tenant_id
  union all
  select s.tenant_id, 1, ${dayOf('s.created_at', 'z')}, s.type_id, s.user_id, s.outcome, s.prewarmed, s.duration_seconds,
    s.prewarm_ms, s.start_ms, s.join_ms
  from (select tenant_id, ${sessionFacts('own')} from conversations_users own
      where ${role} in ('csr', 'rep') and (user_id = ${user} or owner_user_id = ${user})) as s
    join analytics_zones z on z.tenant_id = s.tenant_id;

  create view analytics_session_counts ${invoker} as
  select tenant_id, grain, date, type_id, prewarmed, conversations, succeeded, failed, abandoned, seconds
  from analytics_sessions
  union all
  select r.tenant_id, g.grain, ${periodOf('r.date')}, r.type_id, r.prewarmed, r.n, ${outcomeSums.join(', ')},
    coalesce(r.n * r.duration_seconds::bigint, 0)
  from analytics_session_rows r cross join ${grains};

  create view analytics_session_bins ${invoker} as
  select tenant_id, metric, grain, date, type_id, prewarmed, bins from analytics_histograms
  union all
  select r.tenant_id, m.metric, g.grain, ${periodOf('r.date')}, r.type_id, r.prewarmed,
    array_agg((parley_bucket(m.value)::bigint << 32) + r.n)
  from analytics_session_rows r cross join ${grains} cross join lateral ${metrics}
  where m.value is not null group by 1, 2, 3, 4, 5, 6;

  create view analytics_user_counts ${invoker} as
  select tenant_id, month, user_id, conversations, seconds from analytics_users
  union all
  select tenant_id, date_trunc('month', date::timestamp)::date, user_id, n, coalesce(n * duration_seconds::bigint, 0)
  from analytics_session_rows;`

const callCounts = `
  create view analytics_call_counts ${invoker} as
  select tenant_id, date, outcome, calls, seconds from analytics_calls
  union all
  select h.tenant_id, ${dayOf('h.created_at', 'z')}, h.outcome, h.n, h.seconds
  from analytics_call_changes h join analytics_zones z on z.tenant_id = h.tenant_id
  union all
  select c.tenant_id, ${dayOf('c.created_at', 'z')}, c.outcome, 1, c.seconds
  from (select tenant_id, ${callFacts('own')} from call_logs own where ${role} = 'rep' and user_id = ${user}) as c
    join analytics_zones z on z.tenant_id = c.tenant_id;`

const named = `
  create view daily_conversations ${invoker} as
  select d.tenant_id, d.date, t.name as type, sum(d.conversations)::bigint as conversations,
    round(sum(d.seconds) / 60.0, 2) as minutes, (parley_quantiles(parley_gather(d.bins), '{0.5}'))[1] as median_prewarm
  from (
    select tenant_id, date, type_id, conversations, seconds, null::bigint[] as bins
    from analytics_session_counts where grain = 'day'
    union all
    select tenant_id, date, type_id, 0, 0, bins from analytics_session_bins where grain = 'day' and metric = 'prewarm'
  ) as d join conversation_type t on t.id = d.type_id
  group by d.tenant_id, d.date, t.name having sum(d.conversations) <> 0;

  create view conversations_per_user ${invoker} as
  select c.tenant_id, c.user_id, u.user_email as email, c.total, (
    select s.created_at from conversations_users s where s.tenant_id = c.tenant_id and s.user_id = c.user_id
    order by s.created_at desc, s.session_id desc limit 1) as last
  from (select tenant_id, user_id, sum(conversations)::bigint as total from analytics_user_counts
      group by tenant_id, user_id having sum(conversations) <> 0) as c
    left join users u on u.tenant_id = c.tenant_id and u.id = case
      when c.user_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then c.user_id::uuid end;

  create view call_outcome_distribution ${invoker} as
  select tenant_id, outcome, sum(calls)::bigint as calls,
    round(sum(calls) / sum(sum(calls)) over (partition by tenant_id), 4) as share
  from analytics_call_counts group by tenant_id, outcome having sum(calls) <> 0;

  create view session_quality ${invoker} as
  select tenant_id, ended, round(succeeded / nullif(ended, 0)::numeric, 4) as success_rate, start[1] as median_start_time,
    start[2] as p95_start_time, round(abandoned / nullif(ended, 0)::numeric, 4) as abandoned_share
  from (
    select tenant_id, sum(conversations)::bigint as conversations, sum(succeeded + failed + abandoned)::bigint as ended,
      sum(succeeded)::bigint as succeeded, sum(abandoned)::bigint as abandoned,
      parley_quantiles(parley_gather(bins), '{0.5, 0.95}') as start
    from (
      select tenant_id, conversations, succeeded, failed, abandoned, null::bigint[] as bins
      from analytics_session_counts where grain = 'month'
      union all
      select tenant_id, 0, 0, 0, 0, bins from analytics_session_bins where grain = 'month' and metric = 'start') as m
    group by tenant_id having sum(conversations) <> 0) as q;`

const names = [
  'analytics_zones',
  'analytics_session_rows',
  'analytics_session_counts',
  'analytics_session_bins',
  'analytics_user_counts',
  'analytics_call_counts',
  'daily_conversations',
  'conversations_per_user',
  'call_outcome_distribution',
  'session_quality',
]

export const views = `${zones} ${sessionRows} ${callCounts} ${named}
  grant select on ${names.join(', ')} to parley_app, parley_service;`

export const dropViews = `drop view ${[...names].reverse().join(', ')};`
