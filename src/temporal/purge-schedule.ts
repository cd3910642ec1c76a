import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client'
import { type PurgeInput, purgeScheduleId } from '../../workflows/messages.js'

export interface PurgeScheduleOptions {
  client: Client
  taskQueue: string
  purge: PurgeInput
  /** Another one in tests: a schedule is the namespace's. */
  scheduleId?: string
}

/** Daily at 02:00 UTC. Of those that an outage made it miss, the last day's is caught up, once. */
export function createPurgeSchedule({ client, taskQueue, purge, scheduleId = purgeScheduleId }: PurgeScheduleOptions) {
  const definition = {
    spec: { calendars: [{ hour: 2, minute: 0, second: 0 }], timezone: 'UTC' },
    action: {
      type: 'startWorkflow' as const,
      workflowType: 'webhookPurge',
      workflowId: scheduleId,
      taskQueue,
      args: [purge],
      staticSummary: 'deletes old receipts and expired refresh tokens',
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 day' as const },
  }
  return {
    /** Makes it, or brings one that is there up to these settings; one that was paused stays so. */
    async ensure(): Promise<void> {
      await client.connection.withDeadline(Date.now() + 10_000, async () => {
        try {
          await client.schedule.create({ scheduleId, ...definition })
        } catch (error) {
          if (!(error instanceof ScheduleAlreadyRunning)) throw error
          await client.schedule.getHandle(scheduleId).update(({ state }) => ({ ...definition, state }))
        }
      })
    },
  }
}
