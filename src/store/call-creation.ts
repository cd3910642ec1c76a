import type { Knex } from 'knex'
import { newId } from './new-id.js'
import type { CallDetails, CallDirection, callProviders } from '../domain/call.js'
import { ConflictingCallError, InvalidRequestError } from '../domain/errors.js'
import { toldOfCall } from '../domain/call-news.js'
import type { Actor } from '../domain/identity.js'
import type { Author } from '../domain/resource.js'
import type { CallRecord } from './call-locks.js'
import { type CallRow, selectCall } from './call-rows.js'
import { insertCalls, saveCalls } from './call-writes.js'
import { appendEvents } from './event-log.js'
import { cleanText, isUuid } from './values.js'

/** A call that its company knows of before its provider tells, or beside it. */
export interface NewCall {
  provider: (typeof callProviders)[number]
  externalId: string
  direction: CallDirection
  /** Absent where only the provider will tell it. */
  from?: string | undefined
  to: string
  /** Whose call it is. */
  userId: string
  leadId?: string | undefined
  metadata?: Record<string, unknown> | undefined
}

/** Key of the facts that the company itself told; no delivery has such a key. */
export const ownKey = 'parley/created'

/**
 * Makes the row of a call, once per company and provider's id. A row that webhooks made and that is nobody's becomes the
 * user's. A room of LiveKit is one call's among all companies: its events name none.
 * Runs in a service transaction of the actor's company.
 * @throws ConflictingCallError when the call is a colleague's, or the room another company's
 */
export async function createCall(
  trx: Knex.Transaction,
  actor: Author,
  call: NewCall,
): Promise<{ row: CallRow; created: boolean }> {
  if (call.userId !== actor.userId) await assertColleague(trx, call.userId)
  const record = recordOf(actor.tenantId, call)
  const created = (await insertCalls(trx, [record])).size > 0
  const found = created ? { id: record.id, adopted: false } : await adopt(trx, actor, record)
  const row = await selectCall(trx, found.id)
  if (!row) throw conflict()
  if (created) await appendEvents(trx, [toldOfCall(actor, 'telephony.call.created', row)])
  else if (found.adopted) await appendEvents(trx, [toldOfCall(actor, 'telephony.call.updated', row, ['user_id'])])
  return { row, created }
}

export async function assertColleague(trx: Knex.Transaction, userId: string): Promise<void> {
  if (
    isUuid(userId) &&
    (await trx.raw<{ rows: unknown[] }>('select from users where id = ?', [userId])).rows.length > 0
  )
    return
  throw new InvalidRequestError('the company has no such user', [
    { pointer: '/user_id', detail: 'must be a user of the company' },
  ])
}

const recordOf = (tenantId: string, call: NewCall): CallRecord => ({
  id: newId(),
  tenantId,
  userId: cleanText(call.userId),
  leadId: call.leadId === undefined ? null : cleanText(call.leadId),
  provider: call.provider,
  externalId: cleanText(call.externalId),
  facts: { [ownKey]: [detailsOf(call)] },
  announced: { status: 'queued' },
})

/** Without a time, so that the provider's own word wins. */
const detailsOf = ({ direction, from, to, metadata }: NewCall): CallDetails => ({
  type: 'details',
  direction,
  ...(from !== undefined && { from }),
  to,
  ...(metadata && { metadata }),
})

const conflict = () => new ConflictingCallError('the provider’s id stands for another call')

/** The row that is there: of this company, or the policies hide it. */
async function adopt(
  trx: Knex.Transaction,
  actor: Actor,
  wanted: CallRecord,
): Promise<{ id: string; adopted: boolean }> {
  const { rows } = await trx.raw<{ rows: CallRecord[] }>(
    `select id, tenant_id as "tenantId", user_id as "userId", lead_id as "leadId", provider, external_id as "externalId",
       facts, announced from call_logs where provider = ? and external_id = ? and tenant_id = ? for update`,
    [wanted.provider, wanted.externalId, wanted.tenantId],
  )
  const [found] = rows
  if (!found || (found.userId !== null && found.userId !== wanted.userId && actor.role === 'rep')) throw conflict()
  const adopted = found.userId === null
  if (adopted) await saveCalls(trx, { calls: [joined(found, wanted)], events: [] })
  return { id: found.id, adopted }
}

const joined = (found: CallRecord, { userId, leadId, facts }: CallRecord): CallRecord => ({
  ...found,
  userId,
  leadId: found.leadId ?? leadId,
  facts: { ...facts, ...found.facts },
})
