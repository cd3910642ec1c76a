import type { NewEvent } from './domain/event.js'
import { createEventStreams } from './http/realtime/event-stream.js'
import { createStandingWatch } from './http/realtime/standing-watch.js'
import { createWebSockets } from './http/realtime/web-sockets.js'
import type { Logger } from './observability/logger.js'
import type { Metrics } from './observability/metrics.js'
import { catalogue } from './realtime/catalogue.js'
import { createRealtime, type RealtimeLimits } from './realtime/realtime.js'
import type { RedisConnection } from './redis/connection.js'
import { createRedisNudges } from './redis/event-channel.js'
import type { Database } from './store/database.js'
import { createEventFeed } from './store/event-feed.js'
import { appendEvents } from './store/event-log.js'
import { eventChannel, type Nudge, nudgeText, parseNudge } from './store/event-nudges.js'
import { createIdentityLookup } from './store/identity-lookup.js'
import { createNotifyListener } from './store/notify-listener.js'
import { createTicketStore, ticketSeconds } from './store/ws-tickets.js'

export interface RealtimeServiceOptions {
  databaseUrl: string
  database: Database
  redis: RedisConnection | undefined
  log: Logger
  metrics: Metrics
  limits?: Partial<RealtimeLimits>
  now?: () => number
  /** For tests: how long until a lost listener tries again, and how often the log is looked into without a nudge. */
  reconnectMs?: number
  lookMs?: number
  /** How often everybody who is connected is asked about. */
  standingMs?: number
}

/** Events as they happen: from the log, by nudges of PostgreSQL or Redis, to WebSockets and streams. */
export function createRealtimeServices(options: RealtimeServiceOptions) {
  const { database, redis, log, metrics, limits, now, lookMs, standingMs } = options
  const feed = createEventFeed(database)
  const nudges = createNudges(options, {
    onNudge: (nudge) => realtime.nudge(nudge),
    onListening: () => realtime.nudgeAll(),
  })
  const realtime = createRealtime({
    ...feed,
    read: feed.after,
    nudges,
    ...(lookMs === undefined ? {} : { lookMs }),
    onError: (error) => log.warn({ err: error }, 'the event log could not be read, and will be again'),
    log,
    metrics: {
      sent: () => metrics.wsMessages.inc({ direction: 'out' }),
      received: () => metrics.wsMessages.inc({ direction: 'in' }),
      dropped: () => metrics.wsDropped.inc(),
      connections: (change, transport) => metrics.wsConnections.inc({ transport }, change),
    },
    ...(limits ? { limits } : {}),
  })
  const watch = createStandingWatch({
    endedAmong: createIdentityLookup(database).endedAmong,
    ...(standingMs === undefined ? {} : { everyMs: standingMs }),
    onError: (error) => log.warn({ err: error }, 'who is connected could not be asked about, and will be again'),
  })
  const webSockets = createWebSockets({ realtime, watch, now })
  const eventStreams = createEventStreams({ realtime, watch, now })
  return {
    feed,
    webSockets,
    eventStreams,
    tickets: { ...createTicketStore(database), seconds: ticketSeconds },
    /** Says what was committed, when PostgreSQL does not: by Redis, or by PostgreSQL after all. */
    tell(committed: readonly Nudge[]): void {
      for (const text of committed.map(nudgeText))
        (redis ? nudges.publish(text) : Promise.reject(new Error('there is no redis')))
          .catch(() => database.statement('select pg_notify($1, $2)', [eventChannel, text]))
          // Who reads looks into the log every few seconds in any case.
          .catch((error: unknown) => log.warn({ err: error }, 'nobody could be told of new events'))
    },
    /** Writes an event with the data of its example. @returns undefined when there is no such company */
    async emit(event: Omit<NewEvent, 'data'>): Promise<string | undefined> {
      return await database.withService(event.tenantId, async (trx) => {
        const { rows } = await trx.raw<{ rows: unknown[] }>('select from companies where id = ?', [event.tenantId])
        if (rows.length === 0) return undefined
        const [id] = await appendEvents(trx, [{ ...event, data: catalogue[event.event].example }])
        return id
      })
    },
    /** Says farewell to every connection. */
    async disconnect(): Promise<void> {
      const gone = webSockets.close()
      eventStreams.close()
      await gone
    },
    close: realtime.close,
  }
}

export type RealtimeServices = ReturnType<typeof createRealtimeServices>

interface Ears {
  onNudge: (nudge: Nudge) => void
  onListening: () => void
}

/** PostgreSQL is always listened to: whoever cannot reach Redis tells it. */
function createNudges(
  { databaseUrl, redis, log, reconnectMs }: RealtimeServiceOptions,
  { onNudge, onListening }: Ears,
) {
  const onMessage = (text: string) => {
    const nudge = parseNudge(text)
    if (nudge) onNudge(nudge)
  }
  const listener = createNotifyListener({
    url: databaseUrl,
    channel: eventChannel,
    name: 'events',
    onMessage,
    onListening,
    log,
    ...(reconnectMs === undefined ? {} : { reconnectMs }),
  })
  const channel = redis && createRedisNudges(redis, { onMessage, onListening })
  return {
    publish: async (text: string): Promise<void> => channel?.publish(text),
    start(): void {
      listener.start()
      channel?.start()
    },
    async stop(): Promise<void> {
      channel?.stop()
      await listener.stop()
    },
  }
}
