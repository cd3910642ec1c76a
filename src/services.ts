import type { Client } from '@temporalio/client'
import { createCallSources } from './call-sources.js'
import type { Config } from './config.js'
import { createEvents } from './observability/events.js'
import type { Logger } from './observability/logger.js'
import type { Metrics } from './observability/metrics.js'
import { createFollowUpDrafts } from './follow-up-drafts.js'
import { createFollowUpServices } from './follow-up-services.js'
import { createElevenLabsClient } from './providers/elevenlabs/client.js'
import { createLlmClient } from './providers/llm/client.js'
import { createTransport } from './providers/request.js'
import { createArtefactStore } from './providers/artefacts.js'
import { artefactDir } from './providers/registry.js'
import { createRecordings } from './providers/s3/recordings.js'
import { createTavusClient } from './providers/tavus/client.js'
import { createAnalyticsStore } from './store/analytics.js'
import { createRecapStore } from './store/analytics-recaps.js'
import { createApiKeyStore } from './store/api-keys.js'
import { createAudit } from './store/audit.js'
import { createAppointmentStore } from './store/appointments.js'
import { createMentorServices } from './mentor-services.js'
import { createRealtimeServices } from './realtime-services.js'
import { createRedisConnection } from './redis/connection.js'
import { createLimitStore } from './redis/limit-store.js'
import { createCallStore } from './store/calls.js'
import { createCompanyStore } from './store/companies.js'
import { createDatabase } from './store/database.js'
import { createEventLog } from './store/event-log.js'
import { createIdentityLookup } from './store/identity-lookup.js'
import { claimRulesOf } from './claim-rules.js'
import { createIntegrationStore } from './store/integrations.js'
import { createLeadStore } from './store/leads.js'
import { createMessageStore } from './store/messages.js'
import { createRefreshTokenStore } from './store/refresh-tokens.js'
import { createSessionStore } from './store/sessions.js'
import { createStaffStore } from './store/staff.js'
import { createTaskStore } from './store/tasks.js'
import { createUserStore } from './store/users.js'
import { createProbes } from './temporal/probes.js'
import { createRecapSchedules } from './temporal/recap-schedules.js'
import { createReadyNotices } from './temporal/ready-notices.js'
import { createSessionClient } from './temporal/sessions.js'
import { createStandingWorkflows } from './temporal/standing.js'
import { createPurgeSchedule } from './temporal/purge-schedule.js'
import { createReplayClient } from './temporal/webhook-replays.js'
import { createWebhookClient } from './temporal/webhooks.js'
import { createUwcServices } from './uwc-services.js'
import { createWebhookServices } from './webhook-services.js'
import { activityDepsOf, createDirectEnd } from './activity-services.js'

export interface ServiceOptions {
  config: Config
  log: Logger
  metrics: Metrics
  client: Client
  version: string
  /** The API and the worker are one process. */
  together: boolean
}

