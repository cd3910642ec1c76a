import type { Database } from './database.js'

/** Deletes at most `limit` settled receipts that were received before a time (RFC 3339), the oldest first; says how many. */
export type ReceiptPurge = (before: string, limit: number) => Promise<number>

/** What is still to be taken is kept, however old; so is one that another transaction holds, until the next time. */
export const createReceiptPurge =
  ({ database }: { database: Pick<Database, 'withService'> }): ReceiptPurge =>
  (before, limit) =>
    database.withService(undefined, async (trx) => {
      const { rowCount } = await trx.raw<{ rowCount: number }>(
        `delete from webhook_receipts where id in (
           select id from webhook_receipts
           where received_at < ?::timestamptz and status not in ('received', 'waiting')
           order by received_at limit ? for update skip locked)`,
        [before, limit],
      )
      return rowCount
    })
