import type { Caller } from '../../domain/identity.js'

interface StandingOptions {
  isDisabled: (who: { userId: string; tenantId?: string | undefined }) => Promise<boolean>
  /** How long an answer counts, in milliseconds: so late may a disabled user's token still be taken. */
  ttlMs?: number
  /** How long a request waits for the answer, in milliseconds. */
  waitMs?: number
  now?: () => number
}

const maxKnown = 10_000

/**
 * Whether a user or company has been disabled since the token was made. Asked once for each user in a few seconds. While
 * the database does not answer, the last answer counts, and whoever was never asked about passes: their rows are out of
 * reach then anyway, and calls go on.
 */
export function createStanding({ isDisabled, ttlMs = 3000, waitMs = 500, now = Date.now }: StandingOptions) {
  const known = new Map<string, { disabled: boolean; until: number }>()
  const asking = new Map<string, Promise<boolean>>()

  function remember(key: string, disabled: boolean): boolean {
    for (const oldest of known.keys()) {
      if (known.size < maxKnown) break
      known.delete(oldest)
    }
    known.delete(key)
    known.set(key, { disabled, until: now() + ttlMs })
    return disabled
  }

  function ask(key: string, who: Caller): Promise<boolean> {
    const last = known.get(key)?.disabled ?? false
    const answer = isDisabled(who)
      .then(
        (disabled) => remember(key, disabled),
        () => remember(key, last),
      )
      .finally(() => asking.delete(key))
    asking.set(key, answer)
    return answer
  }

  return {
    async isDisabled(caller: Caller): Promise<boolean> {
      const key = `${caller.tenantId ?? ''} ${caller.userId}`
      const last = known.get(key)
      if (last && last.until > now()) return last.disabled
      return await within(waitMs, asking.get(key) ?? ask(key, caller), last?.disabled ?? false)
    },
  }
}

export type Standing = ReturnType<typeof createStanding>

async function within<T>(waitMs: number, answer: Promise<T>, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<T>((resolve) => (timer = setTimeout(() => resolve(otherwise), waitMs)))
  return await Promise.race([answer, late]).finally(() => clearTimeout(timer))
}
