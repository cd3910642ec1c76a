import { isIPv6 } from 'node:net'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { TooManyRequestsError } from '../domain/errors.js'
import type { BusinessEvents } from '../observability/events.js'
import type { Rate } from './app-services.js'
import type { AppContext } from './context.js'

interface RateLimitOptions {
  /** Stands in the RateLimit headers and in the log. */
  name: string
  rate: Rate
  events: BusinessEvents
}

/** A limit that counts in this process's memory, and says in the RateLimit headers what is left of it. */
export function createRateLimit({ name, rate, events }: RateLimitOptions) {
  const limiter = new RateLimiterMemory({ points: rate.points, duration: rate.windowSeconds })
  const policy = `"${name}";q=${rate.points};w=${rate.windowSeconds}`
  return {
    /** @throws TooManyRequestsError when the key has used up its points */
    async consume(ctx: AppContext, key: string): Promise<void> {
      const { spent, state } = await take(limiter, key)
      const seconds = Math.max(1, Math.ceil(state.msBeforeNext / 1000))
      ctx.set('RateLimit-Policy', policy)
      ctx.set('RateLimit', `"${name}";r=${Math.max(0, state.remainingPoints)};t=${seconds}`)
      if (!spent) return
      events.rateLimited({ limit: name }, ctx.state.log)
      throw new TooManyRequestsError(`more than ${rate.points} requests in ${rate.windowSeconds} seconds`, seconds)
    },
  }
}

async function take(limiter: RateLimiterMemory, key: string): Promise<{ spent: boolean; state: RateLimiterRes }> {
  try {
    return { spent: false, state: await limiter.consume(key) }
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return { spent: true, state: refusal }
    throw refusal
  }
}

/** Whom an address stands for: one IPv6 customer has 2^64 addresses, and is counted as one. */
export function addressKey(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.split('%', 1)[0]?.split('::') ?? []
  const groups = head.split(':').filter((group) => group !== '')
  const after = (tail ?? '').split(':').filter((group) => group !== '')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - after.length)
  return [...groups, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':')
}
