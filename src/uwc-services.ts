import type { Client } from '@temporalio/client'
import { v7 as uuidv7 } from 'uuid'
import type { UwcActivityDeps } from '../activities/uwc.js'
import type { PartnerDrafts } from './follow-up-drafts.js'
import type { Config } from './config.js'
import { FeatureDisabledError, ProviderError } from './domain/errors.js'
import type { Actor } from './domain/identity.js'
import { featureOf, type UwcFeature } from './domain/partner-job.js'
import type { PartnerJobKind } from './domain/webhook.js'
import type { Logger } from './observability/logger.js'
import type { Metrics } from './observability/metrics.js'
import { createUwcEvents } from './observability/uwc-events.js'
import type { Transport } from './providers/request.js'
import { createUwcClient } from './providers/uwc/client.js'
import { polledDelivery } from './providers/uwc/polled.js'
import type { Database } from './store/database.js'
import { usageOfResult } from './store/partner-usage.js'
import { createUwcDraftStore } from './store/uwc-drafts.js'
import { createUwcJobStore, type UnstartedJob } from './store/uwc-jobs.js'
import { createUwcRequestStore } from './store/uwc-requests.js'
import { createUwcJobClient } from './temporal/uwc-jobs.js'
import { createUwcStarter } from './temporal/uwc-starter.js'
import type { createWebhookServices } from './webhook-services.js'

export interface UwcServiceOptions {
  config: Pick<Config, 'uwc' | 'temporal'>
  log: Logger
  metrics: Metrics
  database: Database
  client: Client
  transport: Transport
  ingestDeliveries: ReturnType<typeof createWebhookServices>['ingestDeliveries']
  /** Between two looks for jobs that nobody has begun, in milliseconds. */
  lookEveryMs?: number
}

const variableOf: Readonly<Record<UwcFeature, string>> = {
  asr: 'ENABLE_UWC_ASR',
  rag: 'ENABLE_UWC_RAG',
  training: 'ENABLE_UWC_TRAINING',
  followups: 'ENABLE_UWC_FOLLOWUPS',
}

/** The ML partner: what asks it, what keeps its jobs, and what begins them. */
export function createUwcServices(options: UwcServiceOptions) {
  const { config, log, metrics, database, client: temporal, transport, ingestDeliveries } = options
  const { features, jobTimeoutMs, pollMs } = config.uwc
  const { sessions: taskQueue, providers: providerQueue } = config.temporal.taskQueues
  const events = createUwcEvents(log, metrics)
  const client = createUwcClient(config.uwc, transport, { events })
  const jobs = createUwcJobStore(database)
  const limits = { timeoutMs: jobTimeoutMs, pollMs }
  const workflows = createUwcJobClient({ client: temporal, taskQueue, providerQueue, limits })
  const anyFeature = Object.values(features).includes(true)
  const starter = createUwcStarter({
    ...jobs,
    start: workflows.start,
    // With nothing switched on there are only jobs from before, which are to end.
    everyMs: options.lookEveryMs ?? (anyFeature ? 5_000 : 60_000),
    staleSeconds: (jobTimeoutMs + 600_000) / 1000,
    log,
  })
  const enabled = (kind: PartnerJobKind) => features[featureOf[kind]]
  const begin = async (job: Omit<UnstartedJob, 'requestId'> & { requestId: string | null }): Promise<void> => {
    const { id, tenantId, kind, requestId } = job
    if (requestId === null) return
    await starter
      .startOne({ id, tenantId, kind, requestId })
      .catch((error: unknown) => log.warn({ err: error }, 'a job of the ML partner is begun later'))
  }
  const activities: UwcActivityDeps = {
    jobs,
    client,
    enabled,
    log,
    async ingest(job, answer) {
      const delivery = polledDelivery(job, answer)
      if (delivery) await ingestDeliveries([delivery])
    },
  }
  const drafts: PartnerDrafts = {
    ...createUwcDraftStore(database),
    enabled: () => features.followups,
    startJob: (job) => starter.startOne({ ...job, kind: 'followup' }),
  }

  return {
    requests: createUwcRequestStore(database),
    activities,
    drafts,
    starter,
    signalJob: workflows.signal,
    workflowOf: workflows.handleOf,
    /** Starts the workflow of a job; what cannot be started now is started later. */
    begin,

    /** @throws FeatureDisabledError, or a ProviderError when nobody could be sent anything */
    assertAvailable(feature: UwcFeature): void {
      if (!features[feature]) throw new FeatureDisabledError(variableOf[feature])
      if (!client.configured)
        throw new ProviderError('provider_not_configured', 'no account of the ML partner', 'uwc', undefined)
    },

    async ask({ tenantId, role }: Actor, query: string, signal: AbortSignal) {
      const requestId = uuidv7()
      const { answer, sources, data } = await client.ask({
        companyId: tenantId,
        requestId,
        query,
        userRole: role,
        signal,
      })
      events.asked(usageOfResult('ask', data))
      return { requestId, answer, sources }
    },
  }
}

export type UwcServices = ReturnType<typeof createUwcServices>
