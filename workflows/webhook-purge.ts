import { continueAsNew, proxyActivities, setCurrentDetails, workflowInfo } from '@temporalio/workflow'
import type { WebhookPurgeActivities } from '../activities/webhook-purge.js'
import type { PurgeInput, PurgeResult } from './messages.js'

const { purgeReceipts, purgeRefreshTokens, reportPurge } = proxyActivities<WebhookPurgeActivities>({
  startToCloseTimeout: '60s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '60s' },
})

interface SoFar extends PurgeResult {
  /** RFC 3339: the same bound for every batch. */
  before: string
}

/** Deletes what is too old to be of use, batch by batch: settled receipts, then expired refresh tokens. */
export async function webhookPurge(input: PurgeInput, soFar?: SoFar): Promise<PurgeResult> {
  const done = soFar ?? { receipts: 0, refreshTokens: 0, before: daysAgo(input.receiptTtlDays) }
  const limit = input.batchSize
  for (let deleted = limit; deleted === limit; await restart(input, done)) {
    deleted = await purgeReceipts({ before: done.before, limit })
    done.receipts += deleted
    setCurrentDetails(`${done.receipts} receipts deleted`)
  }
  for (let deleted = limit; deleted === limit; await restart(input, done)) {
    deleted = await purgeRefreshTokens({ limit })
    done.refreshTokens += deleted
  }
  const { receipts, refreshTokens } = done
  await reportPurge({ receipts, refreshTokens })
  return { receipts, refreshTokens }
}

const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString()

async function restart(input: PurgeInput, soFar: SoFar): Promise<void> {
  if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof webhookPurge>(input, soFar)
}
