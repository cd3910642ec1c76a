import { heartbeat } from '@temporalio/activity'
import { isJobSignal, type JobSignal } from '../src/domain/webhook.js'
import type { PendingSignal, ReceiptDrain } from '../src/store/receipt-drain.js'
import type { SettledReceipt } from '../src/store/receipt-states.js'
import type { ProviderEventMessage } from '../workflows/messages.js'

export interface SignalSenderDeps {
  drain: Pick<ReceiptDrain, 'signalsSent'>
  /** A session that is closed or unknown is no error. */
  signalSession: (sessionId: string, message: ProviderEventMessage) => Promise<void>
  /** A job whose workflow is closed or unknown is no error. */
  signalJob: (signal: JobSignal) => Promise<void>
}

const signalsAtOnce = 16

/** Tells sessions and jobs what their receipts were settled with; what cannot be sent is a leftover, which the drain sends. */
export function createSignalSender({ drain, signalSession, signalJob }: SignalSenderDeps) {
  async function send({ sessionId, signal }: PendingSignal): Promise<void> {
    if (isJobSignal(signal)) await signalJob(signal)
    else if (sessionId) await signalSession(sessionId, signal)
  }

  return async function sendSignals(pending: PendingSignal[]): Promise<void> {
    const sent: string[] = []
    const queue = pending.values()
    const lane = async () => {
      for (const one of queue) {
        heartbeat()
        await send(one)
          .then(() => sent.push(one.receiptId))
          .catch(() => undefined)
      }
    }
    await Promise.all(Array.from({ length: Math.min(signalsAtOnce, pending.length) }, lane))
    await drain.signalsSent(sent)
  }
}

/** The signal of a settled receipt, if a session or a job waits for one. */
export function signalOf({ receiptId, sessionId, signal }: SettledReceipt): PendingSignal[] {
  if (!signal || !(sessionId !== undefined || isJobSignal(signal))) return []
  return [{ receiptId, sessionId: sessionId ?? null, signal }]
}
