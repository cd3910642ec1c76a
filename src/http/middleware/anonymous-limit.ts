import type { BusinessEvents } from '../../observability/events.js'
import type { Rate } from '../app-services.js'
import type { AppContext, AppMiddleware } from '../context.js'
import { addressKey, createRateLimit } from '../rate-limit.js'

interface AnonymousLimitOptions {
  rate: Rate
  events: BusinessEvents
  isExempt: (ctx: AppContext) => boolean
}

/** Limits by address whoever calls without a valid token. */
export function anonymousLimit({ rate, events, isExempt }: AnonymousLimitOptions): AppMiddleware {
  const limit = createRateLimit({ name: 'anonymous', rate, events })
  return async function anonymousLimitMiddleware(ctx, next) {
    if (!ctx.state.caller && !isExempt(ctx)) await limit.consume(ctx, addressKey(ctx.ip))
    await next()
  }
}
