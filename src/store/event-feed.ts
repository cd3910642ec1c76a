import type { Knex } from 'knex'
import type { Channel, ChannelKind } from '../domain/channel.js'
import type { EventName, LoggedEvent } from '../domain/event.js'
import type { Actor } from '../domain/identity.js'
import type { Database } from './database.js'
import { isUuid } from './values.js'

/** A stretch of the log: after an id, as far as another, so many at once. */
export interface Stretch {
  after: bigint
  upTo: bigint
  limit: number
}

const columns = `id, event, severity, tenant_id as "tenantId", user_id as "userId", lead_id as "leadId",
  session_id as "sessionId", trace_id as "traceId", data, ts`

/** Which rows are a channel's; of a tenant's, all. */
const conditions: Record<ChannelKind, string> = {
  tenant: 'tenant_id = ?',
  user: 'tenant_id = ? and user_id = ? and event = any(?)',
  lead: 'tenant_id = ? and lead_id = ? and event = any(?)',
  session: 'tenant_id = ? and session_id = ? and event = any(?)',
}

/** Whether the actor's policies show what a channel is about; a tenant's own needs no question. */
const subjects: Record<Exclude<ChannelKind, 'tenant'>, string> = {
  user: 'select from users where id = cast(? as uuid) or clerk_user_id = cast(? as text)',
  lead: 'select from leads where id = cast(? as uuid) or external_id = cast(? as text)',
  session: 'select from conversations_users where session_id = cast(? as uuid) and cast(? as text) is not null',
}

/** The event log as realtime reads it. */
export function createEventFeed(database: Pick<Database, 'statement' | 'withTenant'>) {
  return {
    /** The id of a tenant's newest event; 0 before the first one. */
    async head(tenantId: string): Promise<bigint> {
      const [row] = await database.statement<{ id: string }>(
        'select coalesce(max(id), 0) as id from event_logs where tenant_id = $1',
        [tenantId],
        tenantId,
      )
      return BigInt(row?.id ?? 0)
    },
    /** A tenant's events after an id, in order: what one process reads once for all its readers. */
    after: (tenantId: string, id: bigint, limit: number): Promise<LoggedEvent[]> =>
      database.statement<LoggedEvent>(
        `select ${columns} from event_logs where tenant_id = $1 and id > $2 order by id limit $3`,
        [tenantId, String(id), limit],
        tenantId,
      ),
    /** A channel's events as the actor may see them; `names` are those that the kind of channel has. */
    replay: (actor: Actor, channel: Channel, names: readonly EventName[], stretch: Stretch): Promise<LoggedEvent[]> =>
      database.withTenant(actor, async (trx) => {
        const { after, upTo, limit } = stretch
        const which = channel.kind === 'tenant' ? [actor.tenantId] : [actor.tenantId, channel.id, names]
        return await rowsOf<LoggedEvent>(
          trx,
          `select ${columns} from event_logs where ${conditions[channel.kind]} and id > ? and id <= ? order by id limit ?`,
          [...which, String(after), String(upTo), limit],
        )
      }),
    /** Of these events the ones that the actor's policies show. */
    visible: (actor: Actor, ids: readonly bigint[]): Promise<Set<bigint>> =>
      database.withTenant(actor, async (trx) => {
        const rows = await rowsOf<{ id: string }>(
          trx,
          'select id from event_logs where tenant_id = ? and id = any(?)',
          [actor.tenantId, ids.map(String)],
        )
        return new Set(rows.map(({ id }) => BigInt(id)))
      }),
    /** One event as the actor may see it. */
    find: (actor: Actor, id: string): Promise<LoggedEvent | undefined> =>
      database.withTenant(actor, async (trx) => {
        const rows = await rowsOf<LoggedEvent>(
          trx,
          `select ${columns} from event_logs where tenant_id = ? and id = ?`,
          [actor.tenantId, id],
        )
        return rows[0]
      }),
    /** Whether the actor may see the user, lead or session that a channel is about. */
    shows: (actor: Actor, { kind, id }: Channel & { kind: keyof typeof subjects }): Promise<boolean> =>
      database.withTenant(
        actor,
        async (trx) => (await rowsOf(trx, subjects[kind], [isUuid(id) ? id : null, id])).length > 0,
      ),
  }
}

export type EventFeed = ReturnType<typeof createEventFeed>

async function rowsOf<R>(trx: Knex.Transaction, sql: string, bindings: unknown[]): Promise<R[]> {
  const { rows } = await trx.raw<{ rows: R[] }>(sql, bindings as Knex.RawBinding[])
  return rows
}
