import { heartbeat } from '@temporalio/activity'
import type { WebhookEvents } from '../src/observability/webhook-events.js'
import type { ReceiptDrain } from '../src/store/receipt-drain.js'
import type { ReceiptProcessing } from '../src/store/receipt-processing.js'
import type { SettledReceipt } from '../src/store/receipt-states.js'
import type { ProviderEventMessage, ReceiptStatus } from '../workflows/messages.js'
import { createSignalSender, signalOf } from './session-signals.js'

export interface WebhookActivityDeps {
  processing: Pick<ReceiptProcessing, 'process'>
  drain: ReceiptDrain
  /** A session that is closed or unknown is no error. */
  signalSession: (sessionId: string, message: ProviderEventMessage) => Promise<void>
  /** Tells whoever waits in this process. */
  announce: (receiptId: string, status: ReceiptStatus) => void
  events: Pick<WebhookEvents, 'settled'>
}

/** What a receipt's own workflow learns. */
export interface ProcessedReceipt {
  status: ReceiptStatus
  sessionId?: string | undefined
  signal?: ProviderEventMessage | undefined
}

export interface DrainedBatch {
  taken: number
  /** Until the next receipt is due; absent while none waits. Milliseconds. */
  nextDueMs?: number | undefined
}

const leftoverLimit = 500

/** Steps of webhooks: one receipt, or a batch of those that nobody has taken. */
export function createWebhookActivities({ processing, drain, signalSession, announce, events }: WebhookActivityDeps) {
  const sendSignals = createSignalSender({ drain, signalSession })

  function tell(settled: SettledReceipt): void {
    announce(settled.receiptId, settled.status)
    if (!settled.repeated) events.settled(settled)
  }

  return {
    async processReceipt({ receiptId }: { receiptId: string }): Promise<ProcessedReceipt> {
      const settled = await processing.process(receiptId)
      if (!settled) return { status: 'unmatched' }
      tell(settled)
      const { status, sessionId, signal } = settled
      return { status, sessionId, signal }
    },

    async drainBatch({ limit }: { limit: number }): Promise<DrainedBatch> {
      const settled = await drain.batch(limit, heartbeat)
      settled.forEach(tell)
      await sendSignals([...settled.flatMap(signalOf), ...(await drain.leftoverSignals(leftoverLimit))])
      return { taken: settled.length, nextDueMs: await drain.nextDueMs() }
    },
  }
}

export type WebhookActivities = ReturnType<typeof createWebhookActivities>
