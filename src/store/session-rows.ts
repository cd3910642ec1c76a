import type { Knex } from 'knex'
import type { TranscriptEntry } from '../domain/event.js'
import type { Actor } from '../domain/identity.js'
import {
  conversationTypes,
  type EndReason,
  type SessionMode,
  type SessionProvider,
  type SessionStatus,
  type ShutdownReason,
} from '../domain/session.js'
import type { Page, PageRequest } from '../domain/page.js'
import { byCreation, type Condition, type Listing, selectPage } from './page.js'
import { given } from './resource-ties.js'
import { providerName, shutdownReason } from './session-columns.js'

/** A tracked session without its transcript, as lists show it. */
export interface SessionSummary {
  id: string
  sessionId: string
  userId: string
  companyId: string
  provider: SessionProvider
  mode: SessionMode
  conversationId: string
  conversationUrl: string | null
  status: SessionStatus
  leadId: string | null
  createdAt: Date
  joinedAt: Date | null
  endedAt: Date | null
  durationSeconds: number | null
  endReason: EndReason | null
  shutdownReason: ShutdownReason | null
  prewarm: Record<string, unknown> | null
  prewarmMs: number | null
  startMs: number | null
  hasTranscript: boolean
  recordingUrl: string | null
  metadata: Record<string, unknown>
  updatedAt: Date
}

export interface SessionRow extends SessionSummary {
  transcript: TranscriptEntry[] | null
}

export interface SessionFilter {
  status?: SessionStatus | undefined
  provider?: SessionProvider | undefined
  user?: string | undefined
  /** Made at or after, and before; RFC 3339. */
  from?: string | undefined
  to?: string | undefined
}

const columns = `conversation_user_id as id, session_id as "sessionId", user_id as "userId", company_id as "companyId",
  ${providerName} as provider, mode,
  external_conversation_id as "conversationId", conversation_url as "conversationUrl", status, lead_id as "leadId",
  created_at as "createdAt", joined_at as "joinedAt", ended_at as "endedAt", duration_seconds as "durationSeconds",
  end_reason as "endReason", ${shutdownReason} as "shutdownReason", prewarm, prewarm_ms as "prewarmMs", start_ms as "startMs",
  transcript is not null as "hasTranscript", recording_url as "recordingUrl", metadata, updated_at as "updatedAt"`

const listing: Listing = { table: 'conversations_users', columns, id: 'session_id', sorts: byCreation }

export async function selectSession(trx: Knex.Transaction, sessionId: string): Promise<SessionRow | undefined> {
  const { rows } = await trx.raw<{ rows: SessionRow[] }>(
    `select ${columns}, transcript from conversations_users where session_id = ?`,
    [sessionId],
  )
  return rows[0]
}

/** One page of the sessions that the actor may see. */
export const selectSessions = (
  trx: Knex.Transaction,
  actor: Actor,
  request: PageRequest<SessionFilter>,
): Promise<Page<SessionSummary>> =>
  selectPage<SessionSummary>(trx, listing, {
    tenantId: actor.tenantId,
    request,
    conditions: conditions(actor, request.filter),
  })

function conditions(actor: Actor, { status, provider, user, from, to }: SessionFilter): Condition[] {
  const ofProvider: Condition[] = provider ? [['conversation_type_id = ?', [conversationTypes[provider]]]] : []
  const own: Condition = ['(user_id = ? or owner_user_id = ?)', [actor.userId, actor.userId]]
  return [
    // The policy says the same; said here as well, the index on the user serves.
    ...(actor.role === 'leadership' ? [] : [own]),
    ...ofProvider,
    ...given(['status = ?', status], ['user_id = ?', user], ['created_at >= ?', from], ['created_at < ?', to]),
  ]
}
