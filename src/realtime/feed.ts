import type { Channel } from '../domain/channel.js'
import type { Actor } from '../domain/identity.js'
import type { LoggedEvent } from '../domain/event.js'
import { type Message, messageOf } from './message.js'

/** One reader of a channel. */
export interface Subscription {
  channel: Channel
  actor: Actor
  /** Events after this one have come, or will come, to the reader through this channel. */
  from: bigint
  deliver: (message: Message) => void
}

export interface FeedDeps {
  tenantId: string
  /** Where it begins: the tenant's newest event. */
  head: bigint
  read: (tenantId: string, after: bigint, limit: number) => Promise<LoggedEvent[]>
  /** Of these events the ones that the policies show the actor. */
  visible: (actor: Actor, ids: readonly bigint[]) => Promise<Set<bigint>>
  onError: (error: unknown) => void
}

const pageSize = 100
/** So many events stay in memory for readers that come or come back: at least the page that was sent last. */
const keptEvents = 200
/** After so many deliveries others get their turn. */
const turn = 250
/** Between two reads, so that a stream of commits does not become as long a stream of queries. */
const gapMs = 20
const retryMs = 500
const refreshMs = 2_000

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
const breathe = () => new Promise<void>((resolve) => setImmediate(resolve))

/** One tenant's events in one process: each is read once, written once, and handed to all who are subscribed. */
export function createFeed({ tenantId, head, read, visible, onError }: FeedDeps) {
  const readers = new Map<string, Set<Subscription>>()
  const recent: Message[] = []
  /** Every event after this one, as far as `position`, is among the recent ones. */
  let recentFrom = head
  let position = head
  let closed = false
  let isSending = false
  let isReading = false
  let wanted = false
  /** Refreshes asked for, and how many of them are answered. */
  let asked = 0
  let answered = 0
  let waiting: (() => void)[] = []

  /** Reads on until there is nothing new. */
  async function pump(): Promise<void> {
    wanted = true
    if (isReading) return
    isReading = true
    while (wanted && !closed) {
      wanted = false
      await step().catch(async (error: unknown) => {
        onError(error)
        wanted = true
        await sleep(retryMs)
      })
    }
    isReading = false
  }

  async function step(): Promise<void> {
    const serves = asked
    const rows = await read(tenantId, position, pageSize)
    isSending = rows.length > 0
    try {
      await send(rows.map(messageOf))
      if (rows.length < pageSize) answered = serves
      else wanted = true
    } finally {
      isSending = false
      release()
    }
    if (rows.length > 0) await sleep(gapMs)
  }

  async function send(messages: readonly Message[]): Promise<void> {
    const hidden = await hiddenFrom(messages)
    let sent = 0
    for (const message of messages) {
      for (const name of message.channels)
        for (const reader of readers.get(name) ?? []) {
          if (hidden.get(keyOf(reader.actor))?.has(message.id)) continue
          reader.deliver(message)
          if (++sent % turn === 0) await breathe()
        }
      remember(message)
    }
  }

  /** What is another's is shown to whoever is not of leadership only as far as the policies do: PostgreSQL is asked. */
  async function hiddenFrom(messages: readonly Message[]): Promise<Map<string, Set<bigint>>> {
    const asked = new Map<string, { actor: Actor; ids: Set<bigint> }>()
    for (const message of messages)
      for (const name of message.channels)
        for (const { actor } of readers.get(name) ?? []) {
          if (isPlainlyVisible(actor, message)) continue
          const known = asked.get(keyOf(actor))
          if (known) known.ids.add(message.id)
          else asked.set(keyOf(actor), { actor, ids: new Set([message.id]) })
        }
    const hidden = new Map<string, Set<bigint>>()
    for (const [key, { actor, ids }] of asked) {
      const shown = await visible(actor, [...ids])
      hidden.set(key, new Set([...ids].filter((id) => !shown.has(id))))
    }
    return hidden
  }

  function remember(message: Message): void {
    position = message.id
    recent.push(message)
    const forgotten = recent.length > keptEvents ? recent.shift() : undefined
    if (forgotten) recentFrom = forgotten.id
  }

  const released = () => new Promise<void>((resolve) => waiting.push(resolve))

  function release(): void {
    const resolved = waiting
    waiting = []
    resolved.forEach((resolve) => resolve())
  }

  return {
    tenantId,
    /** Id of the newest event that was sent to all. */
    position: () => position,
    /** There may be news, as far as this id where it is known. */
    nudge(id?: bigint): void {
      if (!closed && (id === undefined || id > position)) void pump()
    },
    /** @returns whether everything that was committed before is read and sent; false when the log could not be read */
    async refresh(): Promise<boolean> {
      const mine = ++asked
      void pump()
      const late = sleep(refreshMs).then(() => true)
      for (let isLate = false; answered < mine && !isLate && !closed;)
        isLate = await Promise.race([late, released().then(() => false)])
      return answered >= mine
    },
    /** Between two pages: then whoever joins misses nothing and gets nothing twice. */
    isStill: () => !isSending,
    still: (): Promise<void> => (isSending ? released() : Promise.resolve()),
    /** The events after an id, if memory has them all; undefined otherwise. */
    recentAfter: (id: bigint): Message[] | undefined =>
      id >= recentFrom ? recent.filter((message) => message.id > id) : undefined,
    add(subscription: Subscription): void {
      const { name } = subscription.channel
      const others = readers.get(name)
      if (others) others.add(subscription)
      else readers.set(name, new Set([subscription]))
    },
    remove(subscription: Subscription): void {
      const { name } = subscription.channel
      const others = readers.get(name)
      others?.delete(subscription)
      if (others?.size === 0) readers.delete(name)
    },
    close(): void {
      closed = true
      release()
    },
  }
}

export type Feed = ReturnType<typeof createFeed>

const keyOf = ({ role, userId }: Actor) => `${role} ${userId}`

/** What every policy shows: all of it to leadership, one's own to anybody. */
export const isPlainlyVisible = ({ role, userId }: Actor, message: Pick<Message, 'userId'>): boolean =>
  role === 'leadership' || message.userId === userId
