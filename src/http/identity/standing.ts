import type { BearerStanding, Caller } from '../../domain/identity.js'

interface StandingOptions {
  standingOf: (who: { userId: string; tenantId?: string | undefined }) => Promise<BearerStanding>
  /** How long an answer counts, in milliseconds: so late may a disabled user's token still be taken. */
  ttlMs?: number
  /** How long a request waits for the answer, in milliseconds. */
  waitMs?: number
  now?: () => number
}

const maxKnown = 10_000
const unknown: BearerStanding = { ended: false, role: null }

/**
 * What became of a user and company since the token was made: disabled, moved, of a lesser role. Asked once for each user in a few seconds. While
 * the database does not answer, the last answer counts, and whoever was never asked about passes: their rows are out of
 * reach then anyway, and calls go on.
 */
export function createStanding({ standingOf, ttlMs = 3000, waitMs = 500, now = Date.now }: StandingOptions) {
  const known = new Map<string, { standing: BearerStanding; until: number }>()
  const asking = new Map<string, Promise<BearerStanding>>()

  function remember(key: string, standing: BearerStanding): BearerStanding {
    for (const oldest of known.keys()) {
      if (known.size < maxKnown) break
      known.delete(oldest)
    }
    known.delete(key)
    known.set(key, { standing, until: now() + ttlMs })
    return standing
  }

  function ask(key: string, who: Caller): Promise<BearerStanding> {
    const last = known.get(key)?.standing ?? unknown
    const answer = standingOf(who)
      .then(
        (standing) => remember(key, standing),
        () => remember(key, last),
      )
      .finally(() => asking.delete(key))
    asking.set(key, answer)
    return answer
  }

  return {
    async of(caller: Caller): Promise<BearerStanding> {
      const key = `${caller.tenantId ?? ''} ${caller.userId}`
      const last = known.get(key)
      if (last && last.until > now()) return last.standing
      return await within(waitMs, asking.get(key) ?? ask(key, caller), last?.standing ?? unknown)
    },
  }
}

export type Standing = ReturnType<typeof createStanding>

async function within<T>(waitMs: number, answer: Promise<T>, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<T>((resolve) => (timer = setTimeout(() => resolve(otherwise), waitMs)))
  return await Promise.race([answer, late]).finally(() => clearTimeout(timer))
}
