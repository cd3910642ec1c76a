import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client'
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import { jobOverSignal, type UwcJobInput, uwcJobWorkflowId } from '../../workflows/messages.js'
import type { uwcJob } from '../../workflows/uwc-job.js'
import type { JobSignal, PartnerJobKind } from '../domain/webhook.js'

export interface UwcJobClientOptions {
  client: Client
  taskQueue: string
  providerQueue: string
  limits: UwcJobInput['limits']
}

type JobToStart = Pick<UwcJobInput, 'id' | 'tenantId' | 'kind' | 'requestId'>

/** Every call has a deadline: without one the client retries an absent server for 20 s and more. */
const quickMs = 3000
const tenantKey = defineSearchAttributeKey('ParleyTenant', SearchAttributeType.KEYWORD)
const providerKey = defineSearchAttributeKey('ParleyProvider', SearchAttributeType.KEYWORD)

/** What the business does with the workflows of the ML partner's jobs. */
export function createUwcJobClient({ client, taskQueue, providerQueue, limits }: UwcJobClientOptions) {
  const within = <T>(work: () => Promise<T>) => client.connection.withDeadline(Date.now() + quickMs, work)
  const handleOf = (kind: PartnerJobKind, requestId: string) =>
    client.workflow.getHandle<typeof uwcJob>(uwcJobWorkflowId(kind, requestId))
  return {
    handleOf,

    /**
     * Starts the workflow of a job; one that runs goes on. Should it have run before, another run finds the job's row as
     * that one left it.
     */
    async start(job: JobToStart): Promise<void> {
      const { id, tenantId, kind, requestId } = job
      try {
        await within(() =>
          client.workflow.start<typeof uwcJob>('uwcJob', {
            workflowId: uwcJobWorkflowId(kind, requestId),
            taskQueue,
            args: [{ id, tenantId, kind, requestId, providerQueue, limits }],
            workflowIdConflictPolicy: 'USE_EXISTING',
            staticSummary: `${kind} by the ML partner`,
            typedSearchAttributes: [
              { key: tenantKey, value: tenantId },
              { key: providerKey, value: 'uwc' },
            ],
          }),
        )
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
      }
    },

    /** Nobody may wait any more, or not yet: the row says the same, and whoever comes reads it. */
    async signal({ key, job, requestId }: JobSignal): Promise<void> {
      try {
        await within(() => handleOf(job, requestId).signal(jobOverSignal, { key }))
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error
      }
    },
  }
}

export type UwcJobClient = ReturnType<typeof createUwcJobClient>
