import type { Knex } from 'knex'
import type { NewEvent } from '../domain/event.js'
import { followUpEntry, type FollowUpResult, furthestResults, type ToldFollowUp } from '../domain/follow-up.js'
import { parameter } from './values.js'

export const toldColumns = `f.id, f.tenant_id as "tenantId", f.lead_id as "leadId", f.created_by as "createdBy", f.channel,
  f.status, f.reason, f.provider, f.external_id as "externalId"`

/**
 * Brings follow-ups to where their providers' events say they are, all in one trip and in the order of their ids; what is
 * over stays as it is. That an event names a follow-up proves that it was sent, also where nobody knew.
 * @returns the entries of those that stand elsewhere now
 */
export async function tellFollowUps(trx: Knex.Transaction, results: readonly FollowUpResult[]): Promise<NewEvent[]> {
  if (results.length === 0) return []
  const records = furthestResults(results).map((result) => ({
    id: result.followUpId,
    tenant_id: result.tenantId,
    provider: result.provider,
    external_id: result.externalId,
    status: result.status,
    reason: result.reason ?? null,
    error_code: result.errorCode ?? null,
  }))
  const { rows } = await trx.raw<{ rows: ToldFollowUp[] }>(
    `with told as (select * from jsonb_to_recordset(?::jsonb) as t (id uuid, tenant_id uuid, provider text,
         external_id text, status text, reason text, error_code text)),
       held as materialized (
         select f.id, t.provider, t.external_id, t.status, t.reason, t.error_code
         from told t join follow_ups f on f.id = t.id and f.tenant_id = t.tenant_id
         where f.status in ('scheduled', 'sending', 'sent', 'unknown') and f.status <> t.status
           and (f.external_id is null or f.external_id = t.external_id)
         order by f.id for update of f)
     update follow_ups f set status = h.status, reason = h.reason, error_code = left(h.error_code, 100),
       provider = h.provider, external_id = h.external_id, attempt_open = false, waits_until = null,
       sent_at = coalesce(f.sent_at, f.attempted_at, now()),
       ended_at = case when h.status = 'sent' then null else now() end, updated_at = now()
     from held h where f.id = h.id returning ${toldColumns}`,
    [parameter(records)],
  )
  return rows.map((row) => followUpEntry('follow_up.status', row))
}
