import type { Knex } from 'knex'
import type { CallDirection, CallOutcome, callProviders, CallStatus } from '../domain/call.js'
import type { Actor } from '../domain/identity.js'
import { decodeCursor, encodeCursor, exactTimeOf } from './cursor.js'
import { cleanText } from './values.js'

/** A call as the API shows it. */
export interface CallRow {
  id: string
  userId: string | null
  leadId: string | null
  provider: (typeof callProviders)[number]
  externalId: string
  direction: CallDirection | null
  from: string | null
  to: string | null
  status: CallStatus
  startedAt: Date | null
  answeredAt: Date | null
  endedAt: Date | null
  durationSeconds: number | null
  outcome: CallOutcome | null
  endedReason: string | null
  recordingUrl: string | null
  metadata: Record<string, unknown>
  createdAt: Date
  updatedAt: Date
}

export interface CallFilter {
  provider?: string | undefined
  status?: CallStatus | undefined
  outcome?: CallOutcome | undefined
  userId?: string | undefined
  leadId?: string | undefined
  /** Created at or after. */
  from?: Date | undefined
  /** Created before. */
  to?: Date | undefined
  cursor?: string | undefined
  limit: number
}

export interface CallPage {
  items: CallRow[]
  /** Absent on the last page. */
  nextCursor: string | undefined
}

export const callColumns = `id, user_id as "userId", lead_id as "leadId", provider, external_id as "externalId", direction,
  from_number as "from", to_number as "to", status, started_at as "startedAt", answered_at as "answeredAt",
  ended_at as "endedAt", duration_seconds as "durationSeconds", outcome, ended_reason as "endedReason",
  "recordingUrl", metadata, created_at as "createdAt", updated_at as "updatedAt"`

/** Whose call: the policy lets a rep see no other, and leadership and csr the company's. */
export async function selectCall(trx: Knex.Transaction, id: string, userId?: string): Promise<CallRow | undefined> {
  const { rows } = await trx.raw<{ rows: CallRow[] }>(
    `select ${callColumns} from call_logs where id = ?${userId === undefined ? '' : ' and user_id = ?'}`,
    userId === undefined ? [id] : [id, cleanText(userId)],
  )
  return rows[0]
}

/** One page, newest first; what the actor may see is the policies' matter. */
export async function selectCalls(trx: Knex.Transaction, actor: Actor, filter: CallFilter): Promise<CallPage> {
  const query = trx('call_logs').select(trx.raw(`${callColumns}, ${exactTimeOf('created_at')} as "exactTime"`))
  for (const [sql, bindings] of conditions(actor, filter)) void query.whereRaw(sql, bindings)
  const found = (await query.orderByRaw('created_at desc, id desc').limit(filter.limit + 1)) as (CallRow & {
    exactTime: string
  })[]
  const page = found.slice(0, filter.limit)
  const last = found.length > filter.limit ? page.at(-1) : undefined
  return {
    items: page.map(({ exactTime: _, ...row }) => row),
    nextCursor: last && encodeCursor([last.exactTime, last.id]),
  }
}

function conditions(actor: Actor, filter: CallFilter): [string, (string | Date)[]][] {
  const { provider, status, outcome, userId, leadId, from, to, cursor } = filter
  const found: [string, (string | Date)[]][] = []
  // The policy says the same; said here as well, the index on the user serves.
  if (actor.role === 'rep') found.push(['user_id = ?', [cleanText(actor.userId)]])
  if (provider !== undefined) found.push(['provider = ?', [provider]])
  if (status !== undefined) found.push(['status = ?', [status]])
  if (outcome !== undefined) found.push(['outcome = ?', [outcome]])
  if (userId !== undefined) found.push(['user_id = ?', [cleanText(userId)]])
  if (leadId !== undefined) found.push(['lead_id = ?', [cleanText(leadId)]])
  if (from !== undefined) found.push(['created_at >= ?', [from]])
  if (to !== undefined) found.push(['created_at < ?', [to]])
  if (cursor !== undefined) found.push(['(created_at, id) < (?::timestamptz, ?::uuid)', decodeCursor(cursor)])
  return found
}
