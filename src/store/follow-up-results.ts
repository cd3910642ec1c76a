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
  await fillIn(trx, rows)
  return rows.map((row) => followUpEntry('follow_up.status', row))
}

/** What only the follow-up knows of its message or call: the text, whose lead it went to, and who asked for it. */
async function fillIn(trx: Knex.Transaction, rows: readonly ToldFollowUp[]): Promise<void> {
  const idsOf = (channel: string) => rows.filter((row) => row.channel === channel).map(({ id }) => id)
  const [texts, calls] = [idsOf('sms'), idsOf('call')]
  if (texts.length > 0)
    await trx.raw(
      `update messages m set body = coalesce(m.body, f.body), lead_id = f.lead_id from follow_ups f
       where f.id = any(?::uuid[]) and m.provider = f.provider and m.external_id = f.external_id
         and m.tenant_id = f.tenant_id and (m.body is null or m.lead_id is distinct from f.lead_id)`,
      [texts] as Knex.RawBinding[],
    )
  if (calls.length > 0)
    await trx.raw(
      `update call_logs c set user_id = coalesce(c.user_id, f.created_by), lead_id = f.lead_id::text from follow_ups f
       where f.id = any(?::uuid[]) and c.provider = f.provider and c.external_id = f.external_id
         and c.tenant_id = f.tenant_id and (c.user_id is null or c.lead_id is distinct from f.lead_id::text)`,
      [calls] as Knex.RawBinding[],
    )
}
