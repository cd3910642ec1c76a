import type { Client } from '@temporalio/client'
import {
  type CountingInput,
  countingWorkflowId,
  drainWorkflowId,
  type DrainInput,
  reconcileWorkflowId,
  type ReconcileInput,
  sweepNowSignal,
  wakeCountingSignal,
  wakeDrainSignal,
} from '../../workflows/messages.js'
import type { analyticsCounting } from '../../workflows/analytics-counting.js'
import type { sessionReconcile } from '../../workflows/session-reconcile.js'
import type { webhookDrain } from '../../workflows/webhook-drain.js'

export interface StandingOptions {
  client: Client
  sessionsQueue: string
  webhooksQueue: string
  reconcile: ReconcileInput
  drain: DrainInput
  counting: CountingInput
}

/** The workflows of which there is one per installation; whoever starts first starts them. */
export function createStandingWorkflows({
  client,
  sessionsQueue,
  webhooksQueue,
  reconcile,
  drain,
  counting,
}: StandingOptions) {
  const within = <T>(work: () => Promise<T>) => client.connection.withDeadline(Date.now() + 5000, work)
  return {
    /** Starts the comparison with the provider, or makes the running one look at once: every start of a worker is a reason to. */
    async sweepNow(): Promise<void> {
      await within(() =>
        client.workflow.signalWithStart<typeof sessionReconcile, [ReconcileInput]>('sessionReconcile', {
          workflowId: reconcileWorkflowId,
          taskQueue: sessionsQueue,
          args: [reconcile],
          signal: sweepNowSignal,
          signalArgs: [reconcile],
          staticSummary: 'compares open sessions with the provider',
        }),
      )
    },
    async wakeDrain(): Promise<void> {
      await within(() =>
        client.workflow.signalWithStart<typeof webhookDrain>('webhookDrain', {
          workflowId: drainWorkflowId,
          taskQueue: webhooksQueue,
          args: [drain],
          signal: wakeDrainSignal,
          staticSummary: 'takes the receipts that have no workflow of their own',
        }),
      )
    },
    async wakeCounting(): Promise<void> {
      await within(() =>
        client.workflow.signalWithStart<typeof analyticsCounting>('analyticsCounting', {
          workflowId: countingWorkflowId,
          taskQueue: webhooksQueue,
          args: [counting],
          signal: wakeCountingSignal,
          staticSummary: 'adds up what analytics read, and schedules the daily recaps',
        }),
      )
    },
  }
}

export type StandingWorkflows = ReturnType<typeof createStandingWorkflows>
