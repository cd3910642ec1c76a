import {
  ApplicationFailure,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  proxyLocalActivities,
} from '@temporalio/workflow'
import type { ProcessedReceipt, WebhookActivities } from '../activities/webhooks.js'
import { isJobSignal } from '../src/domain/webhook.js'
import {
  jobOverSignal,
  providerEventSignal,
  type ReceiptStatus,
  sessionWorkflowId,
  uwcJobWorkflowId,
  type WebhookInput,
} from './messages.js'

const { processReceipt } = proxyLocalActivities<WebhookActivities>({
  startToCloseTimeout: '5s',
  // Some 3 s of tries, which five that fail at once are well within; beyond, the drain has the receipt: an engine full of
  // waiting events would be slower to recover than the table. A number and not scheduleToCloseTimeout: a local activity
  // whose time runs out between two attempts never settles (SDK 1.24.0).
  retry: { initialInterval: '10ms', backoffCoefficient: 2, maximumInterval: '500ms', maximumAttempts: 12 },
})

/** One event of a provider: its receipt taken to its end, then its session, or its job, told. */
export async function webhookDelivery({ receiptId }: WebhookInput): Promise<{ status: ReceiptStatus }> {
  const processed = await process(receiptId)
  // A failed run may run again under the same id, and so may the event.
  if (processed.status === 'failed') throw ApplicationFailure.nonRetryable('the receipt failed', 'WebhookFailed')
  await tell(processed)
  return { status: processed.status }
}

async function process(receiptId: string): Promise<ProcessedReceipt> {
  try {
    return await processReceipt({ receiptId })
  } catch (error) {
    if (isCancellation(error)) throw error
    log.warn('left to the drain', { receipt_id: receiptId })
    return { status: 'received' }
  }
}

async function tell({ sessionId, signal }: ProcessedReceipt): Promise<void> {
  if (!signal) return
  try {
    if (isJobSignal(signal))
      await getExternalWorkflowHandle(uwcJobWorkflowId(signal.job, signal.requestId)).signal(jobOverSignal, {
        key: signal.key,
      })
    else if (sessionId)
      await getExternalWorkflowHandle(sessionWorkflowId(sessionId)).signal(providerEventSignal, signal)
  } catch (error) {
    if (isCancellation(error)) throw error
    log.debug('no running workflow to tell', { session_id: sessionId })
  }
}
