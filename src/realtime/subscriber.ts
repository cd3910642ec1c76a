import type { Channel } from '../domain/channel.js'
import type { Actor } from '../domain/identity.js'
import { RealtimeError } from './errors.js'
import { type Feed, isPlainlyVisible, type Subscription } from './feed.js'
import type { Feeds } from './feeds.js'
import { createOutlet, type Sink } from './outlet.js'
import type { LoggedEvent } from '../domain/event.js'
import { type Message, messageOf } from './message.js'

export interface SubscriberDeps {
  actor: Actor
  sink: Sink
  feeds: Feeds
  maxChannels: number
  /** Refuses by throwing. */
  authorize: (actor: Actor, channel: Channel) => Promise<void>
  replay: (
    actor: Actor,
    channel: Channel,
    stretch: { after: bigint; upTo: bigint; limit: number },
  ) => Promise<LoggedEvent[]>
  maxBufferedBytes: number
  onSent: () => void
  onDropped: () => void
}

const replayPage = 100

/**
 * What one connection is subscribed to. An event comes to it once, however many of its channels it belongs to. One
 * request at a time: the caller waits for each.
 */
export function createSubscriber(deps: SubscriberDeps) {
  const { actor, feeds } = deps
  const subscriptions = new Map<string, Subscription>()
  const outlet = createOutlet({ ...deps, channels: () => [...subscriptions.keys()] })
  let feed: Feed | undefined
  let closed = false

  /** One tenant, hence one feed, for as long as the connection stands. */
  async function hold(): Promise<Feed> {
    if (feed) return feed
    const held = await feeds.hold(actor.tenantId)
    if (closed) feeds.release(held)
    return (feed = held)
  }

  function remove(name: string): void {
    const known = subscriptions.get(name)
    if (!known) return
    subscriptions.delete(name)
    feed?.remove(known)
  }

  /** Whether the event comes, or came, through another channel of the connection. */
  const comesOtherwise = (message: Message): boolean =>
    message.id > outlet.lostUpTo() &&
    message.channels.some((name) => {
      const other = subscriptions.get(name)
      return other !== undefined && message.id > other.from
    })

  const attach = (from: Feed, subscription: Subscription): void => {
    subscriptions.set(subscription.channel.name, subscription)
    from.add(subscription)
  }

  /** Sends everything after `since` and attaches to the feed where that ends. */
  async function join(from: Feed, subscription: Subscription, since: bigint): Promise<void> {
    for (let at = since; !closed;) {
      while (!from.isStill()) await from.still()
      const rest = from.recentAfter(at)?.filter(({ channels }) => channels.includes(subscription.channel.name))
      if (rest?.every((message) => isPlainlyVisible(actor, message))) {
        for (const message of rest) pass(message)
        return attach(from, subscription)
      }
      at = await replayFrom(from, subscription, at)
    }
  }

  /** @returns the id up to which everything is sent */
  async function replayFrom(from: Feed, { channel }: Subscription, after: bigint): Promise<bigint> {
    const upTo = from.position()
    const rows = await deps.replay(actor, channel, { after, upTo, limit: replayPage })
    for (const row of rows) {
      await outlet.room()
      if (closed) break
      pass(messageOf(row))
    }
    return rows.length < replayPage ? upTo : BigInt(rows.at(-1)?.id ?? upTo)
  }

  const pass = (message: Message): void => {
    if (!comesOtherwise(message)) outlet.send(message)
  }

  async function startOf(from: Feed, since: bigint): Promise<bigint> {
    // What is committed by now belongs to the replay; and another process may have sent more than this one has read.
    if (!(await from.refresh())) throw new RealtimeError('unavailable')
    if (since <= from.position()) return since
    throw new RealtimeError('unknown_event')
  }

  return {
    /** Refuses, before anything is sent, what subscribe would refuse. */
    async check(channel: Channel, since?: bigint): Promise<void> {
      await deps.authorize(actor, channel)
      const from = await hold()
      if (since !== undefined) await startOf(from, since)
    },
    /**
     * Subscribes, after the replay of what came since. A second time without `since` changes nothing.
     * @returns the id after which events come as they happen
     * @throws RealtimeError
     */
    async subscribe(channel: Channel, since?: bigint): Promise<bigint> {
      const { name } = channel
      if (!subscriptions.has(name) && subscriptions.size >= deps.maxChannels)
        throw new RealtimeError('too_many_channels', `a connection has at most ${deps.maxChannels} channels`)
      await deps.authorize(actor, channel)
      const from = await hold()
      if (since === undefined && subscriptions.has(name)) return from.position()
      const start = since === undefined ? undefined : await startOf(from, since)
      remove(name)
      while (start === undefined && !from.isStill()) await from.still()
      const subscription = { channel, actor, from: start ?? from.position(), deliver: outlet.deliver }
      if (start === undefined) attach(from, subscription)
      else await join(from, subscription, start)
      if (closed) remove(name)
      return from.position()
    },
    /** @throws RealtimeError when it is not subscribed */
    async unsubscribe(channel: Channel): Promise<bigint> {
      if (!subscriptions.has(channel.name)) throw new RealtimeError('not_subscribed')
      const from = await hold()
      remove(channel.name)
      return from.position()
    },
    close(): void {
      closed = true
      outlet.close()
      for (const name of [...subscriptions.keys()]) remove(name)
      if (feed) feeds.release(feed)
    },
  }
}

export type Subscriber = ReturnType<typeof createSubscriber>
