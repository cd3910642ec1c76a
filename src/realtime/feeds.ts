import { createFeed, type Feed, type FeedDeps } from './feed.js'

export interface FeedsDeps extends Pick<FeedDeps, 'read' | 'visible' | 'onError'> {
  head: (tenantId: string) => Promise<bigint>
  /** Says where the log has grown. `onConnected`: from now on; what was before may have gone unheard. */
  nudges: { start(): void; stop(): Promise<void> }
  /** Should no nudge come through, the log is looked into this often, in milliseconds. */
  lookMs?: number
}

interface Held {
  feed: Promise<Feed>
  holders: number
}

/** The feeds of the tenants that somebody here reads; who holds none costs nothing. */
export function createFeeds({ head, nudges, lookMs = 5_000, ...deps }: FeedsDeps) {
  const held = new Map<string, Held>()
  let look: NodeJS.Timeout | undefined

  async function open(tenantId: string): Promise<Feed> {
    const feed = createFeed({ ...deps, tenantId, head: await head(tenantId) })
    // What was committed while the newest id was asked for may have been told already.
    feed.nudge()
    return feed
  }

  function nudgeAll(): void {
    for (const { feed } of held.values()) feed.then((opened) => opened.nudge()).catch(() => undefined)
  }

  function begin(): void {
    nudges.start()
    look ??= setInterval(nudgeAll, lookMs).unref()
  }

  return {
    /** A tenant's feed, open until it is released as often. */
    async hold(tenantId: string): Promise<Feed> {
      begin()
      const known = held.get(tenantId) ?? { feed: open(tenantId), holders: 0 }
      held.set(tenantId, known)
      known.holders++
      try {
        return await known.feed
      } catch (error) {
        if (held.get(tenantId) === known) held.delete(tenantId)
        throw error
      }
    },
    release({ tenantId }: Feed): void {
      const known = held.get(tenantId)
      if (!known || --known.holders > 0) return
      held.delete(tenantId)
      void known.feed.then((feed) => feed.close())
    },
    /** A tenant's log has grown, as far as this id. */
    nudge({ tenantId, id }: { tenantId: string; id: string }): void {
      held
        .get(tenantId)
        ?.feed.then((feed) => feed.nudge(BigInt(id)))
        .catch(() => undefined)
    },
    /** Nudges may have gone unheard. */
    nudgeAll,
    async close(): Promise<void> {
      clearInterval(look)
      for (const { feed } of held.values()) feed.then((opened) => opened.close()).catch(() => undefined)
      await nudges.stop()
    },
  }
}

export type Feeds = ReturnType<typeof createFeeds>
