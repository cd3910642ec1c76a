import {
  type Client,
  isGrpcServiceError,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  ServiceError,
} from '@temporalio/client'
import type { DailyRecapInput } from '../../workflows/messages.js'

export interface RecapScheduleOptions {
  client: Client
  taskQueue: string
  /** What the schedules' ids begin with; another one in tests, for schedules are the namespace's. */
  prefix?: string
}

interface Wanted {
  tenantId: string
  /** IANA name, which the engine knows as well as the database. */
  timezone: string
  /** Of the day after, in that zone. */
  hour: number
}

/**
 * A schedule for each company: every day in its own zone. What an outage of the engine made it miss is caught up, and the
 * workflow itself looks for every day without a recap: where clocks change, an hour that is not there or there twice
 * changes nothing.
 */
export function createRecapSchedules({ client, taskQueue, prefix = 'daily-recap/' }: RecapScheduleOptions) {
  const within = <T>(work: () => Promise<T>) => client.connection.withDeadline(Date.now() + 30_000, work)

  const definitionOf = ({ tenantId, timezone, hour }: Wanted) => ({
    spec: { calendars: [{ hour, minute: 0, second: 0 }], timezone },
    action: {
      type: 'startWorkflow' as const,
      workflowType: 'dailyRecap',
      workflowId: `${prefix}${tenantId}`,
      taskQueue,
      args: [{ tenantId }] satisfies [DailyRecapInput],
      staticSummary: 'writes the recap of the day before',
    },
    policies: { overlap: ScheduleOverlapPolicy.BUFFER_ONE, catchupWindow: '7 days' as const },
  })

  async function put(scheduleId: string, definition: ReturnType<typeof definitionOf>): Promise<void> {
    try {
      await client.schedule.create({ scheduleId, ...definition })
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error
      await client.schedule.getHandle(scheduleId).update(({ state }) => ({ ...definition, state }))
    }
  }

  return {
    known: () =>
      within(async () => {
        const found = new Set<string>()
        for await (const { scheduleId } of client.schedule.list())
          if (scheduleId.startsWith(prefix)) found.add(scheduleId.slice(prefix.length))
        return found
      }),
    /** One that was paused stays so. */
    ensure: (wanted: Wanted): Promise<void> =>
      within(async () => {
        try {
          await put(`${prefix}${wanted.tenantId}`, definitionOf(wanted))
        } catch (error) {
          // A zone that the database knows and the engine does not must not leave the company without recaps.
          if (!isRefused(error) || wanted.timezone === 'UTC') throw error
          await put(`${prefix}${wanted.tenantId}`, definitionOf({ ...wanted, timezone: 'UTC' }))
        }
      }),
    remove: (tenantId: string): Promise<void> =>
      within(async () => {
        try {
          await client.schedule.getHandle(`${prefix}${tenantId}`).delete()
        } catch (error) {
          if (!(error instanceof ScheduleNotFoundError)) throw error
        }
      }),
  }
}

/** gRPC's INVALID_ARGUMENT. */
const invalidArgument = 3

const isRefused = (error: unknown): boolean => {
  const cause = error instanceof ServiceError ? error.cause : error
  return isGrpcServiceError(cause) && Number(cause.code) === invalidArgument
}
