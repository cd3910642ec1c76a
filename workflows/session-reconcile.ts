import {
  condition,
  continueAsNew,
  log,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow'
import type { ReconcileActivities } from '../activities/reconcile.js'
import { type ReconcileInput, sweepNowSignal } from './messages.js'

/**
 * The standing comparison with the provider: what a lost webhook would have told, and conversations that nobody owns.
 * One for all sessions: a timer in each would cost the engine a task a minute per open conversation.
 */
export async function sessionReconcile(input: ReconcileInput): Promise<void> {
  let asked = false
  let settings = input
  setHandler(sweepNowSignal, (asker) => {
    settings = asker
    asked = true
  })
  const activities = proxyActivities<ReconcileActivities>({
    startToCloseTimeout: '10m',
    heartbeatTimeout: '30s',
    retry: { maximumAttempts: 3, initialInterval: '1s', maximumInterval: '20s' },
  })
  do {
    asked = false
    try {
      const found = await activities.sweepSessions()
      setCurrentDetails(
        `last sweep: ${found.asked} open sessions asked, ${found.ended} orphans ended, ${found.mended} rows mended`,
      )
    } catch (error) {
      // The next round is the retry: an hour without the provider must not end the standing workflow.
      log.warn('the sweep failed', { error: String(error) })
    }
    await condition(() => asked, settings.everyMs)
  } while (!workflowInfo().continueAsNewSuggested)
  await continueAsNew<typeof sessionReconcile>(settings)
}
