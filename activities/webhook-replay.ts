import type { WebhookEvents } from '../src/observability/webhook-events.js'
import type { ReceiptReplay, ReplayBatchInput } from '../src/store/receipt-replay.js'
import type { ReceiptStatus } from '../workflows/messages.js'
import { createSignalSender, signalOf, type SignalSenderDeps } from './session-signals.js'

export interface WebhookReplayDeps extends SignalSenderDeps {
  replay: Pick<ReceiptReplay, 'batch'>
  /** Tells whoever waits in this process. */
  announce: (receiptId: string, status: ReceiptStatus) => void
  events: Pick<WebhookEvents, 'settled'>
}

/** What came of one batch of a replay. */
export interface ReplayedCounts {
  statuses: Partial<Record<ReceiptStatus, number>>
  superseded: number
  /** Where it ended; absent when nothing was left. */
  next?: [time: string, id: string] | undefined
}

/** Steps of a bulk replay. */
export function createWebhookReplayActivities({ replay, announce, events, ...signals }: WebhookReplayDeps) {
  const sendSignals = createSignalSender(signals)
  return {
    /** Repeating it takes only what its first try has not taken. */
    async replayBatch(input: ReplayBatchInput): Promise<ReplayedCounts> {
      const { settled, superseded, next } = await replay.batch(input)
      const statuses: ReplayedCounts['statuses'] = {}
      for (const one of settled) {
        announce(one.receiptId, one.status)
        events.settled(one)
        statuses[one.status] = (statuses[one.status] ?? 0) + 1
      }
      await sendSignals(settled.flatMap(signalOf))
      return { statuses, superseded, next }
    },
  }
}

export type WebhookReplayActivities = ReturnType<typeof createWebhookReplayActivities>
