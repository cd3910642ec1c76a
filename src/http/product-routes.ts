import type { Services } from '../services.js'
import { scopesOf } from './api-key-schema.js'
import type { Route } from './route.js'
import { analyticsRoutes } from './routes/analytics.js'
import { apiKeyRoutes } from './routes/api-keys.js'
import { deliveryRoutes } from './routes/deliveries.js'
import { integrationRoutes } from './routes/integrations.js'
import { callRoutes } from './routes/calls.js'
import { companyRoutes } from './routes/companies.js'
import { mentorRoutes } from './routes/mentor.js'
import { followUpRoutes } from './routes/follow-ups.js'
import { quietHoursRoutes } from './routes/quiet-hours.js'
import { messageRoutes } from './routes/messages.js'
import { personalContextRoutes } from './routes/personal-context.js'
import { companyResourceRoutes } from './routes/resources.js'
import { realtimeRoutes } from './routes/realtime.js'
import { sessionRoutes } from './routes/sessions.js'
import { elevenLabsRoutes } from './routes/elevenlabs.js'
import { tavusRoutes } from './routes/tavus.js'
import { testEmitRoutes } from './routes/test-emit.js'
import { uwcRoutes } from './routes/uwc.js'
import { webhookRoutes } from './routes/webhooks.js'
import { createSessionEnder } from './session-end.js'
import { createSessionStarter } from './session-start.js'

/** What Parley is for: sessions, calls, webhooks, and what companies keep. */
export function productRoutes(services: Services): Route[] {
  const starter = createSessionStarter(services)
  const ender = createSessionEnder(services)
  const { webhooks, config } = services
  const routes = [
    ...sessionRoutes({ services, starter, ender }),
    ...tavusRoutes({ starter, ender }),
    ...mentorRoutes({ services, starter, ender }),
    ...personalContextRoutes(services),
    ...elevenLabsRoutes({ starter, ender }),
    ...integrationRoutes(services),
    ...deliveryRoutes(services),
    ...callRoutes(services),
    ...messageRoutes(services),
    ...companyRoutes(services),
    ...companyResourceRoutes(services),
    ...uwcRoutes(services),
    ...analyticsRoutes(services),
    ...followUpRoutes(services),
    ...quietHoursRoutes(services),
    ...realtimeRoutes(services),
    ...testEmitRoutes(services),
    ...webhookRoutes({
      providers: webhooks.registry.all,
      receiver: webhooks.receiver,
      bodyLimitBytes: config.webhooks.bodyLimitBytes,
    }),
  ]
  return [...routes, ...apiKeyRoutes({ apiKeys: services.apiKeys, scopes: scopesOf(routes) })]
}
