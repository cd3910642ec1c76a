import type { Knex } from 'knex'
import { ConflictingSessionError } from '../domain/errors.js'
import {
  conversationTypes,
  type SessionFacts,
  type SessionMode,
  type SessionOwner,
  type SessionProvider,
} from '../domain/session.js'
import { adoptTenant } from './database.js'
import { insertMentorRows } from './mentor-tracking.js'
import { applyToSession } from './session-facts.js'
import type { ResolvedOwner, UserStore } from './users.js'
import { cleanText, json } from './values.js'

export interface TrackInput {
  sessionId: string
  conversationId: string
  conversationUrl: string
  provider: SessionProvider
  mode: SessionMode
  owner?: SessionOwner | undefined
  createdAt: string
  /** The prewarm's result, kept as it is. */
  prewarm: object
  prewarmMs?: number | undefined
  startMs?: number | undefined
  leadId?: string | undefined
  metadata?: Record<string, unknown> | undefined
  facts?: SessionFacts | undefined
}

export interface Tracked {
  dbTracking: DbTracking
  systemUserId: string | null
}

export const dbTracking = {
  tracked: 'success',
  untracked: 'skipped: unauthenticated or missing data',
} as const
export type DbTracking = (typeof dbTracking)[keyof typeof dbTracking]

interface KnownSession {
  conversationId: string | null
  userId: string | null
  tracked: boolean
}

/** Writes a session's row, once: a repeat finds it and undoes nothing of what was folded into it since. */
export async function trackSession(trx: Knex.Transaction, users: UserStore, input: TrackInput): Promise<Tracked> {
  await lockSession(trx, input.sessionId)
  const known = await findKnown(trx, input.sessionId)
  if (known?.conversationId != null && known.conversationId !== input.conversationId)
    throw new ConflictingSessionError(`session ${input.sessionId} has another conversation`)
  if (known?.conversationId != null) return await again(trx, known, input)
  const resolved = input.owner ? await users.resolveForTracking(input.owner, trx) : undefined
  const row = known === undefined && resolved?.tenantId !== undefined
  await (row ? insertTracked(trx, input, resolved) : upsertUntracked(trx, input))
  // A new row begins with what the fold of its creation alone would give.
  if (!row || input.facts) await applyFacts(trx, input)
  return row ? tracked(resolved.systemUserId) : untracked
}

const tracked = (systemUserId: string | null): Tracked => ({ dbTracking: dbTracking.tracked, systemUserId })
const untracked: Tracked = { dbTracking: dbTracking.untracked, systemUserId: null }

/** A unique index's refusal: the conversation is another session's. */
export function asConflict(error: unknown): unknown {
  const { code, constraint } = error as { code?: unknown; constraint?: unknown }
  if (code !== '23505' || !String(constraint).endsWith('_external_key')) return error
  return new ConflictingSessionError('the conversation belongs to another session', error)
}

/** Until the commit: of two tracks of one session the second finds the first one's row, in whichever table it is. */
export const lockSession = (trx: Knex.Transaction, sessionId: string) =>
  trx.raw('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`session:${sessionId}`])

async function findKnown(trx: Knex.Transaction, sessionId: string): Promise<KnownSession | undefined> {
  const { rows } = await trx.raw<{ rows: KnownSession[] }>(
    `select external_conversation_id as "conversationId", user_id as "userId", true as tracked
     from conversations_users where session_id = :sessionId
     union all
     select external_conversation_id, null, false from untracked_sessions where session_id = :sessionId`,
    { sessionId },
  )
  return rows[0]
}

async function again(trx: Knex.Transaction, known: KnownSession, input: TrackInput): Promise<Tracked> {
  await applyFacts(trx, input)
  return known.tracked ? tracked(known.userId) : untracked
}

const applyFacts = (trx: Knex.Transaction, { sessionId, createdAt, facts }: TrackInput) =>
  applyToSession(trx, { sessionId, facts: { ...facts, createdAt: facts?.createdAt ?? createdAt } })

async function insertTracked(trx: Knex.Transaction, input: TrackInput, owner: ResolvedOwner): Promise<void> {
  const companyId = owner.tenantId ?? ''
  await adoptTenant(trx, companyId)
  const userId = owner.systemUserId ?? ''
  const ownerId = cleanText(input.owner?.userId ?? '')
  await trx('conversations_users').insert({
    session_id: input.sessionId,
    user_id: userId,
    owner_user_id: ownerId === userId ? null : ownerId,
    company_id: companyId,
    conversation_type_id: conversationTypes[input.provider],
    external_conversation_id: input.conversationId,
    mode: input.mode,
    status: 'active',
    conversation_url: cleanText(input.conversationUrl),
    lead_id: input.leadId === undefined ? null : cleanText(input.leadId),
    created_at: new Date(input.createdAt),
    prewarm_ms: input.prewarmMs ?? prewarmMs(input.prewarm),
    prewarm: json(input.prewarm),
    start_ms: input.startMs ?? null,
    facts: json({ createdAt: input.createdAt }),
    metadata: json(input.metadata ?? {}),
  })
  if (input.mode === 'mentor') await insertMentorRows(trx, { ...input, companyId })
}

function prewarmMs(prewarm: object): number | null {
  const seconds = 'duration_sec' in prewarm ? Number(prewarm.duration_sec) : NaN
  return Number.isFinite(seconds) ? Math.round(seconds * 1000) : null
}

/** Fills in the reserved row, also one that was given up too early: the conversation is there. */
async function upsertUntracked(trx: Knex.Transaction, input: TrackInput): Promise<void> {
  await trx.raw(
    `insert into untracked_sessions (session_id, owner_user_id, conversation_type_id, external_conversation_id,
       conversation_url, status, created_at)
     values (?, ?, ?, ?, ?, 'active', ?)
     on conflict (session_id) do update set owner_user_id = excluded.owner_user_id, status = 'active',
       conversation_type_id = excluded.conversation_type_id, conversation_url = excluded.conversation_url,
       external_conversation_id = excluded.external_conversation_id, created_at = excluded.created_at,
       ended_at = null, duration_seconds = null, end_reason = null, updated_at = now()`,
    [
      input.sessionId,
      input.owner ? cleanText(input.owner.userId) : null,
      conversationTypes[input.provider],
      input.conversationId,
      cleanText(input.conversationUrl),
      new Date(input.createdAt),
    ],
  )
}
