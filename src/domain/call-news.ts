import type { CallState } from './call-fold.js'
import type { NewEvent } from './event.js'
import type { Author } from './resource.js'

/** What was told of a call already, so that no order and no repeat tells it twice. */
export interface AnnouncedCall {
  received?: true
  status?: string
  outcome?: string
  completed?: true
}

/** A call as its events name it. */
export interface NamedCall {
  id: string
  tenantId: string
  userId: string | null
  leadId: string | null
  provider: string
  externalId: string
}

/**
 * The event log's entries that are due: an inbound call once, each change of status or outcome, and the end once. A
 * correction after the end is another status. Numbers and texts stay in the row.
 */
export function dueCallEvents(call: NamedCall, state: CallState, announced: AnnouncedCall) {
  const told: AnnouncedCall = { ...announced, status: state.status }
  const events: NewEvent[] = []
  const tell = (event: NewEvent['event']) => events.push(entry(call, state, event))
  if (state.direction === 'inbound' && !announced.received) {
    told.received = true
    tell('telephony.call.received')
  }
  if (state.outcome !== undefined) told.outcome = state.outcome
  else delete told.outcome
  if (told.status !== announced.status || told.outcome !== announced.outcome) tell('telephony.call.status')
  if (state.status === 'ended' && !announced.completed) {
    told.completed = true
    tell('telephony.call.completed')
  }
  return { events, announced: told }
}

const entry = (call: NamedCall, state: CallState, event: NewEvent['event']): NewEvent => ({
  event,
  tenantId: call.tenantId,
  userId: call.userId ?? undefined,
  leadId: call.leadId ?? undefined,
  data: {
    call_id: call.id,
    provider: call.provider,
    external_id: call.externalId,
    direction: state.direction ?? null,
    status: state.status,
    outcome: state.outcome ?? null,
    ended_reason: state.endedReason ?? null,
    duration_seconds: state.durationSeconds ?? null,
    ended_at: state.endedAt ?? null,
  },
})

/** What of a call's row the company's own entries tell. */
interface ToldCall extends Omit<NamedCall, 'tenantId'> {
  direction: string | null
  status: string
  outcome: string | null
}

/** The entry for a call that somebody of the company made known or changed; `changes` names fields as the API does. */
export const toldOfCall = (
  { tenantId, userId: by, traceId }: Author,
  event: 'telephony.call.created' | 'telephony.call.updated',
  call: ToldCall,
  changes?: readonly string[],
): NewEvent => ({
  event,
  tenantId,
  traceId,
  userId: call.userId ?? undefined,
  leadId: call.leadId ?? undefined,
  data: {
    call_id: call.id,
    provider: call.provider,
    external_id: call.externalId,
    direction: call.direction,
    status: call.status,
    outcome: call.outcome,
    by,
    ...(changes && { changes }),
  },
})
