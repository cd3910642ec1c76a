import { heartbeat } from '@temporalio/activity'
import type { PendingSignal, ReceiptDrain } from '../src/store/receipt-drain.js'
import type { SettledReceipt } from '../src/store/receipt-states.js'
import type { ProviderEventMessage } from '../workflows/messages.js'

export interface SignalSenderDeps {
  drain: Pick<ReceiptDrain, 'signalsSent'>
  /** A session that is closed or unknown is no error. */
  signalSession: (sessionId: string, message: ProviderEventMessage) => Promise<void>
}

const signalsAtOnce = 16

/** Tells sessions what their receipts were settled with; what cannot be sent is a leftover, which the drain sends. */
export function createSignalSender({ drain, signalSession }: SignalSenderDeps) {
  return async function sendSignals(pending: PendingSignal[]): Promise<void> {
    const sent: string[] = []
    const queue = pending.values()
    const lane = async () => {
      for (const { receiptId, sessionId, signal } of queue) {
        heartbeat()
        await signalSession(sessionId, signal)
          .then(() => sent.push(receiptId))
          .catch(() => undefined)
      }
    }
    await Promise.all(Array.from({ length: Math.min(signalsAtOnce, pending.length) }, lane))
    await drain.signalsSent(sent)
  }
}

/** The signal of a settled receipt, if its session waits for one. */
export function signalOf({ receiptId, sessionId, signal }: SettledReceipt): PendingSignal[] {
  return sessionId && signal ? [{ receiptId, sessionId, signal }] : []
}
