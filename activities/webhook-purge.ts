import type { WebhookEvents } from '../src/observability/webhook-events.js'
import type { ReceiptPurge } from '../src/store/receipt-purge.js'
import type { RefreshTokenStore } from '../src/store/refresh-tokens.js'
import type { PurgeResult } from '../workflows/messages.js'

export interface WebhookPurgeDeps {
  purge: ReceiptPurge
  refreshTokens: Pick<RefreshTokenStore, 'deleteExpired'>
  /** What lives for hours at most: tickets, answers of keyed requests. */
  shortLived: readonly { deleteExpired(limit: number): Promise<number> }[]
  events: Pick<WebhookEvents, 'purgedBatch' | 'purged'>
}

/** Steps of the daily purge; each deletes at most `limit` rows and says how many. */
export function createWebhookPurgeActivities({ purge, refreshTokens, shortLived, events }: WebhookPurgeDeps) {
  return {
    /** `before`: RFC 3339. */
    async purgeReceipts({ before, limit }: { before: string; limit: number }): Promise<number> {
      const deleted = await purge(before, limit)
      events.purgedBatch({ receipts: deleted })
      return deleted
    },
    /** And what lives shorter still; only the tokens are counted. */
    async purgeRefreshTokens({ limit }: { limit: number }): Promise<number> {
      for (const heap of shortLived) for (let gone = limit; gone === limit;) gone = await heap.deleteExpired(limit)
      return await refreshTokens.deleteExpired(limit)
    },
    async reportPurge(result: PurgeResult): Promise<void> {
      await Promise.resolve()
      events.purged(result)
    },
  }
}

export type WebhookPurgeActivities = ReturnType<typeof createWebhookPurgeActivities>
