import type { Knex } from 'knex'
import type { Actor } from '../domain/identity.js'
import type { Page } from '../domain/page.js'
import type { Recap } from '../domain/recap.js'
import { calendarOf } from './analytics-sql.js'
import type { Database } from './database.js'
import { appendEvents } from './event-log.js'
import { composeRecap } from './recap-contents.js'
import { json } from './values.js'

/** The recap of one day, as it was known when it was written. */
export interface StoredRecap {
  /** YYYY-MM-DD, of the company's calendar. */
  date: string
  timezone: string
  createdAt: Date
  recap: Recap
}

/** After an outage recaps are written this many days back; what is older is read from the numbers themselves. */
const longestCatchUp = 31

const columns = `date::text as date, timezone, created_at as "createdAt", recap`

// From the day after the last recap; of a company without one, from the day since which its days are counted.
const dueDays = `
  select due::date::text as date from analytics_calendars k cross join lateral (
    select (now() at time zone k.timezone)::date as today,
      (select max(r.date) from analytics_recaps r where r.tenant_id = k.tenant_id) as last) as d
  cross join lateral generate_series(
    greatest(coalesce(d.last + 1, (k.since at time zone k.timezone)::date), d.today - ?::integer), d.today - 1,
    interval '1 day') as due
  where k.tenant_id = ? and exists (select from companies c where c.id = k.tenant_id and c.disabled_at is null)
  order by 1`

/** The daily recaps: written once for each company and day, and read by its leadership. */
export function createRecapStore(database: Pick<Database, 'withTenant' | 'withService'>) {
  return {
    /** Every company's zone, and the schedule that it has. */
    calendars: (): Promise<RecapCalendar[]> =>
      database.withService(undefined, async (trx) => {
        const { rows } = await trx.raw<{ rows: RecapCalendar[] }>(
          `select k.tenant_id as "tenantId", coalesce(k.next_timezone, k.timezone) as timezone, k.recap_schedule as schedule,
             c.disabled_at is not null as disabled
           from analytics_calendars k join companies c on c.id = k.tenant_id order by 1`,
        )
        return rows
      }),

    /** The company's schedule is made. */
    scheduled: (tenantId: string, schedule: string): Promise<void> =>
      database.withService(tenantId, async (trx) => {
        await trx.raw('update analytics_calendars set recap_schedule = ? where tenant_id = ?', [schedule, tenantId])
      }),

    /** Days of the company that are over and have no recap, the earliest first. */
    due: (tenantId: string): Promise<string[]> =>
      database.withService(tenantId, async (trx) => {
        await ensureCalendar(trx, tenantId)
        const { rows } = await trx.raw<{ rows: { date: string }[] }>(dueDays, [longestCatchUp, tenantId])
        return rows.map(({ date }) => date)
      }),

    /** Writes a day's recap and tells of it, in one transaction; false when it is there already, and nothing is told. */
    write: (tenantId: string, date: string): Promise<boolean> =>
      database.withService(tenantId, async (trx) => {
        if (await find(trx, tenantId, date)) return false
        const { timezone } = await calendarOf(trx, tenantId)
        const recap = await composeRecap(trx, { tenantId, date, timezone })
        const { rows } = await trx.raw<{ rows: unknown[] }>(
          `insert into analytics_recaps (tenant_id, date, timezone, recap) values (?, ?::date, ?, ?::jsonb)
           on conflict do nothing returning date`,
          [tenantId, date, timezone, json(recap)],
        )
        if (rows.length === 0) return false
        await appendEvents(trx, [
          { event: 'analytics.daily_recap.ready', tenantId, data: eventData(date, timezone, recap) },
        ])
        return true
      }),

    find: (actor: Actor, date: string): Promise<StoredRecap | undefined> =>
      database.withTenant(actor, (trx) => find(trx, actor.tenantId, date)),

    /** Newest first; `before` goes on from the last date of the page before. */
    list: (
      actor: Actor,
      { before, limit }: { before?: string | undefined; limit: number },
    ): Promise<Page<StoredRecap>> =>
      database.withTenant(actor, async (trx) => {
        const { rows } = await trx.raw<{ rows: StoredRecap[] }>(
          `select ${columns} from analytics_recaps where tenant_id = ? and date < coalesce(?::date, 'infinity')
           order by analytics_recaps.date desc limit ?`,
          [actor.tenantId, before ?? null, limit + 1],
        )
        const items = rows.slice(0, limit)
        return { items, nextCursor: rows.length > limit ? items.at(-1)?.date : undefined }
      }),
  }
}

/** A company as far as its recap's schedule goes. */
interface RecapCalendar {
  tenantId: string
  timezone: string
  /** Hour and zone of its schedule, as it was made last. */
  schedule: string | null
  disabled: boolean
}

export type RecapStore = ReturnType<typeof createRecapStore>

async function find(trx: Knex.Transaction, tenantId: string, date: string): Promise<StoredRecap | undefined> {
  const { rows } = await trx.raw<{ rows: StoredRecap[] }>(
    `select ${columns} from analytics_recaps where tenant_id = ? and date = ?::date`,
    [tenantId, date],
  )
  return rows[0]
}

/** A company that is newer than the last look of the counting has none yet. */
const ensureCalendar = (trx: Knex.Transaction, tenantId: string) =>
  trx.raw(
    `insert into analytics_calendars (tenant_id, named, timezone)
     select id, timezone, parley_timezone(timezone) from companies where id = ? on conflict do nothing`,
    [tenantId],
  )

const eventData = (date: string, timezone: string, { conversations, calls }: Recap) => ({
  date,
  timezone,
  conversations: conversations.total,
  calls: calls.total,
})
