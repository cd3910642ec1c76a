import {
  CancellationScope,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow'
import type { ReplayedCounts, WebhookReplayActivities } from '../activities/webhook-replay.js'
import { type ReplayInput, type ReplayProgress, replayProgressQuery } from './messages.js'

const { replayBatch } = proxyActivities<WebhookReplayActivities>({
  startToCloseTimeout: '60s',
  heartbeatTimeout: '30s',
  // A batch that runs is counted; one that waits for its next try is called off.
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
})

/** Takes a company's deliveries again, batch by batch in the order of their arrival, until they are done or it is cancelled. */
export async function webhookReplay(input: ReplayInput): Promise<ReplayProgress> {
  const progress = input.soFar?.progress ?? beginning(input.total)
  let after = input.soFar?.after
  setHandler(replayProgressQuery, () => progress)
  try {
    while (progress.done < input.total) {
      const { tenantId, filter, countedAt } = input
      const limit = Math.min(input.batchSize, input.total - progress.done)
      const batch = await replayBatch({ tenantId, filter, countedAt, after, limit })
      count(progress, batch)
      setCurrentDetails(`${progress.done} of ${progress.total} taken again, ${progress.failed} failed`)
      if (!batch.next) break
      after = batch.next
      if (workflowInfo().continueAsNewSuggested && !CancellationScope.current().consideredCancelled)
        await continueAsNew<typeof webhookReplay>({ ...input, soFar: { progress, after } })
    }
    progress.state = 'completed'
  } catch (error) {
    if (!isCancellation(error)) throw error
    progress.state = 'cancelled'
  }
  setCurrentDetails(`${progress.state}: ${progress.done} of ${progress.total} taken again, ${progress.failed} failed`)
  return progress
}

const beginning = (total: number): ReplayProgress => ({
  state: 'running',
  total,
  done: 0,
  processed: 0,
  failed: 0,
  waiting: 0,
  unmatched: 0,
  superseded: 0,
  postponed: 0,
})

function count(progress: ReplayProgress, { statuses, superseded }: ReplayedCounts): void {
  const { processed = 0, failed = 0, waiting = 0, unmatched = 0, received = 0 } = statuses
  progress.processed += processed
  progress.failed += failed
  progress.waiting += waiting
  progress.unmatched += unmatched
  progress.postponed += received
  progress.superseded += superseded
  progress.done += processed + failed + waiting + unmatched + received + superseded
}
