import { type AppMiddleware, routeLabel } from '../context.js'
import { outcomeStatus } from './request-metrics.js'

/** Asked every few seconds by machines: their lines would bury the rest. */
const quietRoutes = new Set(['/health', '/livez', '/ready', '/readyz', '/metrics'])

/** A probe that is told "not ready" got its answer: whoever asks it decides what that means. */
function levelOf(route: string, status: number): 'debug' | 'info' | 'error' {
  if (quietRoutes.has(route) && (status < 500 || status === 503)) return 'debug'
  return status >= 500 ? 'error' : 'info'
}

/** One line for each answered request. */
export function accessLog(): AppMiddleware {
  return async function accessLogMiddleware(ctx, next) {
    const started = performance.now()
    await next()
    const { caller, log } = ctx.state
    const route = routeLabel(ctx)
    const status = outcomeStatus(ctx)
    log[levelOf(route, status)](
      {
        route,
        method: ctx.method,
        status,
        latency_ms: Math.round((performance.now() - started) * 10) / 10,
        tenant_id: caller?.tenantId,
        user_id: caller?.userId,
      },
      'request completed',
    )
  }
}
