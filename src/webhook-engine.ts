import { join } from 'node:path'
import type { WebhookActivityDeps } from '../activities/webhooks.js'
import type { Config } from './config.js'
import { createEngineGate } from './http/engine-gate.js'
import { createWebhookReceiver } from './http/webhook-receiver.js'
import type { Logger } from './observability/logger.js'
import type { Metrics } from './observability/metrics.js'
import { createWebhookEvents } from './observability/webhook-events.js'
import { createProviderRegistry, type ProviderRegistry } from './providers/registry.js'
import type { Database } from './store/database.js'
import { appendEvents } from './store/event-log.js'
import { createReceiptBatcher } from './store/receipt-batcher.js'
import { createReceiptDrain } from './store/receipt-drain.js'
import { createReceiptIngest } from './store/receipt-ingest.js'
import { createReceiptListener } from './store/receipt-listener.js'
import { createReceiptProcessing } from './store/receipt-processing.js'
import { createReceiptSettlements } from './store/receipt-settlements.js'
import { createReceiptStates } from './store/receipt-states.js'
import { applyToSession } from './store/sessions.js'
import { createSpool } from './store/spool.js'
import { createSpoolDrain } from './store/spool-drain.js'
import { createWebhookReceipts } from './store/webhook-receipts.js'
import { createDrainWaker } from './temporal/drain-waker.js'
import type { SessionClient } from './temporal/sessions.js'
import type { StandingWorkflows } from './temporal/standing.js'
import type { WebhookClient } from './temporal/webhooks.js'

export interface WebhookEngineOptions {
  config: Pick<Config, 'dataDir' | 'split' | 'webhooks' | 'tavus'> & { database: { url: string | undefined } }
  log: Logger
  metrics: Metrics
  database: Database
  webhookClient: WebhookClient
  standing: Pick<StandingWorkflows, 'wakeDrain'>
  sessionClient: Pick<SessionClient, 'signal'>
  registry?: ProviderRegistry
}

/** Joins what receives webhooks, what processes them, and what brings in those that had to wait. */
export function createWebhookEngine(options: WebhookEngineOptions) {
  const { config, log, metrics, database } = options
  const registry = options.registry ?? createProviderRegistry(config)
  const events = createWebhookEvents(log, metrics)
  const receipts = createWebhookReceipts({ database })
  const settlements = createReceiptSettlements()
  const waker = createDrainWaker({ wake: options.standing.wakeDrain })
  const spool = createSpool({ dir: join(config.dataDir, 'spool') })
  const spoolDrain = createSpoolDrain({ spool, insert: receipts.insert, wake: waker.wake, log })
  const states = createReceiptStates({ matchMs: config.webhooks.matchMs, notify: config.split })
  const processing = createReceiptProcessing({
    database,
    states,
    effectsOf: registry.effectsOf,
    applyToSession,
    appendEvents,
  })
  const listener = config.split
    ? createReceiptListener({ url: config.database.url ?? '', onMessage: settlements.announceMessage, log })
    : undefined

  const receiver = createWebhookReceiver({
    record: createReceiptBatcher({ insert: receipts.insert }).record,
    release: receipts.release,
    spool: (delivery, receivedAt) => spool.append({ delivery, receivedAt }),
    startWorkflow: options.webhookClient.start,
    waitSettled: settlements.wait,
    wakeDrain: waker.wake,
    gate: createEngineGate({ maxInflight: config.webhooks.maxInflight }),
    events,
    ackMs: config.webhooks.ackMs,
  })
  const activityDeps: WebhookActivityDeps = {
    processing,
    drain: createReceiptDrain({ database, processing }),
    signalSession: options.sessionClient.signal,
    announce: settlements.announce,
    events,
  }
  return {
    registry,
    receiver,
    activityDeps,
    /** Takes in what a provider was asked for, as its webhooks would have been. */
    ingestEvents: createReceiptIngest({ database, processing, deliveriesOf: registry.deliveriesOf }),
    /** Of the process that receives. */
    start(): void {
      spoolDrain.start()
      listener?.start()
    },
    async stop(): Promise<void> {
      await spoolDrain.stop()
      await listener?.stop()
      waker.stop()
      await spool.close()
    },
  }
}

export type WebhookEngine = ReturnType<typeof createWebhookEngine>
