import { isIPv6 } from 'node:net'
import { TooManyRequestsError } from '../domain/errors.js'
import type { BusinessEvents } from '../observability/events.js'
import type { CountedLimit, LimitState, LimitStore, Rate } from './app-services.js'
import type { AppContext } from './context.js'

export interface RateLimitOptions {
  /** Stands in the RateLimit headers and in the log. */
  name: string
  rate: Rate
  store: LimitStore
  events: Pick<BusinessEvents, 'rateLimited'>
  /** Keeps its counters apart from those of other limits; the name unless something else is said. */
  space?: string
}

/** A limit that counts each request by a key, and says in the RateLimit headers what is left of it. */
export function createRateLimit({ name, rate, store, events, space = name }: RateLimitOptions) {
  const limiter = store.limiter({ ...rate, space })
  return {
    /** @throws TooManyRequestsError when the key has used up its points */
    async consume(ctx: AppContext, key: string): Promise<void> {
      const state = await limiter.take(key)
      const counted = (ctx.state.limits ??= [])
      counted.push({ ...state, name, rate })
      tellLimits(ctx, counted)
      if (!state.refused) return
      const { caller, log } = ctx.state
      events.rateLimited({ limit: name, userId: caller?.userId, tenantId: caller?.tenantId }, log)
      const detail = `more than ${rate.points} requests in ${rate.windowSeconds} seconds`
      throw new TooManyRequestsError(detail, secondsOf(state))
    },
  }
}

export type RateLimit = ReturnType<typeof createRateLimit>

const secondsOf = ({ resetMs }: LimitState) => Math.max(1, Math.ceil(resetMs / 1000))

/** Every limit in the two fields of the draft standard; the one with the least left in the three older fields. */
function tellLimits(ctx: AppContext, counted: CountedLimit[]): void {
  const list = (itemOf: (limit: CountedLimit) => string) =>
    counted.map((limit) => `"${limit.name}";${itemOf(limit)}`).join(', ')
  ctx.set(
    'RateLimit-Policy',
    list(({ rate }) => `q=${rate.points};w=${rate.windowSeconds}`),
  )
  ctx.set(
    'RateLimit',
    list((limit) => `r=${limit.remaining};t=${secondsOf(limit)}`),
  )
  const tightest = counted.reduce((a, b) => (b.refused || (!a.refused && b.remaining < a.remaining) ? b : a))
  ctx.set('RateLimit-Limit', String(tightest.rate.points))
  ctx.set('RateLimit-Remaining', String(tightest.remaining))
  ctx.set('RateLimit-Reset', String(secondsOf(tightest)))
}

/** Some proxies write the port behind the address, which is another one for each connection. */
const withoutPort = (address: string) =>
  address.replace(/^(?:\[([\da-f:.%\w]+)\]|(\d+(?:\.\d+){3}))(?::\d+)?$/i, '$1$2')

/** Whom an address stands for: one IPv6 customer has 2^64 addresses, and is counted as one. */
export function addressKey(address: string): string {
  const plain = withoutPort(address).replace(/^::ffff:(?=\d+\.)/i, '')
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.split('%', 1)[0]?.split('::') ?? []
  const groups = head.split(':').filter((group) => group !== '')
  const after = (tail ?? '').split(':').filter((group) => group !== '')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - after.length)
  return [...groups, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':')
}
