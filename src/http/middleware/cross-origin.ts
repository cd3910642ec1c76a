import cors from '@koa/cors'
import { ForbiddenError } from '../../domain/errors.js'
import type { HttpConfig } from '../app-services.js'
import type { AppContext, AppMiddleware } from '../context.js'

const exposed = [
  'X-Request-Id',
  'X-Trace-Id',
  'Retry-After',
  'RateLimit',
  'RateLimit-Policy',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'Location',
  'ETag',
  'Idempotent-Replayed',
]

/** Lets the configured origins and our own pages call; a request of any other origin is refused. */
export function crossOrigin({ server }: Pick<HttpConfig, 'server'>): AppMiddleware {
  const isAllowed = originMatcher(server.corsOrigins)
  const ownOrigin = new URL(server.publicUrl).origin
  const allow = cors({ origin: (ctx) => ctx.get('Origin'), exposeHeaders: exposed, maxAge: 600 })
  return async function crossOriginMiddleware(ctx, next) {
    const origin = ctx.get('Origin')
    if (origin && origin !== ownOrigin && !isHostOrigin(ctx, origin) && !isAllowed(origin)) {
      ctx.vary('Origin')
      throw new ForbiddenError('requests from this origin are not allowed', 'origin_not_allowed')
    }
    if (!origin && ctx.method !== 'OPTIONS') {
      // What no browser sent needs none of its headers, but caches are to know that others would get them.
      ctx.vary('Origin')
      await next()
    } else await allow(ctx, next)
  }
}

/** By the host alone: behind a proxy that ends TLS, the scheme that we see is not the browser's. */
function isHostOrigin(ctx: AppContext, origin: string): boolean {
  return /^https?:\/\/(.+)$/.exec(origin)?.[1] === ctx.host.toLowerCase()
}

/** Exact origins, and schemes of which every origin is allowed; browsers write origins in lower case, nothing else is one. */
function originMatcher(patterns: readonly string[]): (origin: string) => boolean {
  const lower = patterns.map((pattern) => pattern.toLowerCase().replace(/\/$/, ''))
  const schemes = lower.filter((pattern) => pattern.endsWith('://*')).map((pattern) => pattern.slice(0, -1))
  const exact = new Set(lower)
  return (origin) => exact.has(origin) || schemes.some((scheme) => origin.startsWith(scheme))
}
