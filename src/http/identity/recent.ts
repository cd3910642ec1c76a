interface RecentOptions {
  ttlMs: number
  maxEntries: number
  /** Milliseconds, monotonic or not. */
  now?: (() => number) | undefined
}

interface Entry<T> {
  value: Promise<T>
  until: number
}

/** Answers that may be a few seconds old. Those who ask at once share one look; a look that fails is not kept. */
export function createRecent<T>({ ttlMs, maxEntries, now = Date.now }: RecentOptions) {
  const entries = new Map<string, Entry<T>>()

  function keep(key: string, entry: Entry<T>): void {
    // Oldest first: a Map keeps the order in which its keys came.
    for (const oldest of entries.keys()) {
      if (entries.size < maxEntries) break
      entries.delete(oldest)
    }
    entries.delete(key)
    entries.set(key, entry)
    entry.value.catch(() => {
      if (entries.get(key) === entry) entries.delete(key)
    })
  }

  return {
    get(key: string, look: () => Promise<T>): Promise<T> {
      const known = entries.get(key)
      if (known && known.until > now()) return known.value
      const value = look()
      keep(key, { value, until: now() + ttlMs })
      return value
    },
  }
}
