import type { NewEvent, SessionEvent, TranscriptEntry } from '../domain/event.js'
import { foldFacts, outcomeOf, type SessionFacts, type SessionOutcome } from '../domain/session.js'
import { fuller, merge } from './values.js'

/** The part of a session's row that events fold into; every fold commutes, so order and repetition change nothing. */
export interface SessionState {
  facts: SessionFacts
  ending: boolean
  artefacts: { recordings?: string[]; metadata?: Record<string, unknown> }
  transcript: TranscriptEntry[] | null
}

export interface SessionInput {
  events?: SessionEvent[] | undefined
  facts?: SessionFacts | undefined
  /** The end is under way, whether or not its time is known. */
  ending?: boolean | undefined
}

/** Folds what is new into what is known. */
export function foldState(
  state: SessionState,
  { events = [], facts = {}, ending = false }: SessionInput,
): SessionState {
  const folded = [facts, ...events.map((event) => event.facts)].reduce(foldFacts, state.facts)
  const transcript = [state.transcript, ...events.map((event) => event.transcript)].reduce(
    (best, other) => fuller(best ?? undefined, other ?? undefined),
    undefined,
  )
  const artefacts = events.reduce(foldArtefacts, state.artefacts)
  return { facts: folded, ending: state.ending || ending, artefacts, transcript: transcript ?? null }
}

function foldArtefacts(artefacts: SessionState['artefacts'], event: SessionEvent): SessionState['artefacts'] {
  const { recordings = [], metadata = {} } = artefacts
  const urls = event.recordingUrl === undefined ? recordings : [...new Set([...recordings, event.recordingUrl])].sort()
  const merged = event.metadata ? merge(metadata, event.metadata) : metadata
  return {
    ...(urls.length > 0 && { recordings: urls }),
    ...(Object.keys(merged).length > 0 && { metadata: merged }),
  }
}

/** What the folded state says in the row's own columns. */
export function columnsOf(state: SessionState): SessionOutcome & { recordingUrl: string | null } {
  const outcome = outcomeOf(state.facts)
  const status = state.ending && outcome.status === 'active' ? 'ending' : outcome.status
  // Of several recordings any may stand in the column, as long as it is the same in every order; all are in metadata.
  return { ...outcome, status, recordingUrl: state.artefacts.recordings?.[0] ?? null }
}

/** Events' part of the metadata; it wins over what the caller put under the same keys. */
export const eventMetadata = ({ artefacts }: SessionState): Record<string, unknown> => ({
  ...artefacts.metadata,
  ...(artefacts.recordings && { recordings: artefacts.recordings }),
})

export interface AnnouncedSession {
  tenantId: string
  userId: string
  leadId: string | null
  sessionId: string
  conversationId: string
  traceId?: string | undefined
}

export type Announced = Partial<Record<'started' | 'ended' | 'transcript' | 'recording', true>>

/** The event log's entries that are due and were not written yet; no text of a conversation is in them. */
export function dueEvents(session: AnnouncedSession, state: SessionState, announced: Announced) {
  const outcome = columnsOf(state)
  const due = [
    outcome.joinedAt !== undefined && entry('started', 'session.started', { joined_at: outcome.joinedAt }),
    outcome.endedAt !== undefined && entry('ended', 'session.ended', endData(outcome)),
    state.transcript !== null && entry('transcript', 'session.transcript.ready', { entries: state.transcript.length }),
    outcome.recordingUrl !== null && entry('recording', 'session.recording.ready', {}),
  ]
  const news = due.filter((item) => item !== false).filter(({ flag }) => !announced[flag])
  const flags = Object.fromEntries(news.map(({ flag }) => [flag, true]))
  return { events: news.map((item) => eventOf(session, item)), announced: { ...announced, ...flags } as Announced }
}

type Entry = { flag: keyof Announced; event: NewEvent['event']; data: Record<string, unknown> }
const entry = (flag: Entry['flag'], event: Entry['event'], data: Entry['data']): Entry => ({ flag, event, data })

const endData = ({ status, endReason, endedAt, durationSeconds }: SessionOutcome) => ({
  status,
  end_reason: endReason ?? null,
  ended_at: endedAt,
  duration_seconds: durationSeconds ?? null,
})

const eventOf = (session: AnnouncedSession, { event, data }: Entry): NewEvent => ({
  event,
  tenantId: session.tenantId,
  userId: session.userId,
  leadId: session.leadId ?? undefined,
  sessionId: session.sessionId,
  traceId: session.traceId,
  data: { conversation_id: session.conversationId, ...data },
})
