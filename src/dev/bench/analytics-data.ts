import pg from 'pg'
import { addCalls, addSessions, allCalls, allSessions } from '../../../migrations/analytics-sums.js'
import { seedCompanies } from '../seed.js'

/** How many companies there are; the first, which is the seed's Acme, has every fifth row. */
const companies = 50
const usersOfFirst = 1000
const usersOfOthers = 160
const years = 3
const batch = 500_000

/** Ids that sort by time, as real ones do: an index grows at its end. */
const idOf = (kind: string, n: string) => `('0199a3c2-6d1e-7${kind}-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`
const company = (n: string) =>
  `(case when ${n} % 5 = 0 then 0 else 1 + (${n} / 5 * 4 + ${n} % 5) % ${companies - 1} end)`
const companyId = (k: string) => `(case when ${k} = 0 then '${seedCompanies.acme.id}'::uuid else ${idOf('00c', k)} end)`

const fillCompanies = `
  insert into companies (id, name, timezone)
  select ${companyId('k')}, 'Company ' || k, (array['Europe/Berlin', 'America/New_York', 'Asia/Kolkata'])[1 + k % 3]
  from generate_series(1, ${companies - 1}) as k`
const fillUsers = `
  insert into users (id, company_id, user_email, display_name, role)
  select ${idOf('00d', 'k * 10000 + u')}, ${companyId('k')}, 'u' || u || '@c' || k || '.bench.test', 'User ' || u, 'rep'
  from generate_series(0, ${companies - 1}) as k
    cross join lateral generate_series(1, case k when 0 then ${usersOfFirst} else ${usersOfOthers} end) as u`

// Of each: made over the years up to now, the later the higher the number; a mixed lot of lengths, outcomes and warmings.
const source = (table: string) => `
  from (select n, ${company('n')} as k, now() - ($3::bigint - n) * ($4::double precision * interval '1 second') as at,
      (hashint8(n) & 2147483647) as h from generate_series($1::bigint, $2::bigint) as n) as ${table}`
const userOf = `${idOf('00d', `k * 10000 + 1 + h % (case k when 0 then ${usersOfFirst} else ${usersOfOthers} end)`)}::text`
/** Between the two, small ones more often. */
const skewed = (low: number, high: number, salt: number) =>
  `(${low} + ${high - low} * power((hashint8(n + ${salt}) & 1023) / 1023.0, 3))::integer`

const fillSessions = `
  insert into conversations_users (conversation_user_id, session_id, user_id, company_id, conversation_type_id,
    external_conversation_id, status, created_at, joined_at, ended_at, duration_seconds, end_reason, prewarm_ms, prewarm,
    start_ms, facts)
  select ${idOf('00a', 'n')}, ${idOf('00b', 'n')}, ${userOf}, ${companyId('k')}, case when h % 10 < 7 then 1 else 2 end,
    'bench' || lpad(n::text, 10, '0'), case when h % 33 = 0 then 'failed' else 'completed' end, at,
    at + ${skewed(800, 9000, 1)} * interval '1 millisecond', at + interval '5 minutes', ${skewed(5, 3600, 2)}, 'user',
    case when h % 4 > 0 then ${skewed(300, 30000, 3)} end,
    case h % 4 when 0 then '{"skipped": true, "reason": "warm"}'::jsonb when 1 then '{"success": false}'
      else '{"success": true}' end,
    ${skewed(400, 32000, 4)},
    case when h % 20 = 1 then '{"shutdownReason": "participant_absent_timeout"}'::jsonb else '{}' end
  ${source('s')}`

const fillCalls = `
  insert into call_logs (id, company_id, user_id, provider, external_id, direction, status, duration_seconds, outcome,
    started_at, created_at)
  select ${idOf('00e', 'n')}, ${companyId('k')}, ${userOf}, 'twilio', 'bench' || lpad(n::text, 10, '0'), 'inbound', 'ended',
    ${skewed(1, 1800, 5)}, (array['completed', 'completed', 'completed', 'no_answer', 'busy', 'failed'])[1 + h % 6], at, at
  ${source('c')}`

/**
 * Conversations and calls of fifty companies over three years, as many of each as said, and their sums; by the very
 * statements that count in operation. Needs a superuser, who may leave out triggers and foreign keys.
 */
export async function fillAnalytics(
  { adminUrl, rows }: { adminUrl: string; rows: number },
  say: (text: string) => void,
): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  try {
    await client.query(fillCompanies)
    await client.query(fillUsers)
    await client.query("set session_replication_role = replica; set work_mem = '256MB'")
    const apart = (years * 365.25 * 86_400) / rows
    for (const [what, sql] of [
      ['conversations', fillSessions],
      ['calls', fillCalls],
    ] as const)
      for (let first = 1; first <= rows; first += batch) {
        await client.query(sql, [first, Math.min(rows, first + batch - 1), rows, apart])
        say(`${Math.min(rows, first + batch - 1).toLocaleString('en')} ${what}`)
      }
    await count(client, rows, say)
    await client.query('vacuum analyze')
  } finally {
    await client.end()
  }
}

/** In the order in which the rows lie: each company apart would read the whole table. */
async function count(client: pg.Client, rows: number, say: (text: string) => void): Promise<void> {
  await client.query(`insert into analytics_calendars (tenant_id, named, timezone)
    select id, timezone, timezone from companies on conflict do nothing`)
  await client.query('analyze')
  for (let first = 1; first <= rows; first += batch) {
    const last = Math.min(rows, first + batch - 1)
    const between = (column: string, kind: string) =>
      `${column} between ${idOf(kind, `${first}`)} and ${idOf(kind, `${last}`)}`
    await client.query(addSessions(allSessions(between('s.conversation_user_id', '00a'))))
    await client.query(addCalls(allCalls(between('id', '00e'))))
    say(`sums of ${last.toLocaleString('en')} rows`)
  }
}
