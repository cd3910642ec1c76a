import type { Knex } from 'knex'
import { type DayRange, monthsAndDays, resolveDays } from '../domain/analytics.js'
import { dayOf } from '../../migrations/analytics-sums.js'
import type { Actor } from '../domain/identity.js'
import type { SessionProvider } from '../domain/session.js'
import { selectOutcomes } from './analytics-outcomes.js'
import { amid, around, bounds, calendarOf, minutesOf, numberOf } from './analytics-sql.js'
import { type Metric, providerOfType, selectSummaries } from './analytics-summary.js'
import type { Database } from './database.js'

/** Which days are asked for; whoever names none asks for the last thirty. */
export interface AskedDays {
  from?: string | undefined
  to?: string | undefined
}

/** The days that an answer is about, and in which zone they begin. */
export interface CountedDays extends DayRange {
  timezone: string
}

export interface ConversationDay {
  date: string
  provider: SessionProvider
  conversations: number
  minutes: number
  medianPrewarmMs: number | null
}

export interface UserConversations {
  userId: string
  email: string | null
  conversations: number
  minutes: number
  /** When the last one of all was made. */
  last: Date | null
}

/** Longest ranges, in days: one answer per day, and sums of all. */
export const longestSeries = 366
export const longestSum = 3660

/** Of one statement: sums of a year are added up in memory, and not sorted on disk. */
const enoughMemory = `select set_config('work_mem', '16MB', true)`

/** What conversations and calls come to: of the whole company for who may see it, else of the actor's own. */
export function createAnalyticsStore(database: Pick<Database, 'withTenant'>) {
  const within = <T>(
    actor: Actor,
    asked: AskedDays,
    maxDays: number,
    work: (trx: Knex.Transaction, range: DayRange) => Promise<T>,
  ): Promise<CountedDays & { found: T }> =>
    database.withTenant(actor, async (trx) => {
      const { timezone, today } = await calendarOf(trx, actor.tenantId)
      await trx.raw(enoughMemory)
      const range = resolveDays(asked, { today, maxDays })
      return { ...range, timezone, found: await work(trx, range) }
    })

  return {
    days: (actor: Actor, { provider, ...asked }: AskedDays & { provider?: SessionProvider | undefined }) =>
      within(actor, asked, longestSeries, (trx, range) => selectDays(trx, actor, range, provider)),
    users: (actor: Actor, { limit, ...asked }: AskedDays & { limit: number }) =>
      within(actor, asked, longestSum, (trx, range) => selectUsers(trx, actor, range, limit)),
    /** By provider, and all together. */
    byProvider: (actor: Actor, asked: AskedDays, metrics: readonly Metric[]) =>
      within(actor, asked, longestSum, async (trx, range) => {
        const { all, groups } = await selectSummaries(trx, range, { by: 'type_id', metrics })
        return { all, groups: new Map([...groups].map(([type, group]) => [providerOfType(type), group])) }
      }),
    /** By how the model was warmed before. */
    byPrewarming: (actor: Actor, asked: AskedDays) =>
      within(actor, asked, longestSum, async (trx, range) =>
        selectSummaries(trx, range, { by: 'prewarmed', metrics: ['prewarm', 'start', 'join'] }),
      ),
    outcomes: (actor: Actor, asked: AskedDays) =>
      within(actor, asked, longestSum, (trx, range) => selectOutcomes(trx, actor.tenantId, range)),
  }
}

export type AnalyticsStore = ReturnType<typeof createAnalyticsStore>

interface DayRow {
  date: string
  type: string
  conversations: string
  minutes: string
  median: number | null
}

const typeNames: Readonly<Record<SessionProvider, string>> = { tavus: 'Tavus', elevenlabs: 'Eleven Labs' }

async function selectDays(
  trx: Knex.Transaction,
  { tenantId }: Actor,
  range: DayRange,
  provider: SessionProvider | undefined,
): Promise<ConversationDay[]> {
  const { rows } = await trx.raw<{ rows: DayRow[] }>(
    `select date::text as date, type, conversations, minutes, median_prewarm as median from daily_conversations
     where tenant_id = ? and date >= ?::date and date < ?::date${provider ? ' and type = ?' : ''} order by date, type`,
    [tenantId, ...bounds(range), ...(provider ? [typeNames[provider]] : [])],
  )
  return rows.map(({ date, type, conversations, minutes, median }) => ({
    date,
    provider: type === typeNames.tavus ? 'tavus' : 'elevenlabs',
    conversations: numberOf(conversations),
    minutes: numberOf(minutes),
    medianPrewarmMs: median,
  }))
}

interface UserRow {
  userId: string
  email: string | null
  conversations: string
  seconds: string
  last: Date | null
}

const monthRows = `select user_id, sum(conversations), sum(seconds) from analytics_user_counts
  where tenant_id = ? and month >= ?::date and month < ?::date group by user_id`

/** Leadership reads every row of the days; whoever is not finds the own ones by the index on users. */
const dayRows = (own: boolean) => `
  select s.user_id, ?::integer * count(*), ?::integer * coalesce(sum(s.duration_seconds) filter (where s.ended_at is not null), 0)
  from conversations_users s join analytics_zones z on z.tenant_id = s.tenant_id
  where s.tenant_id = ? and ${around('s.created_at')} and (${amid('s.created_at')}
      or (${dayOf('s.created_at', 'z')} >= ?::date and ${dayOf('s.created_at', 'z')} < ?::date))
    ${own ? 'and (s.user_id = ? or s.owner_user_id = ?)' : ''} group by s.user_id`

async function selectUsers(
  trx: Knex.Transaction,
  { tenantId, userId, role }: Actor,
  range: DayRange,
  limit: number,
): Promise<UserConversations[]> {
  const { months, days } = monthsAndDays(range)
  const own = role !== 'leadership'
  const parts = [
    ...months.map((month) => ({ sql: monthRows, bindings: [tenantId, ...bounds(month)] })),
    ...days.map(({ sign, ...part }) => ({
      sql: dayRows(own),
      bindings: [
        sign,
        sign,
        tenantId,
        ...bounds(part),
        ...bounds(part),
        ...bounds(part),
        ...(own ? [userId, userId] : []),
      ],
    })),
  ]
  const { rows } = await trx.raw<{ rows: UserRow[] }>(
    `with parts (user_id, conversations, seconds) as (${parts.map(({ sql }) => sql).join(' union all ')}),
     busiest as materialized (
       select user_id, sum(conversations) as conversations, sum(seconds) as seconds from parts group by user_id
       having sum(conversations) <> 0 order by 2 desc, 1 limit ?)
     select b.user_id as "userId", u.user_email as email, b.conversations, b.seconds, (
       select s.created_at from conversations_users s where s.tenant_id = ? and s.user_id = b.user_id
       order by s.created_at desc, s.session_id desc limit 1) as last
     from busiest b left join users u on u.tenant_id = ? and u.id = case
       when b.user_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then b.user_id::uuid end
     order by b.conversations desc, b.user_id`,
    [...parts.flatMap(({ bindings }) => bindings), limit, tenantId, tenantId],
  )
  return rows.map(({ seconds, conversations, ...row }) => ({
    ...row,
    conversations: numberOf(conversations),
    minutes: minutesOf(numberOf(seconds)),
  }))
}
