import { setTimeout as sleep } from 'node:timers/promises'
import { heartbeat } from '@temporalio/activity'
import { chunks } from '../src/domain/chunks.js'
import type { JobSignal, ReceiptSignal } from '../src/domain/webhook.js'
import type { WebhookEvents } from '../src/observability/webhook-events.js'
import type { ReceiptDrain } from '../src/store/receipt-drain.js'
import type { ReceiptProcessing } from '../src/store/receipt-processing.js'
import type { SettledReceipt } from '../src/store/receipt-states.js'
import type { ProviderEventMessage, ReceiptStatus } from '../workflows/messages.js'
import { createSignalSender, signalOf } from './session-signals.js'

export interface WebhookActivityDeps {
  processing: Pick<ReceiptProcessing, 'process'>
  drain: ReceiptDrain
  /** Tells this process that the drain is at work, and need not be woken. */
  draining: { busy: boolean; flooded: () => boolean; answersFirst: () => boolean }
  /** A session that is closed or unknown is no error. */
  signalSession: (sessionId: string, message: ProviderEventMessage) => Promise<void>
  /** A job whose workflow is closed or unknown is no error. */
  signalJob: (signal: JobSignal) => Promise<void>
  /** Tells whoever waits in this process. */
  announce: (receiptId: string, status: ReceiptStatus) => void
  events: Pick<WebhookEvents, 'settled'>
}

/** What a receipt's own workflow learns. */
export interface ProcessedReceipt {
  status: ReceiptStatus
  sessionId?: string | undefined
  signal?: ReceiptSignal | undefined
}

export interface DrainedBatch {
  taken: number
  /** Until the next receipt is due; absent while none waits. Milliseconds. */
  nextDueMs?: number | undefined
}

const leftoverLimit = 500
/** A worker that stops waits this long at most. */
const drainForMs = 5_000
/** What trickles in is let gather for this long. */
const gatherMs = 100
const floodPauseMs = 200
/** A burst of answers is over in seconds. */
const burstPauseMs = 50
/** Batches at once, and as many as are ranked together. */
const lanes = 2
const batchesAhead = 32

/** Steps of webhooks: one receipt, or a batch of those that nobody has taken. */
export function createWebhookActivities(deps: WebhookActivityDeps) {
  const { processing, drain, draining, signalSession, signalJob, announce, events } = deps
  const sendSignals = createSignalSender({ drain, signalSession, signalJob })

  function tell(settled: SettledReceipt): void {
    announce(settled.receiptId, settled.status)
    if (!settled.repeated) events.settled(settled)
  }

  async function take(ids: readonly string[]): Promise<number> {
    const settled = await drain.take(ids, heartbeat)
    settled.forEach(tell)
    await sendSignals([...settled.flatMap(signalOf), ...(await drain.leftoverSignals(leftoverLimit))])
    return settled.length
  }

  /** What is due, some batches at once: one is reckoned with here while the database has the other. */
  async function round(limit: number): Promise<{ found: number; taken: number }> {
    while (draining.answersFirst()) {
      heartbeat()
      await sleep(burstPauseMs)
    }
    const flooded = draining.flooded()
    const ids = await drain.next(flooded ? limit : limit * batchesAhead)
    let taken = 0
    const batches = chunks(ids, limit).values()
    const lane = async () => {
      for (const batch of batches) {
        const now = await take(batch)
        taken += now // after the await: the other lane counts, too
      }
    }
    await Promise.all(Array.from({ length: flooded ? 1 : lanes }, lane))
    // In a flood answers come first: who is not answered sends again.
    if (flooded) await sleep(floodPauseMs)
    return { found: ids.length, taken }
  }

  return {
    async processReceipt({ receiptId }: { receiptId: string }): Promise<ProcessedReceipt> {
      const settled = await processing.process(receiptId)
      if (!settled) return { status: 'unmatched' }
      tell(settled)
      const { status, sessionId, signal } = settled
      return { status, sessionId, signal }
    },

    /** Batch after batch while there is something to take: a trip through the engine costs more than a batch. */
    async drainBatch({ limit }: { limit: number }): Promise<DrainedBatch> {
      const until = Date.now() + drainForMs
      let taken = 0
      draining.busy = true
      try {
        while (Date.now() < until) {
          const { found, taken: now } = await round(limit)
          taken += now
          if (now >= limit / 2) continue
          if (found > 0) await sleep(gatherMs)
          // Whoever comes from here on wakes the drain; who came just before is still taken.
          else if (draining.busy) draining.busy = false
          else break
        }
      } finally {
        draining.busy = false
      }
      // Also when there was no batch to send them with: nobody else does.
      await sendSignals(await drain.leftoverSignals(leftoverLimit))
      return { taken, nextDueMs: await drain.nextDueMs() }
    },
  }
}

export type WebhookActivities = ReturnType<typeof createWebhookActivities>
