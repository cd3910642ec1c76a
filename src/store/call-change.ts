import type { Knex } from 'knex'
import type { CallFact, CallFacts } from '../domain/call.js'
import { toldOfCall } from '../domain/call-news.js'
import type { Precondition, Revised } from '../domain/page.js'
import type { Author } from '../domain/resource.js'
import { assertColleague, ownKey } from './call-creation.js'
import type { CallRecord } from './call-locks.js'
import { callColumns, type CallRow, selectCall } from './call-rows.js'
import { saveCalls } from './call-writes.js'
import { log } from './resource.js'
import { assertLead } from './resource-ties.js'
import { assertRevision, revised } from './revision.js'
import { json } from './values.js'

/** What of a call its company may change; absent stays as it is. */
export interface CallChange {
  userId?: string | null | undefined
  leadId?: string | null | undefined
  /** The company's own, in the place of what it said before; what providers said stays. */
  metadata?: Record<string, unknown> | undefined
}

interface CallToChange {
  author: Author
  id: string
  precondition: Precondition
  change: CallChange
}

/** Changes a call that the author sees; its row stays the fold of its facts. */
export async function changeCall(
  trx: Knex.Transaction,
  { author, id, precondition, change }: CallToChange,
): Promise<Revised<CallRow> | undefined> {
  const found = await lock(trx, id)
  if (!found) return undefined
  const { facts, announced, ...before } = found
  assertRevision(before, precondition)
  if (change.leadId !== before.leadId) await assertLead(trx, change.leadId)
  if (change.userId != null && change.userId !== before.userId && change.userId !== author.userId)
    await assertColleague(trx, change.userId)
  const record: CallRecord = {
    ...before,
    tenantId: author.tenantId,
    userId: change.userId === undefined ? before.userId : change.userId,
    leadId: change.leadId === undefined ? before.leadId : change.leadId,
    facts: change.metadata === undefined ? facts : withMetadata(facts, change.metadata),
    announced,
  }
  await saveCalls(trx, { calls: [record], events: [] })
  const after = await selectCall(trx, id)
  if (!after) return undefined
  const changes = changedFields(before, after)
  if (changes.length > 0) await log(trx, [toldOfCall(author, 'telephony.call.updated', after, changes)])
  return revised(after)
}

type LockedCall = CallRow & Pick<CallRecord, 'facts' | 'announced'>

async function lock(trx: Knex.Transaction, id: string): Promise<LockedCall | undefined> {
  const { rows } = await trx.raw<{ rows: LockedCall[] }>(
    `select ${callColumns}, facts, announced from call_logs where id = ? for update`,
    [id],
  )
  return rows[0]
}

/** The company's own facts, with other metadata. */
function withMetadata(facts: CallFacts, metadata: Record<string, unknown>): CallFacts {
  const known = facts[ownKey] ?? []
  const [first] = known.filter((fact) => fact.type === 'details')
  const others = known.filter((fact) => fact.type !== 'details')
  const own: CallFact = { ...(first ?? { type: 'details' }), metadata }
  return { ...facts, [ownKey]: [own, ...others] }
}

const shown = { user_id: 'userId', lead_id: 'leadId', metadata: 'metadata' } as const

const changedFields = (before: CallRow, after: CallRow) =>
  (Object.keys(shown) as (keyof typeof shown)[]).filter(
    (name) => json(before[shown[name]]) !== json(after[shown[name]]),
  )
