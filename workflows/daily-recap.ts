import { proxyActivities, setCurrentDetails } from '@temporalio/workflow'
import type { AnalyticsActivities } from '../activities/analytics.js'
import type { DailyRecapInput } from './messages.js'
import { patientStore } from './options.js'

const { dueRecaps, writeRecap } = proxyActivities<AnalyticsActivities>(patientStore)

/**
 * Writes the recaps of a company's days that are over and have none: mostly yesterday's, after an outage those before it
 * too. A day's recap is written once, whoever tries again.
 */
export async function dailyRecap({ tenantId }: DailyRecapInput): Promise<{ written: string[] }> {
  const written: string[] = []
  for (const date of await dueRecaps({ tenantId })) {
    if (await writeRecap({ tenantId, date })) written.push(date)
    setCurrentDetails(`last recap: ${date}`)
  }
  return { written }
}
