import Router from '@koa/router'
import Koa from 'koa'
import type { AppServices } from './app-services.js'
import type { AppContext, RequestState } from './context.js'
import { docsPaths, mountDocs } from './docs.js'
import { accessLog } from './middleware/access-log.js'
import { anonymousLimit } from './middleware/anonymous-limit.js'
import { authentication } from './middleware/authentication.js'
import { crossOrigin } from './middleware/cross-origin.js'
import { errors } from './middleware/errors.js'
import { requestContext } from './middleware/request-context.js'
import { requestMetrics } from './middleware/request-metrics.js'
import { securityHeaders } from './middleware/security-headers.js'
import { ticketAuthentication } from './middleware/ticket-authentication.js'
import { unmatched } from './middleware/unmatched.js'
import { wellFormedUrl } from './middleware/well-formed-url.js'
import { mountRoutes } from './mount.js'
import { openApiDocument } from './openapi.js'
import { mountPages, pagePaths } from './pages.js'
import type { Route } from './route.js'
import { authRoutes } from './routes/auth.js'
import { opsRoutes } from './routes/ops.js'

/** The whole HTTP application; `more` are the routes beside identity and operations. */
export function createApp(services: AppServices, more: Route[] = []): Koa<RequestState> {
  const { config, log, metrics, events, version } = services
  const routes = [...authRoutes(services), ...opsRoutes(services), ...more]
  const router = createRouter(services, routes)

  // The nearest proxy appends the address it saw; what stands before that, anybody may have written.
  const app = new Koa<RequestState>({ proxy: config.server.trustProxy, maxIpsCount: 1 })
  app.on('error', (error: unknown) => log.warn({ err: error }, 'answer could not be sent'))
  app.use(requestContext({ log }))
  app.use(requestMetrics(metrics))
  app.use(accessLog())
  app.use(errors())
  app.use(securityHeaders(config))
  app.use(crossOrigin(config))
  app.use(wellFormedUrl())
  app.use(authentication(config.identity))
  app.use(ticketAuthentication(services.realtime?.tickets))
  app.use(anonymousLimit({ rate: config.server.rates.anonymous, events, isExempt: exemption(router, routes) }))
  app.use(router.routes())
  app.use(unmatched(router))
  return app

  function createRouter({ config: { server } }: AppServices, mounted: Route[]): Router<RequestState> {
    const created = new Router<RequestState>()
    mountRoutes(created, mounted, { events, bodyLimitBytes: server.bodyLimitBytes })
    mountDocs(created, openApiDocument(mounted, { version, serverUrl: server.publicUrl }))
    mountPages(created, config)
    return created
  }
}

/** Documentation, pages and the routes that say so are not limited. */
function exemption(router: Router<RequestState>, routes: Route[]): (ctx: AppContext) => boolean {
  const exempt = new Set<string | RegExp>([...docsPaths, ...pagePaths])
  for (const route of routes) if (!route.anonymousLimit) route.paths.forEach((path) => exempt.add(path))
  return (ctx) => router.match(ctx.path, ctx.method).pathAndMethod.some((layer) => exempt.has(layer.path))
}
