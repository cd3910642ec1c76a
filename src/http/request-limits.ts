import type { Caller } from '../domain/identity.js'
import type { BusinessEvents } from '../observability/events.js'
import type { HttpConfig, LimitStore, Rate } from './app-services.js'
import type { AppContext } from './context.js'
import { addressKey, createRateLimit, type RateLimit } from './rate-limit.js'
import type { Route, RouteLimits } from './route.js'

interface RequestLimitOptions {
  rates: HttpConfig['server']['rates']
  store: LimitStore
  events: Pick<BusinessEvents, 'rateLimited'>
}

interface Limits {
  user: RateLimit
  tenant: RateLimit
  anonymous: RateLimit
}

/** The key of a user; one whose token names no company is counted by itself. */
export const userKey = ({ userId, tenantId }: Caller): string =>
  tenantId === undefined ? `user:${userId}` : `tenant:${tenantId}:user:${userId}`

/** The key of a company. */
export const tenantKey = (tenantId: string): string => `tenant:${tenantId}`

/** How often a user, its company and an address without a token may ask. */
export function createRequestLimits({ rates, store, events }: RequestLimitOptions) {
  const limit = (name: string, rate: Rate, space: string) => createRateLimit({ name, rate, store, events, space })
  const general: Limits = {
    user: limit('user', rates.user, ''),
    tenant: limit('tenant', rates.tenant, ''),
    anonymous: limit('anonymous', rates.anonymous, 'anonymous'),
  }

  function limitsOf(operationId: string, limits: RouteLimits): Limits {
    const own = (kind: keyof Limits) => {
      const rate = limits[kind]
      return rate ? limit(kind, rate, `route:${operationId}:${kind}`) : general[kind]
    }
    return { user: own('user'), tenant: own('tenant'), anonymous: own('anonymous') }
  }

  return {
    /** Counts a request to no route of ours. */
    general: (ctx: AppContext) => count(general, ctx),
    /** Counts requests to a route, by its own limits where it has some. */
    of({ limits, operationId }: Pick<Route, 'limits' | 'operationId'>): (ctx: AppContext) => Promise<void> {
      if (limits === false) return () => Promise.resolve()
      const effective = limitsOf(operationId, limits)
      return (ctx) => count(effective, ctx)
    },
  }
}

export type RequestLimits = ReturnType<typeof createRequestLimits>

/** The user before the company: what the user's limit refuses does not count against the others. */
async function count({ user, tenant, anonymous }: Limits, ctx: AppContext): Promise<void> {
  const { caller } = ctx.state
  if (!caller) return await anonymous.consume(ctx, addressKey(ctx.ip))
  await user.consume(ctx, userKey(caller))
  if (caller.tenantId !== undefined) await tenant.consume(ctx, tenantKey(caller.tenantId))
}
