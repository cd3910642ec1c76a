import Router from '@koa/router'
import Koa from 'koa'
import type { AppServices } from './app-services.js'
import type { AppContext, RequestState } from './context.js'
import { mountDocs } from './docs.js'
import { accessLog } from './middleware/access-log.js'
import { createIdentification } from './identity/identification.js'
import { authentication } from './middleware/authentication.js'
import { crossOrigin } from './middleware/cross-origin.js'
import { errors } from './middleware/errors.js'
import { requestContext } from './middleware/request-context.js'
import { requestMetrics } from './middleware/request-metrics.js'
import { securityHeaders } from './middleware/security-headers.js'
import { ticketAuthentication } from './middleware/ticket-authentication.js'
import { unmatched } from './middleware/unmatched.js'
import { wellFormedUrl } from './middleware/well-formed-url.js'
import { isLiteral, literalRoutes, mountRoutes } from './mount.js'
import { openApiDocument } from './openapi.js'
import { mountPages } from './pages.js'
import { createRequestLimits } from './request-limits.js'
import type { Route } from './route.js'
import { authRoutes } from './routes/auth.js'
import { opsRoutes } from './routes/ops.js'

/** Every route of the application, in the order in which they are mounted. */
export const applicationRoutes = (services: AppServices, more: Route[]): Route[] => [
  ...authRoutes(services),
  ...opsRoutes(services),
  ...more,
]

/** The whole HTTP application; `more` are the routes beside identity and operations. */
export function createApp(services: AppServices, more: Route[] = []): Koa<RequestState> {
  const { config, log, metrics, events, audit, version } = services
  const routes = applicationRoutes(services, more)
  const limits = createRequestLimits({ rates: config.server.rates, store: services.limits, events })
  const { router, byPath } = createRouter(services, routes)
  const identification = createIdentification(services)

  // The nearest proxy appends the address it saw; what stands before that, anybody may have written.
  const app = new Koa<RequestState>({ proxy: config.server.trustProxy, maxIpsCount: 1 })
  app.on('error', (error: unknown) => log.warn({ err: error }, 'answer could not be sent'))
  app.use(requestContext({ log }))
  app.use(requestMetrics(metrics))
  app.use(accessLog())
  app.use(errors())
  app.use(securityHeaders(config))
  // Before anybody asks for the path.
  app.use(wellFormedUrl())
  app.use(crossOrigin(config))
  app.use(authentication({ identification, wantsCaller: callerWish(router, routes) }))
  app.use(ticketAuthentication(services.realtime?.tickets))
  app.use(literalRoutes(byPath))
  app.use(router.routes())
  app.use(unmatched(router, limits))
  return app

  function createRouter({ config: { server, identity } }: AppServices, mounted: Route[]) {
    const created = new Router<RequestState>()
    const byPath = mountRoutes(created, mounted, {
      events,
      audit,
      bodyLimitBytes: server.bodyLimitBytes,
      limits,
      secret: identity.jwtSecret,
    })
    mountDocs(created, openApiDocument(mounted, { version, serverUrl: server.publicUrl }))
    mountPages(created, config)
    return { router: created, byPath }
  }
}

/** Who calls matters wherever a route says so, and at a path that is nobody's: an unknown one is no way around a limit. */
function callerWish(router: Router<RequestState>, routes: Route[]): (ctx: AppContext) => boolean {
  const wishes = new Set(
    routes
      .filter(({ auth }) => auth !== 'none')
      .flatMap(({ method, paths }) => paths.map((path) => `${method} ${path}`)),
  )
  const literal = new Map(
    routes.flatMap(({ auth, method, paths }) =>
      paths.filter(isLiteral).map((path) => [`${method.toUpperCase()} ${path}`, auth !== 'none'] as const),
    ),
  )
  return (ctx) => {
    const known = literal.get(`${ctx.method} ${ctx.path}`)
    if (known !== undefined) return known
    const layers = router.match(ctx.path, ctx.method).pathAndMethod
    const method = ctx.method === 'HEAD' ? 'get' : ctx.method.toLowerCase()
    return layers.length === 0 || layers.some(({ path }) => wishes.has(`${method} ${String(path)}`))
  }
}
