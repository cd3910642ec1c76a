import type { Knex } from 'knex'
import type { NewEvent, TranscriptEntry } from '../domain/event.js'
import type { SessionFacts, SessionMode, SessionOutcome } from '../domain/session.js'
import { adoptTenant } from './database.js'
import { appendEvents } from './event-log.js'
import { updateMentorRows } from './mentor-tracking.js'
import {
  type Announced,
  columnsOf,
  dueEvents,
  eventMetadata,
  foldState,
  type SessionInput,
  type SessionState,
} from './session-state.js'
import { json } from './values.js'

export interface ApplyInput extends SessionInput {
  sessionId: string
  /** The provider's id, when the news names one: it must be the session's own. */
  conversationId?: string | undefined
  traceId?: string | undefined
}

export type Applied =
  | { found: false }
  | { found: true; mismatch: true }
  | {
      /** Entries of the event log that are due; they belong into the same transaction. */
      events: NewEvent[]
      found: true
      mismatch: false
      tracked: boolean
      tenantId: string | undefined
      userId: string | undefined
      leadId: string | undefined
      outcome: SessionOutcome
      conversationId: string
      hasTranscript: boolean
      hasRecording: boolean
    }

interface TrackedRow {
  sessionId: string
  conversationId: string
  tenantId: string
  userId: string
  leadId: string | null
  mode: SessionMode
  status: string
  facts: SessionFacts
  artefacts: SessionState['artefacts']
  transcript: TranscriptEntry[] | null
  announced: Announced
}

interface UntrackedRow {
  conversationId: string
  userId: string | null
  status: string
  facts: SessionFacts
}

/** Folds news of a session into its row and the event log, inside a service transaction that then is the tenant's. */
export async function applyToSession(trx: Knex.Transaction, input: ApplyInput): Promise<Applied> {
  const applied = await foldIntoSession(trx, input)
  if (applied.found && !applied.mismatch) await appendEvents(trx, applied.events)
  return applied
}

/**
 * Folds news of a session into its row. The caller appends the events, last of all: their lock is the whole tenant's, and
 * is held from then on.
 */
export async function foldIntoSession(trx: Knex.Transaction, input: ApplyInput): Promise<Applied> {
  const row = await lockTracked(trx, input.sessionId)
  if (row) return await applyTracked(trx, row, input)
  const untracked = await lockUntracked(trx, input.sessionId)
  return untracked ? await applyUntracked(trx, untracked, input) : { found: false }
}

async function lockTracked(trx: Knex.Transaction, sessionId: string): Promise<TrackedRow | undefined> {
  const { rows } = await trx.raw<{ rows: TrackedRow[] }>(
    `select session_id as "sessionId", external_conversation_id as "conversationId", tenant_id as "tenantId",
       user_id as "userId", lead_id as "leadId", mode, status, facts, artefacts, transcript, announced
     from conversations_users where session_id = ? for update`,
    [sessionId],
  )
  return rows[0]
}

/** A reserved session without a conversation is not found: nothing can be told of it yet, so the news waits. */
async function lockUntracked(trx: Knex.Transaction, sessionId: string): Promise<UntrackedRow | undefined> {
  const { rows } = await trx.raw<{ rows: UntrackedRow[] }>(
    `select external_conversation_id as "conversationId", owner_user_id as "userId", status, facts
     from untracked_sessions where session_id = ? and external_conversation_id is not null for update`,
    [sessionId],
  )
  return rows[0]
}

const differs = (row: { conversationId: string }, input: ApplyInput) =>
  input.conversationId !== undefined && input.conversationId !== row.conversationId

async function applyTracked(trx: Knex.Transaction, row: TrackedRow, input: ApplyInput): Promise<Applied> {
  if (differs(row, input)) return { found: true, mismatch: true }
  await adoptTenant(trx, row.tenantId)
  const { facts, artefacts, transcript } = row
  const before: SessionState = { facts, artefacts, transcript, ending: row.status === 'ending' }
  const after = foldState(before, input)
  const { events, announced } = dueEvents({ ...row, traceId: input.traceId }, after, row.announced)
  const outcome = columnsOf(after)
  if (json(after) !== json(before) || outcome.status !== row.status || events.length > 0)
    await updateTracked(trx, row, { state: after, announced })
  return {
    ...result(row, outcome),
    events,
    tracked: true,
    tenantId: row.tenantId,
    leadId: row.leadId ?? undefined,
    hasTranscript: after.transcript !== null,
    hasRecording: outcome.recordingUrl !== null,
  }
}

async function applyUntracked(trx: Knex.Transaction, row: UntrackedRow, input: ApplyInput): Promise<Applied> {
  if (differs(row, input)) return { found: true, mismatch: true }
  const before: SessionState = { facts: row.facts, artefacts: {}, transcript: null, ending: row.status === 'ending' }
  const after = foldState(before, input)
  const outcome = columnsOf(after)
  if (json(after.facts) !== json(row.facts) || outcome.status !== row.status)
    await updateUntracked(trx, input.sessionId, after)
  const nothing = { events: [], tenantId: undefined, leadId: undefined, hasTranscript: false, hasRecording: false }
  return { ...result(row, outcome), ...nothing, tracked: false }
}

const result = (row: { userId: string | null; conversationId: string }, columns: ReturnType<typeof columnsOf>) => {
  const { recordingUrl: _, ...outcome } = columns
  return {
    found: true,
    mismatch: false,
    userId: row.userId ?? undefined,
    conversationId: row.conversationId,
    outcome,
  } as const
}

const timings = `status = :status, joined_at = :joinedAt, ended_at = :endedAt, duration_seconds = :durationSeconds,
  end_reason = :endReason, facts = cast(:facts as jsonb), updated_at = now()`

function timingsOf(state: SessionState) {
  const { status, joinedAt, endedAt, durationSeconds, endReason } = columnsOf(state)
  const instant = (time: string | undefined) => (time === undefined ? null : new Date(time))
  return {
    status,
    joinedAt: instant(joinedAt),
    endedAt: instant(endedAt),
    durationSeconds: durationSeconds ?? null,
    endReason: endReason ?? null,
    facts: json(state.facts),
  }
}

async function updateTracked(
  trx: Knex.Transaction,
  { sessionId, mode }: Pick<TrackedRow, 'sessionId' | 'mode'>,
  { state, announced }: { state: SessionState; announced: Announced },
): Promise<void> {
  await trx.raw(
    `update conversations_users set ${timings}, transcript = cast(:transcript as jsonb), recording_url = :recordingUrl,
       artefacts = cast(:artefacts as jsonb), announced = cast(:announced as jsonb),
       metadata = metadata || cast(:metadata as jsonb)
     where session_id = :sessionId`,
    {
      ...timingsOf(state),
      sessionId,
      transcript: state.transcript === null ? null : json(state.transcript),
      recordingUrl: columnsOf(state).recordingUrl,
      artefacts: json(state.artefacts),
      announced: json(announced),
      metadata: json(eventMetadata(state)),
    },
  )
  if (mode === 'mentor') await updateMentorRows(trx, sessionId)
}

const updateUntracked = (trx: Knex.Transaction, sessionId: string, state: SessionState) =>
  trx.raw(`update untracked_sessions set ${timings} where session_id = :sessionId`, { ...timingsOf(state), sessionId })
