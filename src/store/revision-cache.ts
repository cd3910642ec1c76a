export interface RevisionCacheOptions {
  /** 0 keeps nothing. */
  ttlMs: number
  maxEntries: number
  /** Milliseconds. */
  now?: (() => number) | undefined
}

export interface Current<T> {
  /** Tells this state of what the value was made of from every other. */
  revision: string
  value: T
}

export interface Look<T> {
  /** Asks only for the revision as it is now. */
  revision: () => Promise<string>
  /** Reads everything. */
  load: () => Promise<Current<T>>
}

interface Entry<T> extends Current<T> {
  until: number
}

/**
 * Values that hold as long as what they were made of. The database is asked at each use whether that has changed, in
 * whichever process: what somebody has just taken back is told to nobody any more, which a message that is under way or
 * lost could not promise.
 */
export function createRevisionCache<T>({ ttlMs, maxEntries, now = Date.now }: RevisionCacheOptions) {
  const entries = new Map<string, Entry<T>>()

  const isOver = ({ until }: Entry<T>) => until <= now()

  /** Oldest first: a Map keeps the order in which its keys came, and all live equally long. */
  function prune(): void {
    for (const [key, entry] of entries) {
      if (entries.size <= maxEntries && !isOver(entry)) return
      entries.delete(key)
    }
  }

  function keep(key: string, current: Current<T>): T {
    entries.delete(key)
    if (ttlMs > 0) entries.set(key, { ...current, until: now() + ttlMs })
    prune()
    return current.value
  }

  function known(key: string): Entry<T> | undefined {
    const entry = entries.get(key)
    return entry && !isOver(entry) ? entry : undefined
  }

  return {
    async read(key: string, { revision, load }: Look<T>): Promise<{ value: T; cached: boolean }> {
      const entry = known(key)
      if (entry && (await revision()) === entry.revision) return { value: entry.value, cached: true }
      entries.delete(key)
      return { value: keep(key, await load()), cached: false }
    },
    /** What is kept, whether or not it still holds: for when nobody can be asked. */
    peek: (key: string): T | undefined => known(key)?.value,
    get size(): number {
      return entries.size
    },
  }
}

export type RevisionCache<T> = ReturnType<typeof createRevisionCache<T>>
