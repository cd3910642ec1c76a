import type { Knex } from 'knex'
import { type Errand, followUpEntry, type FollowUpReason, type ToldFollowUp } from '../domain/follow-up.js'
import { appendEvents } from './event-log.js'
import { toldColumns } from './follow-up-results.js'

/** Names a follow-up. */
export interface FollowUpRef {
  tenantId: string
  followUpId: string
}

/** A follow-up as its steps need it. */
export interface FollowUpRow extends ToldFollowUp {
  /** The lead's number as it is now. */
  phone: string | null
  to: string
  from: string | null
  body: string | null
  draft: boolean
  notBefore: Date | null
  attempts: number
  attemptOpen: boolean
  /** Since the last attempt began, by the database's clock; null before the first. Milliseconds. */
  ageMs: number | null
  attemptedAt: Date | null
}

/** Reads one, and holds it until the commit. */
export const lockFollowUp = (trx: Knex.Transaction, ref: FollowUpRef) => selectFollowUp(trx, ref, 'for update of f')

/** Reads one as it is now. */
export async function selectFollowUp(
  trx: Knex.Transaction,
  { tenantId, followUpId }: FollowUpRef,
  lock = '',
): Promise<FollowUpRow | undefined> {
  const { rows } = await trx.raw<{ rows: FollowUpRow[] }>(
    `select ${toldColumns}, l.phone, f.to_number as "to", f.from_number as "from", f.body, f.draft,
       f.not_before as "notBefore", f.attempts, f.attempt_open as "attemptOpen", f.attempted_at as "attemptedAt",
       (extract(epoch from clock_timestamp() - f.attempted_at) * 1000)::float8 as "ageMs"
     from follow_ups f join leads l on l.id = f.lead_id and l.tenant_id = f.tenant_id
     where f.id = ? and f.tenant_id = ? ${lock}`,
    [followUpId, tenantId],
  )
  return rows[0]
}

/** What its provider needs of it. */
export const errandOf = (row: FollowUpRow): Errand => ({
  id: row.id,
  tenantId: row.tenantId,
  to: row.to,
  body: row.body ?? '',
  from: row.from ?? undefined,
})

/** Ends one for good, and says so in the log. */
export async function finish(
  trx: Knex.Transaction,
  row: ToldFollowUp,
  end: { status: 'failed' | 'unknown' | 'cancelled'; reason?: FollowUpReason; errorCode?: string | undefined },
): Promise<void> {
  const { rows } = await trx.raw<{ rows: ToldFollowUp[] }>(
    `update follow_ups f set status = ?, reason = ?, error_code = left(?, 100), attempt_open = false, waits_until = null,
       ended_at = now(), updated_at = now() where id = ? returning ${toldColumns}`,
    [end.status, end.reason ?? null, end.errorCode ?? null, row.id] as Knex.RawBinding[],
  )
  await appendEvents(
    trx,
    rows.map((after) => followUpEntry('follow_up.status', after)),
  )
}
