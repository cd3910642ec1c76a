import type { World } from '../store/world.js'

// What the rows say, added up without any of what analytics keep: written anew, so that a mistake is not made twice.

/** Below 64 as it is; above, the middle of one of 32 classes between a power of two and the next. */
export function classOf(value: number): number {
  if (value < 64) return value
  const width = 2 ** (Math.floor(Math.log2(value)) - 5)
  return Math.floor(value / width) * width + width / 2
}

/** The smallest value that at least the share of them does not exceed. */
export function quantile(values: number[], share: number): number | null {
  const sorted = values.map(classOf).sort((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * share) - 1] ?? null
}

interface Row {
  tenant: string
  day: string
  type: string
  user: string
  outcome: 'open' | 'failed' | 'abandoned' | 'succeeded'
  seconds: number
  prewarm: number | null
  start: number | null
  email: string | null
  at: Date
}

const rowsSql = `
  select s.company_id as tenant, to_char(s.created_at at time zone c.timezone, 'YYYY-MM-DD') as day, t.name as type,
    s.user_id as user, s.prewarm_ms as prewarm, s.start_ms as start, s.created_at as at,
    case when s.ended_at is null then 0 else coalesce(s.duration_seconds, 0) end as seconds,
    (select u.user_email from users u where u.id::text = s.user_id and u.company_id = s.company_id) as email,
    case when s.ended_at is null then 'open' when s.status = 'failed' then 'failed'
      when s.facts->>'shutdownReason' = 'participant_absent_timeout' or s.facts->>'endRequestedBy' = 'abandoned'
      then 'abandoned' else 'succeeded' end as outcome
  from conversations_users s join companies c on c.id = s.company_id join conversation_type t on t.id = s.conversation_type_id`

const groupsOf = <T>(rows: T[], key: (row: T) => string) => {
  const groups = new Map<string, T[]>()
  for (const row of rows) groups.set(key(row), [...(groups.get(key(row)) ?? []), row])
  return [...groups.values()].map((group) => [group[0] as T, group] as const)
}

const known = (values: (number | null)[]) => values.filter((value) => value !== null)
const share = (part: number, whole: number) => (whole === 0 ? null : Math.round((part / whole) * 10_000) / 10_000)
const byJson = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

/** The four views as the rows make them, each in a fixed order. */
export async function rawViews(world: Pick<World, 'admin'>, tenant: string) {
  const rows = (await world.admin<Row & Record<string, unknown>>(rowsSql)).filter((row) => row.tenant === tenant)
  const calls = await world.admin<{ outcome: string }>(
    `select coalesce(outcome, 'open') as outcome from call_logs where company_id = $1`,
    [tenant],
  )
  const ended = rows.filter(({ outcome }) => outcome !== 'open')
  const countOf = (wanted: Row['outcome']) => rows.filter(({ outcome }) => outcome === wanted).length
  return {
    daily: groupsOf(rows, ({ day, type }) => `${day} ${type}`)
      .map(([{ day, type }, group]) => ({
        date: day,
        type,
        conversations: group.length,
        minutes: Math.round((group.reduce((sum, { seconds }) => sum + seconds, 0) / 60) * 100) / 100,
        median_prewarm: quantile(known(group.map(({ prewarm }) => prewarm)), 0.5),
      }))
      .sort(byJson),
    users: groupsOf(rows, ({ user }) => user)
      .map(([{ user, email }, group]) => ({
        user_id: user,
        email,
        total: group.length,
        last: group.reduce((last, { at }) => (at > last ? at : last), new Date(0)).toISOString(),
      }))
      .sort(byJson),
    outcomes: groupsOf(calls, ({ outcome }) => outcome)
      .map(([{ outcome }, group]) => ({ outcome, calls: group.length, share: share(group.length, calls.length) }))
      .sort(byJson),
    quality:
      rows.length === 0
        ? []
        : [
            {
              ended: ended.length,
              success_rate: share(countOf('succeeded'), ended.length),
              median_start_time: quantile(known(rows.map(({ start }) => start)), 0.5),
              p95_start_time: quantile(known(rows.map(({ start }) => start)), 0.95),
              abandoned_share: share(countOf('abandoned'), ended.length),
            },
          ],
  }
}

export type Views = Awaited<ReturnType<typeof rawViews>>
