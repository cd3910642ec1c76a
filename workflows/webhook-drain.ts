import {
  condition,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow'
import type { WebhookActivities } from '../activities/webhooks.js'
import { type DrainInput, wakeDrainSignal } from './messages.js'

const { drainBatch } = proxyActivities<WebhookActivities>({
  startToCloseTimeout: '60s',
  heartbeatTimeout: '30s',
  // For ever: the database comes back, and nobody else takes these receipts.
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '5s' },
})

/** Shortest sleep between two looks at receipts that wait for their session. Milliseconds. */
const minSleepMs = 250

/** The standing workflow that takes the receipts without a workflow of their own: a backlog, a crash, a late session. */
export async function webhookDrain(input: DrainInput): Promise<void> {
  let woken = false
  setHandler(wakeDrainSignal, () => {
    woken = true
  })
  do {
    woken = false
    const { taken, nextDueMs } = await drainBatch({ limit: input.batchSize })
    if (taken > 0) continue
    setCurrentDetails('nothing waits')
    await condition(() => woken, Math.min(input.idleMs, Math.max(minSleepMs, Math.ceil(nextDueMs ?? input.idleMs))))
  } while (!workflowInfo().continueAsNewSuggested)
  await continueAsNew<typeof webhookDrain>(input)
}
