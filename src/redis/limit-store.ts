import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import type { BusinessEvents } from '../observability/events.js'
import type { RedisConnection } from './connection.js'

/** Stands before every key in Redis. */
export const limitPrefix = 'parley:limit'

export interface LimitDefinition {
  points: number
  windowSeconds: number
  /** Keeps counters apart that have the same keys; empty for the general limits of users and tenants. */
  space: string
}

/** What is left of a key's points. */
export interface Taken {
  consumed: number
  refused: boolean
  remaining: number
  /** Until its window is over, in milliseconds. */
  resetMs: number
}

export interface LimitStoreOptions {
  /** Absent: everything is counted in this process. */
  redis?: Pick<RedisConnection, 'client' | 'run'> | undefined
  events: Pick<BusinessEvents, 'limitsInMemory' | 'limitsInRedis' | 'limitCountedInMemory'>
}

/** Counts requests in Redis for all processes together, and in memory without one or while it fails. */
export function createLimitStore({ redis, events }: LimitStoreOptions) {
  let failing = false

  function noteFailure(cause: unknown): void {
    events.limitCountedInMemory()
    if (!failing) events.limitsInMemory({ cause })
    failing = true
  }

  function noteSuccess(): void {
    if (failing) events.limitsInRedis()
    failing = false
  }

  return {
    /** A limit; two of the same space count the same keys together. */
    limiter({ points, windowSeconds, space }: LimitDefinition): { take(key: string): Promise<Taken> } {
      const options = {
        points,
        duration: windowSeconds,
        keyPrefix: space === '' ? limitPrefix : `${limitPrefix}:${space}`,
      }
      const memory = new RateLimiterMemory(options)
      if (!redis) return { take: (key) => taken(memory.consume(key)) }
      // Not with the library's own insurance: it tells nobody of a failure, and waits for a Redis that hangs.
      const shared = new RateLimiterRedis({ ...options, storeClient: redis.client, useRedisPackage: true })
      return insured({ shared, memory, points, windowSeconds, run: redis.run, noteFailure, noteSuccess })
    },
  }
}

export type LimitStore = ReturnType<typeof createLimitStore>

interface Insured {
  shared: RateLimiterRedis
  memory: RateLimiterMemory
  points: number
  windowSeconds: number
  run: RedisConnection['run']
  noteFailure: (cause: unknown) => void
  noteSuccess: () => void
}

/** Below this a window is as good as over, and Redis counts whole seconds. Milliseconds. */
const shortestMs = 1000

/**
 * Counts in Redis and remembers the count, so that memory goes on where Redis stood when it fails; and tells a Redis that
 * came back without its counts.
 */
function insured({ shared, memory, points, windowSeconds, run, noteFailure, noteSuccess }: Insured) {
  let failedAt = -Infinity

  async function inRedis(key: string): Promise<Taken> {
    const state = await run(() => taken(shared.consume(key)))
    const mayHaveForgotten = Date.now() - failedAt < windowSeconds * 1000
    const own = mayHaveForgotten ? await memory.get(key) : null
    if (!own || own.msBeforeNext < shortestMs || own.consumedPoints < state.consumed) return state
    const consumed = own.consumedPoints + 1
    await run(() => shared.set(key, consumed, Math.ceil(own.msBeforeNext / 1000)))
    return {
      consumed,
      refused: consumed > points,
      remaining: Math.max(0, points - consumed),
      resetMs: own.msBeforeNext,
    }
  }

  return {
    async take(key: string): Promise<Taken> {
      let state
      try {
        state = await inRedis(key)
      } catch (cause) {
        failedAt = Date.now()
        noteFailure(cause)
        return await taken(memory.consume(key))
      }
      noteSuccess()
      if (state.resetMs > 0) await memory.set(key, state.consumed, state.resetMs / 1000)
      return state
    },
  }
}

async function taken(work: Promise<RateLimiterRes>): Promise<Taken> {
  try {
    return stateOf(await work, false)
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return stateOf(refusal, true)
    throw refusal
  }
}

const stateOf = (result: RateLimiterRes, refused: boolean): Taken => ({
  consumed: result.consumedPoints,
  refused,
  remaining: Math.max(0, result.remainingPoints),
  resetMs: Math.max(0, result.msBeforeNext),
})
