import type { AnalyticsCounting, CountedStep } from '../src/store/analytics-counting.js'
import type { RecapStore } from '../src/store/analytics-recaps.js'

export interface AnalyticsActivityDeps {
  counting: AnalyticsCounting
  recaps: Pick<RecapStore, 'due' | 'write' | 'calendars' | 'scheduled'>
  /** The schedules of the engine. */
  schedules: {
    /** Companies that have one. */
    known(): Promise<Set<string>>
    /** Makes a company's schedule, or changes it to that zone. */
    ensure(of: { tenantId: string; timezone: string; hour: number }): Promise<void>
    remove(tenantId: string): Promise<void>
  }
}

/** Steps of the counting and of the daily recaps. */
export function createAnalyticsActivities({ counting, recaps, schedules }: AnalyticsActivityDeps) {
  return {
    countChanges: ({ limit }: { limit: number }): Promise<CountedStep> => counting.step(limit),

    /** Gives each company that is not disabled a schedule in its own zone, at that hour; nobody else has one. */
    async scheduleRecaps({ hour }: { hour: number }): Promise<{ scheduled: number }> {
      const known = await schedules.known()
      let scheduled = 0
      for (const { tenantId, schedule, timezone, disabled } of await recaps.calendars()) {
        const wanted = `${hour} ${timezone}`
        if (disabled) {
          if (known.has(tenantId)) await schedules.remove(tenantId)
        } else if (!known.has(tenantId) || schedule !== wanted) {
          await schedules.ensure({ tenantId, timezone, hour })
          await recaps.scheduled(tenantId, wanted)
          scheduled++
        }
      }
      return { scheduled }
    },

    dueRecaps: ({ tenantId }: { tenantId: string }): Promise<string[]> => recaps.due(tenantId),
    writeRecap: ({ tenantId, date }: { tenantId: string; date: string }): Promise<boolean> =>
      recaps.write(tenantId, date),
  }
}

export type AnalyticsActivities = ReturnType<typeof createAnalyticsActivities>
