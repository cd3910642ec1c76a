import Router from '@koa/router'
import Koa from 'koa'
import type { AppServices } from './app-services.js'
import type { RequestState } from './context.js'
import { mountDocs } from './docs.js'
import { accessLog } from './middleware/access-log.js'
import { authentication } from './middleware/authentication.js'
import { crossOrigin } from './middleware/cross-origin.js'
import { errors } from './middleware/errors.js'
import { requestContext } from './middleware/request-context.js'
import { requestMetrics } from './middleware/request-metrics.js'
import { securityHeaders } from './middleware/security-headers.js'
import { unmatched } from './middleware/unmatched.js'
import { wellFormedUrl } from './middleware/well-formed-url.js'
import { mountRoutes } from './mount.js'
import { openApiDocument } from './openapi.js'
import { mountPages } from './pages.js'
import { createRequestLimits } from './request-limits.js'
import type { Route } from './route.js'
import { authRoutes } from './routes/auth.js'
import { opsRoutes } from './routes/ops.js'

/** The whole HTTP application; `more` are the routes beside identity and operations. */
export function createApp(services: AppServices, more: Route[] = []): Koa<RequestState> {
  const { config, log, metrics, events, version } = services
  const routes = [...authRoutes(services), ...opsRoutes(services), ...more]
  const limits = createRequestLimits({ rates: config.server.rates, store: services.limits, events })
  const router = createRouter(services, routes)

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
  app.use(authentication(config.identity))
  app.use(router.routes())
  app.use(unmatched(router, limits))
  return app

  function createRouter({ config: { server } }: AppServices, mounted: Route[]): Router<RequestState> {
    const created = new Router<RequestState>()
    mountRoutes(created, mounted, { events, bodyLimitBytes: server.bodyLimitBytes, limits })
    mountDocs(created, openApiDocument(mounted, { version, serverUrl: server.publicUrl }))
    mountPages(created, config)
    return created
  }
}
