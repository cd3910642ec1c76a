import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client'
import { webhookWorkflowId } from '../../workflows/messages.js'
import type { webhookDelivery } from '../../workflows/webhook.js'

/** Starts one workflow per webhook event; its id is the event's, so a second start finds the first. */
export function createWebhookClient({ client, taskQueue }: { client: Client; taskQueue: string }) {
  let native: Client | undefined
  return {
    /** From now on the worker of this very process may take a start at once: no trip through the queue. */
    useNative(shared: Client): void {
      native = shared
    },
    /**
     * @param deadline epoch milliseconds; a start that has not returned by then may still have happened
     */
    async start(deliveryKey: string, receiptId: string, deadline: number): Promise<void> {
      const by = native ?? client
      const start = () =>
        by.workflow.start<typeof webhookDelivery>('webhookDelivery', {
          workflowId: webhookWorkflowId(deliveryKey),
          taskQueue,
          args: [{ receiptId }],
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
          requestEagerStart: native !== undefined,
        })
      try {
        await by.connection.withDeadline(deadline, start)
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
      }
    },
  }
}

export type WebhookClient = ReturnType<typeof createWebhookClient>
