import type { Client } from '@temporalio/client'
import type { ActivityDeps } from '../activities/index.js'
import type { EndedSession } from '../workflows/messages.js'
import type { Config } from './config.js'
import { createEvents } from './observability/events.js'
import type { Logger } from './observability/logger.js'
import type { Metrics } from './observability/metrics.js'
import { createLlmClient } from './providers/llm/client.js'
import { createTransport } from './providers/request.js'
import { createTavusClient } from './providers/tavus/client.js'
import { callbackUrl } from './providers/tavus/callback-token.js'
import { normaliseTavusEvent } from './providers/tavus/events.js'
import { createDatabase } from './store/database.js'
import { createEventLog } from './store/event-log.js'
import { createRefreshTokenStore } from './store/refresh-tokens.js'
import { createSessionStore } from './store/sessions.js'
import { createUserStore } from './store/users.js'
import { createProbes } from './temporal/probes.js'
import { createSessionClient } from './temporal/sessions.js'
import { createStandingWorkflows } from './temporal/standing.js'
import { createWebhookClient } from './temporal/webhooks.js'

export interface ServiceOptions {
  config: Config
  log: Logger
  metrics: Metrics
  client: Client
  version: string
}

export type Services = ReturnType<typeof createServices>
