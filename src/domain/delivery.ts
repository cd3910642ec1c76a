import type { ReceiptStatus } from './webhook.js'

/** Receipts that came to nothing, or to nothing yet: they may be taken again. */
export const replayableStatuses = ['failed', 'waiting', 'unmatched'] as const satisfies readonly ReceiptStatus[]
export type ReplayableStatus = (typeof replayableStatuses)[number]

export const isReplayable = (status: ReceiptStatus): status is ReplayableStatus =>
  (replayableStatuses as readonly ReceiptStatus[]).includes(status)

/** Which deliveries of a company; absent means any. */
export interface DeliveryFilter {
  provider?: string | undefined
  status?: ReceiptStatus | undefined
  externalId?: string | undefined
  /** Received at or after; RFC 3339. */
  from?: string | undefined
  /** Received before; RFC 3339. */
  to?: string | undefined
}

/** Which of them are to be taken again: of every replayable status unless one is named. */
export interface ReplayFilter extends DeliveryFilter {
  status?: ReplayableStatus | undefined
}
