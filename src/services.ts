import type { Client } from '@temporalio/client'
import type { ActivityDeps } from '../activities/index.js'
import type { EndedSession } from '../workflows/messages.js'
import type { Config } from './config.js'
import { NotFoundError } from './domain/errors.js'
import { createEvents } from './observability/events.js'
import type { Logger } from './observability/logger.js'
import type { Metrics } from './observability/metrics.js'
import { createLlmClient } from './providers/llm/client.js'
import { createTransport } from './providers/request.js'
import { createRecordings } from './providers/s3/recordings.js'
import { callbackUrl } from './providers/tavus/callback-token.js'
import { createTavusClient } from './providers/tavus/client.js'
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

/** The one place that builds pools, clients and stores from the configuration. */
export function createServices({ config, log, metrics, client, version }: ServiceOptions) {
  const events = createEvents(log, metrics)
  const database = createDatabase({ url: config.database.url ?? '', poolSize: config.database.poolSize, log })
  const users = createUserStore(database)
  const sessions = createSessionStore(database, users)
  const { taskQueues, namespace } = config.temporal
  const sessionClient = createSessionClient({ client, taskQueue: taskQueues.sessions })
  const providers = createProviders(config, metrics)
  return {
    config,
    log,
    metrics,
    events,
    version,
    database,
    users,
    sessions,
    refreshTokens: createRefreshTokenStore(database),
    eventLog: createEventLog(database),
    recordings: createRecordings({ recording: config.tavus.recording, credentials: config.aws }),
    sessionClient,
    webhookClient: createWebhookClient({ client, taskQueue: taskQueues.webhooks }),
    standing: createStandingWorkflows({
      client,
      sessionsQueue: taskQueues.sessions,
      webhooksQueue: taskQueues.webhooks,
      reconcile: { everyMs: config.sessions.reconcileMs },
      drain: { batchSize: 256, idleMs: 30_000 },
    }),
    ...providers,
  }
}

export type Services = ReturnType<typeof createServices>

function createProviders(config: Config, metrics: Metrics) {
  const observe: Parameters<typeof createTransport>[0]['observe'] = (labels, durationMs) =>
    metrics.providerRequestDurationMs.observe(labels, durationMs)
  const transports = {
    tavus: createTransport({ provider: 'tavus', observe }),
    customLlm: createTransport({ provider: 'custom_llm', observe }),
  }
  return {
    tavus: createTavusClient(config.tavus, transports.tavus),
    llm: createLlmClient(config.customLlm, transports.customLlm),
    closeProviders: () => Promise.all([transports.tavus.close(), transports.customLlm.close()]),
  }
}
