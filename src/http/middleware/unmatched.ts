import type Router from '@koa/router'
import { NotFoundError, ParleyError } from '../../domain/errors.js'
import type { AppMiddleware, RequestState } from '../context.js'
import type { RequestLimits } from '../request-limits.js'
import { sendNotFoundPage, wantsPage } from '../pages.js'

/** What no route took: OPTIONS is told the methods, another method is refused with them, any other path is unknown. */
export function unmatched(router: Router<RequestState>, limits: RequestLimits): AppMiddleware {
  return async function unmatchedMiddleware(ctx) {
    await limits.general(ctx)
    const matching = router.match(ctx.path, ctx.method).path.filter((layer) => layer.methods.length > 0)
    const exact = matching.filter((layer) => layer.paramNames.length === 0)
    const layers = exact.length > 0 ? exact : matching
    if (layers.length === 0) {
      if (wantsPage(ctx)) return await sendNotFoundPage(ctx)
      throw new NotFoundError('there is nothing at this path')
    }
    const allowed = [...new Set(['OPTIONS', ...layers.flatMap((layer) => layer.methods)])].sort()
    ctx.set('Allow', allowed.join(', '))
    if (ctx.method !== 'OPTIONS')
      throw new ParleyError('method_not_allowed', 405, 'Method Not Allowed', `allowed here: ${allowed.join(', ')}`)
    ctx.status = 204
  }
}
