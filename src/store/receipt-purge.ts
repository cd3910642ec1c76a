import type { Database } from './database.js'

/**
 * Deletes at most `limit` settled receipts that were received before a time (RFC 3339), the oldest first; says how many.
 * With the last of them go LiveKit's events of rooms that were nobody's call.
 */
export type ReceiptPurge = (before: string, limit: number) => Promise<number>

// As an array, which is read once: a join may read its side again, and a limit lets other rows through then.
// What is still to be taken is kept, however old; so is what another transaction holds, until the next time.
const receipts = `
  delete from webhook_receipts where id = any (array(
    select id from webhook_receipts
    where received_at < ?::timestamptz and status not in ('received', 'waiting')
    order by received_at limit ? for update skip locked))`
const nobodysEvents = `
  delete from livekit_call_events where id = any (array(
    select id from livekit_call_events where not processed and received_at < ?::timestamptz
    order by received_at limit ? for update skip locked))`

export function createReceiptPurge({ database }: { database: Pick<Database, 'withService'> }): ReceiptPurge {
  /** One batch, in a transaction of its own. */
  const remove = (sql: string, before: string, limit: number): Promise<number> =>
    database.withService(undefined, async (trx) => {
      const { rowCount } = await trx.raw<{ rowCount: number }>(sql, [before, limit])
      return rowCount
    })

  return async function purge(before, limit) {
    const deleted = await remove(receipts, before, limit)
    if (deleted === limit) return deleted
    for (let events = limit; events === limit;) events = await remove(nobodysEvents, before, limit)
    return deleted
  }
}
