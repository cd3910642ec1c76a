import { type AppMiddleware, routeLabel } from '../context.js'
import { outcomeStatus } from './request-metrics.js'

/** Asked every few seconds by machines: their lines would bury the rest. */
const quietRoutes = new Set(['/health', '/livez', '/ready', '/readyz', '/metrics'])

/** One line for each answered request. */
export function accessLog(): AppMiddleware {
  return async function accessLogMiddleware(ctx, next) {
    const started = performance.now()
    await next()
    const { caller, log } = ctx.state
    const route = routeLabel(ctx)
    const status = outcomeStatus(ctx)
    const level = status >= 500 ? 'error' : quietRoutes.has(route) ? 'debug' : 'info'
    log[level](
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
