import type { Metrics } from '../../observability/metrics.js'
import { type AppContext, type AppMiddleware, routeLabel } from '../context.js'

type Instruments = Pick<Metrics, 'httpRequests' | 'httpRequestDurationMs'>

/** The client was gone before the answer: no status was sent, and none of ours says so. */
const hungUp = 499

/** Status of the answer, or 499 when nobody was there to take it. */
export const outcomeStatus = (ctx: AppContext): number =>
  ctx.res.destroyed && !ctx.res.writableFinished ? hungUp : ctx.status

/** Counts and times every request by the pattern of its route. */
export function requestMetrics({ httpRequests, httpRequestDurationMs }: Instruments): AppMiddleware {
  return async function requestMetricsMiddleware(ctx, next) {
    const started = performance.now()
    await next()
    const labels = { route: routeLabel(ctx), method: ctx.method, status: String(outcomeStatus(ctx)) }
    httpRequests.inc(labels)
    httpRequestDurationMs.observe(labels, performance.now() - started)
  }
}
