import { ParleyError } from '../../domain/errors.js'
import { type AppMiddleware, routeLabel } from '../context.js'
import { renderProblem, toParleyError } from '../problem.js'

/** The one place that answers failures. What nobody expected is logged whole, and leaves as a bare 500. */
export function errors(): AppMiddleware {
  return async function errorsMiddleware(ctx, next) {
    try {
      await next()
    } catch (thrown) {
      const error = toParleyError(thrown)
      const { log } = ctx.state
      const fields = { err: thrown, code: error.code, route: routeLabel(ctx) }
      if (!(thrown instanceof ParleyError)) log.error(fields, 'request failed unexpectedly')
      else if (error.status >= 500) log.warn(fields, 'request failed')
      else log.debug(fields, 'request refused')
      renderProblem(ctx, error)
    }
  }
}
