import {
  condition,
  continueAsNew,
  log,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow'
import type { AnalyticsActivities } from '../activities/analytics.js'
import { type CountingInput, wakeCountingSignal } from './messages.js'

const { countChanges } = proxyActivities<AnalyticsActivities>({
  startToCloseTimeout: '60s',
  // For ever: nobody else counts, and what is noted meanwhile waits.
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
})

const { scheduleRecaps } = proxyActivities<AnalyticsActivities>({
  startToCloseTimeout: '60s',
  retry: { initialInterval: '1s', maximumAttempts: 3 },
})

/** The standing workflow that adds up what conversations and calls changed, and sees that each company has its recap. */
export async function analyticsCounting(input: CountingInput): Promise<void> {
  let woken = false
  setHandler(wakeCountingSignal, () => {
    woken = true
  })
  do {
    woken = false
    while ((await countChanges({ limit: input.batchSize })).more) if (workflowInfo().continueAsNewSuggested) break
    await ensureSchedules(input)
    await condition(() => woken, input.idleMs)
  } while (!workflowInfo().continueAsNewSuggested)
  await continueAsNew<typeof analyticsCounting>(input)
}

/** What fails is tried again in the next round: the counting must not wait for it. */
async function ensureSchedules({ recapHour }: CountingInput): Promise<void> {
  try {
    const { scheduled } = await scheduleRecaps({ hour: recapHour })
    if (scheduled > 0) setCurrentDetails(`${scheduled} schedules of recaps made or changed`)
  } catch (error) {
    log.warn('recaps could not be scheduled', { error: String(error) })
  }
}
