import { join } from 'node:path'
import type { Config } from './config.js'
import { createEngineGate } from './http/engine-gate.js'
import { createWebhookReceiver } from './http/webhook-receiver.js'
import type { Logger } from './observability/logger.js'
import type { Metrics } from './observability/metrics.js'
import { createWebhookEvents, type WebhookEvents } from './observability/webhook-events.js'
import { createProviderRegistry, type ProviderRegistry } from './providers/registry.js'
import type { Delivery } from './domain/webhook.js'
import { createBurstGauge } from './store/burst-gauge.js'
import type { Database } from './store/database.js'
import { appendEvents } from './store/event-log.js'
import { createDeliveryStore } from './store/deliveries.js'
import { createReceiptBatcher } from './store/receipt-batcher.js'
import { createReceiptCipher } from './store/receipt-cipher.js'
import { createReceiptEffects } from './store/receipt-effects.js'
import { createReceiptsAtOnce } from './store/receipts-at-once.js'
import { createReceiptDrain } from './store/receipt-drain.js'
import { createDeliveryIngest, createReceiptIngest, type IngestEvents } from './store/receipt-ingest.js'
import { createReceiptListener } from './store/receipt-listener.js'
import { createReceiptProcessing } from './store/receipt-processing.js'
import { createReceiptReplay } from './store/receipt-replay.js'
import { createReceiptSettlements } from './store/receipt-settlements.js'
import { createReceiptStates } from './store/receipt-states.js'
import { createAppliers } from './store/appliers.js'
import { createSpoolDrain } from './store/spool-drain.js'
import { createSpool } from './store/spool.js'
import { createWebhookReceipts } from './store/webhook-receipts.js'
import { createDrainWaker, type DrainWaker } from './temporal/drain-waker.js'
import type { WebhookClient } from './temporal/webhooks.js'

export interface WebhookServiceOptions {
  config: Config
  log: Logger
  metrics: Metrics
  database: Database
  webhookClient: WebhookClient
  /** The API and the worker are one process: then it tells itself, and not by way of the database. */
  together: boolean
  wakeDrain: () => Promise<void>
  /** Longest transaction of the drain, for tests on a busy machine. */
  drainBatchMs?: number
  /** Within which the engine keeps up, for the same. */
  engineTargetMs?: number
  /** Other providers than the configured ones, for tests. */
  registry?: ProviderRegistry
}

/** The webhook engine: what receives, what processes, and what runs beside both. */
export function createWebhookServices(options: WebhookServiceOptions) {
  const { config, log, metrics, database } = options
  const events = createWebhookEvents(log, metrics)
  const registry = options.registry ?? createProviderRegistry(config)
  const settlements = createReceiptSettlements()
  const cipher = createReceiptCipher(config.webhooks.encryptionKeys)
  const receipts = createWebhookReceipts({ database, cipher })
  const appliers = createAppliers({ transcribes: config.uwc.features.asr })
  const effects = createReceiptEffects({ effectsOf: registry.effectsOf, cipher, appliers })
  const burst = createBurstGauge()
  const atOnce = createReceiptsAtOnce({
    database,
    burst,
    receipts,
    effects,
    cipher,
    appendEvents,
    onRefused: (error) => log.info({ err: error }, 'a batch of webhooks is left to the drain'),
  })
  const batcher = createReceiptBatcher({ insert: atOnce.insert })
  const spool = createSpool({ dir: join(config.dataDir, 'spool'), cipher })
  const gate = createEngineGate({ maxInflight: config.webhooks.maxInflight, targetMs: options.engineTargetMs })
  const draining = { busy: false, flooded: gate.flooded, answersFirst: burst.atWork }
  const waker = createDrainWaker({ wake: options.wakeDrain, isBusy: () => draining.busy })
  const states = createReceiptStates({ matchMs: config.webhooks.matchMs, notify: !options.together })
  const processing = createReceiptProcessing({
    database,
    states,
    effects,
    appendEvents,
  })
  const replay = createReceiptReplay({ database, states, processing })
  const receiver = createWebhookReceiver({
    record: batcher.record,
    release: receipts.release,
    spool: (delivery, receivedAt) => spool.append({ delivery, receivedAt }),
    startWorkflow: options.webhookClient.start,
    attempt: async (receiptId, delivery) => {
      // A session's or a job's workflow is told as well, and that is for the event's own workflow to see to.
      if (tellsWorkflow(registry, delivery)) return
      const settled = await processing.attempt(receiptId)
      if (!settled) return
      settlements.announce(receiptId, settled.status)
      if (!settled.repeated) events.settled(settled)
    },
    waitSettled: settlements.wait,
    wakeDrain: waker.wake,
    gate,
    events,
    ackMs: config.webhooks.ackMs,
  })
  return {
    registry,
    receiver,
    events,
    deliveries: createDeliveryStore({ database, cipher }),
    replay,
    waitSettled: settlements.wait,
    wakeDrain: waker.wake,
    ingestDeliveries: createDeliveryIngest({ database, processing, cipher }),
    ingest: counting(
      createReceiptIngest({ database, processing, cipher, deliveriesOf: registry.deliveriesOf }),
      events,
    ),
    activityDeps: {
      processing,
      replay,
      draining,
      drain: createReceiptDrain({ database, processing, maxBatchMs: options.drainBatchMs }),
      announce: settlements.announce,
      events,
    },
    background: createBackground(options, { spool, waker, receipts, settlements }),
  }
}

const counting =
  (ingest: IngestEvents, events: WebhookEvents): IngestEvents =>
  async (asked) => {
    const settled = await ingest(asked)
    events.asked(settled)
    return settled
  }

function tellsWorkflow(registry: ProviderRegistry, delivery: Delivery): boolean {
  try {
    const { target } = registry.effectsOf(delivery)
    return target === 'session' || target === 'partner'
  } catch {
    return true // what cannot be read is for the workflow to fail with
  }
}

function createBackground(
  { config, log, together }: WebhookServiceOptions,
  parts: {
    spool: ReturnType<typeof createSpool>
    waker: DrainWaker
    receipts: ReturnType<typeof createWebhookReceipts>
    settlements: ReturnType<typeof createReceiptSettlements>
  },
) {
  const spoolDrain = createSpoolDrain({
    spool: parts.spool,
    insert: parts.receipts.insert,
    wake: parts.waker.wake,
    log,
  })
  // Only where the worker is another process: in one, it tells directly.
  const listener = !together
    ? createReceiptListener({ url: config.database.url ?? '', onMessage: parts.settlements.announceMessage, log })
    : undefined
  return {
    start(): void {
      spoolDrain.start()
      listener?.start()
    },
    async stop(): Promise<void> {
      parts.waker.stop()
      await spoolDrain.stop()
      await listener?.stop()
      await parts.spool.close()
    },
  }
}
