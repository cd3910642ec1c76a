import type { Actor } from '../domain/identity.js'
import { createAuthorize, type AuthorizeDeps } from './authorize.js'
import { createFeeds, type FeedsDeps } from './feeds.js'
import { namesIn } from './message.js'
import type { Sink } from './outlet.js'
import { createSubscriber, type Subscriber } from './subscriber.js'
import type { Channel } from '../domain/channel.js'
import type { EventName, LoggedEvent } from '../domain/event.js'

export interface RealtimeLimits {
  /** Connections of one user or API key in this process, of both kinds together. */
  maxPerUser: number
  maxChannels: number
  /** More than this unread, and a connection is sent nothing until half of it is gone. */
  maxBufferedBytes: number
  /** Control messages within a minute. */
  messagesPerMinute: number
  pingEveryMs: number
  /** Without a pong for so long a connection is closed. */
  pongWithinMs: number
  /** How often the connections are looked through for both, and for tokens that have ended. */
  tickMs: number
}

export const realtimeLimits: RealtimeLimits = {
  maxPerUser: 100,
  maxChannels: 50,
  maxBufferedBytes: 512 * 1024,
  messagesPerMinute: 10,
  pingEveryMs: 20_000,
  pongWithinMs: 40_000,
  tickMs: 1_000,
}

export interface RealtimeDeps extends FeedsDeps, AuthorizeDeps {
  replay: (
    actor: Actor,
    channel: Channel,
    names: readonly EventName[],
    stretch: { after: bigint; upTo: bigint; limit: number },
  ) => Promise<LoggedEvent[]>
  metrics: {
    sent: () => void
    received: () => void
    dropped: () => void
    connections: (change: 1 | -1, over: Transport) => void
  }
  log: { error(fields: object, message: string): void }
  limits?: Partial<RealtimeLimits>
}

export type Transport = 'websocket' | 'sse'

/** The event log as it grows, for whoever is connected to this process. */
export function createRealtime({ replay, metrics, log, limits: changes, ...deps }: RealtimeDeps) {
  const limits = { ...realtimeLimits, ...changes }
  const feeds = createFeeds(deps)
  const authorize = createAuthorize(deps)
  return {
    limits,
    metrics,
    nudge: feeds.nudge,
    nudgeAll: feeds.nudgeAll,
    connect: (actor: Actor, sink: Sink): Subscriber =>
      createSubscriber({
        actor,
        sink,
        feeds,
        authorize,
        replay: (who, channel, stretch) => replay(who, channel, namesIn(channel), stretch),
        maxChannels: limits.maxChannels,
        maxBufferedBytes: limits.maxBufferedBytes,
        onSent: metrics.sent,
        onDropped: metrics.dropped,
      }),
    onUnexpected: (error: unknown) => log.error({ err: error }, 'a subscription failed'),
    close: feeds.close,
  }
}

export type Realtime = ReturnType<typeof createRealtime>