/** The one place that builds pools, clients and stores from the configuration. */
export function createServices({ config, log, metrics, client, version, together }: ServiceOptions) {
  const events = createEvents(log, metrics)
  const redis =
    config.redis.url === undefined ? undefined : createRedisConnection({ url: config.redis.url, log, metrics })
  const databaseUrl = config.database.url ?? ''
  const database = createDatabase({
    url: databaseUrl,
    poolSize: config.database.poolSize,
    log,
    onEvents: redis && ((nudges) => realtime.tell(nudges)),
  })
  const realtime = createRealtimeServices({ databaseUrl, database, redis, log, metrics, limits: config.realtime })
  const users = createUserStore(database)
  const sessions = createSessionStore(database, users)
  const { taskQueues, namespace } = config.temporal
  const notices = createReadyNotices()
  const sessionClient = createSessionClient({ client, taskQueue: taskQueues.sessions, notices })
  const providers = createProviders(config, metrics)
  const probes = createProbes({ client, namespace, taskQueues })
  const webhookClient = createWebhookClient({ client, taskQueue: taskQueues.webhooks })
  const standing = createStandingWorkflows({
    client,
    sessionsQueue: taskQueues.sessions,
    webhooksQueue: taskQueues.webhooks,
    reconcile: { everyMs: config.sessions.reconcileMs },
    drain: { batchSize: 256, idleMs: 30_000 },
    counting: { batchSize: 10_000, idleMs: 30_000, recapHour: config.analytics.recapHour },
  })
  const purgeSchedule = createPurgeSchedule({
    client,
    taskQueue: taskQueues.webhooks,
    purge: { receiptTtlDays: config.webhooks.receiptTtlDays, batchSize: 1000 },
  })
  const refreshTokens = createRefreshTokenStore(database)
  const webhooks = createWebhookServices({
    config,
    log,
    metrics,
    database,
    webhookClient,
    together,
    wakeDrain: standing.wakeDrain,
  })
  /** What was asked for takes the way of what is delivered, and is told of as asked for. */
  const ingestAsked: typeof webhooks.ingestDeliveries = async (deliveries) => {
    const settled = await webhooks.ingestDeliveries(deliveries)
    webhooks.events.asked(settled)
    return settled
  }
  const uwc = createUwcServices({
    config,
    log,
    metrics,
    database,
    client,
    transport: providers.uwcTransport,
    ingestDeliveries: ingestAsked,
  })
  metrics.addCollector(async () => metrics.sessionsActive.set(await sessions.countOpen()))
  const calls = createCallStore(database)
  const recaps = createRecapStore(database)
  const mentor = createMentorServices({ database, cacheMs: config.sessions.userContextCacheMs, log })
  const artefacts = createArtefactStore({ dir: artefactDir(config.dataDir) })
  const followUps = createFollowUpServices({
    config,
    database,
    client,
    events,
    transports: providers.followUpTransports,
    drafts: createFollowUpDrafts(uwc.drafts),
    ingest: async ({ provider, path, body }) => {
      await ingestAsked([webhooks.registry.parse(provider, body, path)])
    },
  })
  const core = {
    config,
    log,
    events,
    database,
    sessions,
    calls,
    mentor,
    followUps,
    sessionClient,
    webhooks,
    refreshTokens,
    notices,
    uwc,
    recaps,
    recapSchedules: createRecapSchedules({ client, taskQueue: taskQueues.webhooks }),
    artefacts,
    ...providers,
  }
  return {
    config,
    log,
    metrics,
    events,
    version,
    database,
    redis,
    limits: createLimitStore({ redis, events }),
    realtime,
    users,
    sessions,
    calls,
    mentor,
    followUps,
    refreshTokens,
    identities: createIdentityLookup(database),
    apiKeys: createApiKeyStore(database),
    audit: createAudit(database),
    eventLog: createEventLog(database),
    integrations: createIntegrationStore(database, { rules: claimRulesOf(config), adopted: webhooks.wakeDrain }),
    companies: createCompanyStore(database),
    staff: createStaffStore(database),
    leads: createLeadStore(database),
    appointments: createAppointmentStore(database),
    tasks: createTaskStore(database),
    analytics: createAnalyticsStore(database),
    recaps,
    messages: createMessageStore(database),
    deliveries: webhooks.deliveries,
    replayClient: createReplayClient({ client, taskQueue: taskQueues.webhooks }),
    purgeSchedule,
    artefacts,
    recordings: createRecordings({ recording: config.tavus.recording, credentials: config.aws }),
    sessionClient,
    webhookClient,
    standing,
    webhooks,
    uwc,
    probes: { ...probes, database: () => database.ping(1500), redis: redis && (() => redis.ping(1500)) },
    workerHeartbeats: probes.heartbeats,
    observeTask(name: string, status: string, durationMs: number): void {
      metrics.workerTasks.inc({ name, status })
      metrics.workerTaskDurationMs.observe({ name }, durationMs)
    },
    endDirectly: createDirectEnd(core),
    activityDeps: activityDepsOf(core),
    background: webhooks.background,
    ...providers,
    async close(): Promise<void> {
      await realtime.close()
      redis?.close()
      await providers.closeProviders()
      await database.destroy()
    },
  }
}

export type Services = ReturnType<typeof createServices>

function createProviders(config: Config, metrics: Metrics) {
  const observe: Parameters<typeof createTransport>[0]['observe'] = (labels, durationMs) =>
    metrics.providerRequestDurationMs.observe(labels, durationMs)
  const transports = {
    tavus: createTransport({ provider: 'tavus', observe }),
    customLlm: createTransport({ provider: 'custom_llm', observe }),
    twilio: createTransport({ provider: 'twilio', observe }),
    elevenlabs: createTransport({ provider: 'elevenlabs', observe }),
    uwc: createTransport({ provider: 'uwc', observe }),
    bland: createTransport({ provider: 'bland', observe }),
  }
  return {
    tavus: createTavusClient(config.tavus, transports.tavus),
    llm: createLlmClient(config.customLlm, transports.customLlm),
    callSources: createCallSources(config, transports),
    followUpTransports: transports,
    elevenlabs: createElevenLabsClient(config.elevenlabs, transports.elevenlabs),
    uwcTransport: transports.uwc,
    closeProviders: () => Promise.all(Object.values(transports).map((transport) => transport.close())),
  }
}
