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
import { decodeCursor, encodeCursor, exactTimeOf } from './cursor.js'
import { cleanText } from './values.js'

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
  userId?: string | undefined
  /** Created at or after. */
  from?: Date | undefined
  /** Created before. */
  to?: Date | undefined
  cursor?: string | undefined
  limit: number
}

export interface SessionPage {
  items: SessionSummary[]
  /** Absent on the last page. */
  nextCursor: string | undefined
}

const columns = `conversation_user_id as id, session_id as "sessionId", user_id as "userId", company_id as "companyId",
  case conversation_type_id when ${conversationTypes.tavus} then 'tavus' else 'elevenlabs' end as provider, mode,
  external_conversation_id as "conversationId", conversation_url as "conversationUrl", status, lead_id as "leadId",
  created_at as "createdAt", joined_at as "joinedAt", ended_at as "endedAt", duration_seconds as "durationSeconds",
  end_reason as "endReason", facts->>'shutdownReason' as "shutdownReason", prewarm, prewarm_ms as "prewarmMs", start_ms as "startMs",
  transcript is not null as "hasTranscript", recording_url as "recordingUrl", metadata, updated_at as "updatedAt"`

const exactTime = exactTimeOf('created_at')

export async function selectSession(trx: Knex.Transaction, sessionId: string): Promise<SessionRow | undefined> {
  const { rows } = await trx.raw<{ rows: SessionRow[] }>(
    `select ${columns}, transcript from conversations_users where session_id = ?`,
    [sessionId],
  )
  return rows[0]
}

/** One page, newest first; what the actor may see is the policies' matter. */
export async function selectSessions(trx: Knex.Transaction, actor: Actor, filter: SessionFilter): Promise<SessionPage> {
  const query = trx('conversations_users').select(trx.raw(`${columns}, ${exactTime} as "exactTime"`))
  for (const [sql, bindings] of conditions(actor, filter)) void query.whereRaw(sql, bindings)
  const found = (await query
    .orderByRaw('created_at desc, session_id desc')
    .limit(filter.limit + 1)) as (SessionSummary & { exactTime: string })[]
  const page = found.slice(0, filter.limit)
  const last = found.length > filter.limit ? page.at(-1) : undefined
  return {
    items: page.map(({ exactTime: _, ...summary }) => summary),
    nextCursor: last && encodeCursor([last.exactTime, last.sessionId]),
  }
}

function conditions(actor: Actor, filter: SessionFilter): [string, (string | number | Date)[]][] {
  const { status, provider, userId, from, to, cursor } = filter
  const found: [string, (string | number | Date)[]][] = []
  // The policy says the same; said here as well, the index on the user serves.
  if (actor.role !== 'leadership') found.push(['(user_id = ? or owner_user_id = ?)', [actor.userId, actor.userId]])
  if (status !== undefined) found.push(['status = ?', [status]])
  if (provider !== undefined) found.push(['conversation_type_id = ?', [conversationTypes[provider]]])
  if (userId !== undefined) found.push(['user_id = ?', [cleanText(userId)]])
  if (from !== undefined) found.push(['created_at >= ?', [from]])
  if (to !== undefined) found.push(['created_at < ?', [to]])
  if (cursor !== undefined) found.push(['(created_at, session_id) < (?::timestamptz, ?::uuid)', decodeCursor(cursor)])
  return found
}
