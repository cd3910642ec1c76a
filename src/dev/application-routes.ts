import { Client, Connection } from '@temporalio/client'
import { loadConfig } from '../config.js'
import { applicationRoutes } from '../http/app.js'
import { productRoutes } from '../http/product-routes.js'
import type { Route } from '../http/route.js'
import { createLogger } from '../observability/logger.js'
import { createMetrics } from '../observability/metrics.js'
import { createServices } from '../services.js'

/** Every route as an installation without settings mounts it, for the documents; nothing is connected to. */
export function documentedRoutes(): Route[] {
  const log = createLogger({ service: 'documents', level: 'silent', redactPii: true })
  const services = createServices({
    config: loadConfig({ NODE_ENV: 'test' }),
    log,
    metrics: createMetrics(),
    client: new Client({ connection: Connection.lazy() }),
    version: '',
    together: true,
  })
  const routes = applicationRoutes(services, productRoutes(services))
  void services.close()
  return routes
}
