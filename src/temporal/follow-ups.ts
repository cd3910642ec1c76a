import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client'
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import { followUpChangedSignal, type FollowUpInput, followUpWorkflowId } from '../../workflows/messages.js'
import type { followUp } from '../../workflows/follow-up.js'

/** Every call has a deadline: a caller waits for the first. Milliseconds. */
const deadlineMs = 3000
const tenantAttribute = defineSearchAttributeKey('ParleyTenant', SearchAttributeType.KEYWORD)

export interface FollowUpClientOptions {
  client: Client
  taskQueue: string
  settings: Pick<FollowUpInput, 'providerQueue' | 'limits'>
}

/** Follow-ups as the API and the sweep start them. */
export function createFollowUpClient({ client, taskQueue, settings }: FollowUpClientOptions) {
  const within = <T>(work: () => Promise<T>) => client.connection.withDeadline(Date.now() + deadlineMs, work)

  return {
    /** Starting one twice is starting it once. */
    async start({ tenantId, followUpId }: Pick<FollowUpInput, 'tenantId' | 'followUpId'>): Promise<void> {
      try {
        await within(() =>
          client.workflow.start<typeof followUp>('followUp', {
            workflowId: followUpWorkflowId(followUpId),
            taskQueue,
            args: [{ tenantId, followUpId, ...settings }],
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
            staticSummary: 'brings one follow-up to a lead',
            typedSearchAttributes: [{ key: tenantAttribute, value: tenantId }],
          }),
        )
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
      }
    },

    /** Its row says otherwise than before; a workflow that is over need not know. */
    async changed(followUpId: string): Promise<void> {
      try {
        await within(() =>
          client.workflow.getHandle<typeof followUp>(followUpWorkflowId(followUpId)).signal(followUpChangedSignal),
        )
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error
      }
    },
  }
}

export type FollowUpClient = ReturnType<typeof createFollowUpClient>
