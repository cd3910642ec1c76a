import type { Knex } from 'knex'

/** An account that a company has just claimed. */
export interface ClaimedAccount {
  tenantId: string
  provider: string
  account: string
}

/**
 * Gives a company the receipts of nobody that name its account: what waits or is parked is taken again at once, and what
 * failed is seen by its leadership. Whoever is at work on one of them is waited for. Runs as the service.
 * @returns how many; as many as the limit when there may be more
 */
export async function adoptReceipts(
  trx: Knex.Transaction,
  { tenantId, provider, account }: ClaimedAccount,
  limit: number,
): Promise<number> {
  const { rowCount } = await trx.raw<{ rowCount: number }>(
    `update webhook_receipts set tenant_id = ?, accounts = null,
       (status, drain, error, error_side, waiting_since, next_attempt_at) = (
         select 'received', true, null, null, null::timestamptz, now() where status <> 'failed'
         union all select status, drain, error, error_side, waiting_since, next_attempt_at where status = 'failed')
     where id in (select id from webhook_receipts where tenant_id is null and accounts @> array[?] and provider = ?
       and status in ('waiting', 'unmatched', 'failed') order by received_at, id limit ? for update)`,
    [tenantId, account, provider, limit],
  )
  return rowCount
}
