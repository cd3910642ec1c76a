import type { Knex } from 'knex'
import type { CallDirection, CallOutcome, callProviders, CallStatus } from '../domain/call.js'
import type { Actor } from '../domain/identity.js'
import type { Page, PageRequest } from '../domain/page.js'
import { byCreation, type Condition, lastWhenNull, type Listing, selectPage } from './page.js'
import { given } from './resource-ties.js'
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
  status?: string | undefined
  outcome?: string | undefined
  direction?: string | undefined
  user?: string | undefined
  lead?: string | undefined
  /** Made at or after, and before; RFC 3339. */
  from?: string | undefined
  to?: string | undefined
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

export const callListing: Listing = {
  table: 'call_logs',
  columns: callColumns,
  // A call that has not begun begins last.
  sorts: { ...byCreation, started_at: { sql: lastWhenNull('started_at'), type: 'timestamptz' } },
}

/** One page of the calls that the actor may see. */
export const selectCalls = (
  trx: Knex.Transaction,
  actor: Actor,
  request: PageRequest<CallFilter>,
): Promise<Page<CallRow>> =>
  selectPage<CallRow>(trx, callListing, {
    tenantId: actor.tenantId,
    request,
    conditions: conditions(actor, request.filter),
  })

function conditions(actor: Actor, filter: CallFilter): Condition[] {
  const { provider, status, outcome, direction, user, lead, from, to } = filter
  return [
    // The policy says the same; said here as well, the index on the user serves.
    ...given(['user_id = ?', actor.role === 'rep' ? actor.userId : undefined]),
    ...given(
      ['provider = ?', provider],
      ['status = ?', status],
      ['outcome = ?', outcome],
      ['direction = ?', direction],
      ['user_id = ?', user],
      ['lead_id = ?', lead],
      ['created_at >= ?', from],
      ['created_at < ?', to],
    ),
  ]
}
