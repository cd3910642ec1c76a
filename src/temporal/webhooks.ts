import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client'
import { webhookWorkflowId } from '../../workflows/messages.js'
import type { webhookDelivery } from '../../workflows/webhook.js'

/** Starts one workflow per webhook event; its id is the event's, so a second start does nothing. */
export function createWebhookClient({ client, taskQueue }: { client: Client; taskQueue: string }) {
  let native: Client | undefined
  return {
    /** From now on the worker of this very process may take a start at once: no trip through the queue. */
    useNative(shared: Client): void {
      native = shared
    },
    /**
     * @param deadline epoch milliseconds; a start that has not returned by then may still have happened
     * @returns false when the event's id is taken: by a run for an earlier receipt, which knows nothing of this one
     */
    async start(deliveryKey: string, receiptId: string, deadline: number): Promise<boolean> {
      const by = native ?? client
      const start = () =>
        by.workflow.start<typeof webhookDelivery>('webhookDelivery', {
          workflowId: webhookWorkflowId(deliveryKey),
          taskQueue,
          args: [{ receiptId }],
          workflowIdConflictPolicy: 'FAIL',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
          requestEagerStart: native !== undefined,
        })
      try {
        await by.connection.withDeadline(deadline, start)
        return true
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError) return false
        throw error
      }
    },
  }
}

export type WebhookClient = ReturnType<typeof createWebhookClient>
