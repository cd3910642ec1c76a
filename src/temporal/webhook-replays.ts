import {
  type Client,
  type WorkflowExecutionDescription,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client'
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import {
  type ReplayInput,
  type ReplayProgress,
  replayProgressQuery,
  replayWorkflowId,
} from '../../workflows/messages.js'
import type { webhookReplay } from '../../workflows/webhook-replay.js'
import { engineAway } from './sessions.js'

const deadlineMs = 5000
const tenantAttribute = defineSearchAttributeKey('ParleyTenant', SearchAttributeType.KEYWORD)

/** How a replay stands; `ended`: the engine ended it before it was done. */
export type ReplayState = ReplayProgress['state'] | 'ended'

export interface Replay extends Omit<ReplayProgress, 'state'> {
  state: ReplayState
}

/** Bulk replays as the API starts, watches and cancels them; another company's is none. */
export function createReplayClient({ client, taskQueue }: { client: Client; taskQueue: string }) {
  const handleOf = (replayId: string) => client.workflow.getHandle<typeof webhookReplay>(replayWorkflowId(replayId))

  async function within<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await client.connection.withDeadline(Date.now() + deadlineMs, work)
    } catch (error) {
      throw engineAway(error)
    }
  }

  /** Its description, if it is the company's. */
  async function describe(tenantId: string, replayId: string): Promise<WorkflowExecutionDescription | undefined> {
    try {
      const run = await within(() => handleOf(replayId).describe())
      return run.memo?.tenantId === tenantId ? run : undefined
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined
      throw error
    }
  }

  return {
    /** Starting the same one twice is starting it once. */
    async start(replayId: string, input: ReplayInput): Promise<void> {
      const options = {
        workflowId: replayWorkflowId(replayId),
        taskQueue,
        args: [input] as [ReplayInput],
        workflowIdReusePolicy: 'REJECT_DUPLICATE' as const,
        memo: { tenantId: input.tenantId },
        staticSummary: `takes ${input.total} webhooks again`,
        typedSearchAttributes: [{ key: tenantAttribute, value: input.tenantId }],
      }
      try {
        await within(() => client.workflow.start<typeof webhookReplay>('webhookReplay', options))
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
      }
    },

    /** @returns undefined for one that is not the company's, or that the engine has forgotten */
    async progress(tenantId: string, replayId: string): Promise<Replay | undefined> {
      const run = await describe(tenantId, replayId)
      if (!run) return undefined
      const handle = handleOf(replayId)
      if (run.status.name === 'COMPLETED') return await within(() => handle.result())
      const progress = await within(() => handle.query(replayProgressQuery))
      return run.status.name === 'RUNNING' ? progress : { ...progress, state: 'ended' }
    },

    /** Asks it to stop after the batch that runs; one that is over stays as it is. */
    async cancel(tenantId: string, replayId: string): Promise<boolean> {
      const run = await describe(tenantId, replayId)
      if (run?.status.name === 'RUNNING') await within(() => handleOf(replayId).cancel())
      return run !== undefined
    },
  }
}

export type ReplayClient = ReturnType<typeof createReplayClient>
