import type { Actor } from '../../domain/identity.js'

interface StandingWatchOptions {
  /** Places of those who count no more: disabled, moved, of a lesser role, a key that was revoked. */
  endedAmong: (actors: readonly Actor[]) => Promise<number[]>
  /** How often everybody who is connected is asked about, in milliseconds. */
  everyMs?: number
  onError: (error: unknown) => void
}

interface Watched {
  actor: Actor
  ends: Set<() => void>
}

/**
 * Ends the connections of whoever must not listen any more: a token is looked at when a connection is opened, and a
 * connection may last as long as the token. All who are connected are asked about in one statement; while the database is
 * away nobody is sent off, for nothing comes from it either.
 */
export function createStandingWatch({ endedAmong, everyMs = 10_000, onError }: StandingWatchOptions) {
  const watched = new Map<string, Watched>()
  let timer: NodeJS.Timeout | undefined
  let isAsking = false

  async function look(): Promise<void> {
    const asked = [...watched.values()]
    const ended = await endedAmong(asked.map(({ actor }) => actor))
    for (const place of ended) for (const end of [...(asked[place]?.ends ?? [])]) end()
  }

  function tick(): void {
    if (isAsking) return
    isAsking = true
    void look()
      .catch(onError)
      .finally(() => (isAsking = false))
  }

  /** @returns what ends the watch, when the connection is gone */
  return function watch(actor: Actor, end: () => void): () => void {
    const key = `${actor.tenantId} ${actor.role} ${actor.userId}`
    const known = watched.get(key) ?? { actor, ends: new Set() }
    watched.set(key, known)
    known.ends.add(end)
    timer ??= setInterval(tick, everyMs).unref()
    return () => {
      known.ends.delete(end)
      if (known.ends.size === 0 && watched.get(key) === known) watched.delete(key)
      if (watched.size === 0) timer = void clearInterval(timer)
    }
  }
}

export type StandingWatch = ReturnType<typeof createStandingWatch>
