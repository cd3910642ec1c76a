import type { Services } from '../services.js'
import type { Route } from './route.js'
import { deliveryRoutes } from './routes/deliveries.js'
import { integrationRoutes } from './routes/integrations.js'
import { callRoutes } from './routes/calls.js'
import { realtimeRoutes } from './routes/realtime.js'
import { sessionRoutes } from './routes/sessions.js'
import { tavusRoutes } from './routes/tavus.js'
import { testEmitRoutes } from './routes/test-emit.js'
import { webhookRoutes } from './routes/webhooks.js'
import { createSessionEnder } from './session-end.js'
import { createSessionStarter } from './session-start.js'

/** What Parley is for: sessions, calls and webhooks. */
export function productRoutes(services: Services): Route[] {
  const starter = createSessionStarter(services)
  const ender = createSessionEnder(services)
  const { webhooks, config } = services
  return [
    ...sessionRoutes({ services, starter, ender }),
    ...tavusRoutes({ starter, ender }),
    ...integrationRoutes(services),
    ...deliveryRoutes(services),
    ...callRoutes(services),
    ...realtimeRoutes(services),
    ...testEmitRoutes(services),
    ...webhookRoutes({
      providers: webhooks.registry.all,
      receiver: webhooks.receiver,
      bodyLimitBytes: config.webhooks.bodyLimitBytes,
    }),
  ]
}
