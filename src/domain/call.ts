/** Where a call's events come from. */
export type CallProvider = 'livekit' | 'twilio' | 'callrail' | 'bland'
export type CallDirection = 'inbound' | 'outbound'
/** Providers of calls, and `manual` for a call that a person noted and no provider tells of. */
export const callProviders = ['livekit', 'twilio', 'callrail', 'bland', 'manual'] as const
/** Where a call stands; how it came out is its outcome. */
export const callStatuses = ['queued', 'ringing', 'in_progress', 'ended'] as const
export type CallStatus = (typeof callStatuses)[number]
export const callOutcomes = ['completed', 'no_answer', 'busy', 'failed'] as const
/** How a call came out; null on the row while it is not over. */
export type CallOutcome = (typeof callOutcomes)[number]

/**
 * What one event says of a call, in one vocabulary for every provider. A call's row keeps the facts of each event under
 * the event's delivery key and is folded from all of them: so order and repetition change nothing.
 */
export type CallFact =
  | CallDetails
  | { type: 'received'; at: string }
  /** Not over yet. `order` is the provider's own number, where it gives one. */
  | { type: 'progress'; status: 'queued' | 'ringing' | 'in_progress'; at?: string; order?: number }
  | CallEnd
  | { type: 'recording'; url: string; durationSeconds?: number }
  | RoomFact
  | ParticipantFact

/** What is known of a call: the facts of each event under the event's delivery key. */
export type CallFacts = Readonly<Record<string, readonly CallFact[]>>

/** Fields of the row that an event carries; of two events the later `at`, then the longer list, wins field by field. */
export interface CallDetails {
  type: 'details'
  at?: string
  direction?: CallDirection
  from?: string
  to?: string
  startedAt?: string
  /** The provider's words, kept beside the outcome under the row's metadata. */
  metadata?: Record<string, unknown>
}

/** The provider says that the call is over, or what it came to. */
export interface CallEnd {
  type: 'end'
  outcome: CallOutcome
  /** The provider's own word for it, normalised to lower case with underscores. */
  reason: string
  /** The end itself. */
  at?: string
  startedAt?: string
  durationSeconds?: number
  /** Of two ends the higher rank wins: a correction that follows, the answer of the dialled party. 0 unless said. */
  rank?: number
}

/** A LiveKit room opened or closed. */
export interface RoomFact {
  type: 'room'
  sid: string
  name: string
  startedAt?: string
  finishedAt?: string
}

/** A LiveKit participant came, left, or never got so far. */
export interface ParticipantFact {
  type: 'participant'
  sid: string
  /** The room that the participant was in. */
  roomSid?: string
  identity: string
  kind: 'standard' | 'ingress' | 'egress' | 'sip' | 'agent' | 'connector' | 'bridge' | 'unknown'
  joinedAt?: string
  leftAt?: string
  /** Left before the media ever connected. */
  aborted?: boolean
  /** DisconnectReason, as the wire spells it. */
  disconnectReason?: string
  /** The attribute sip.callStatus. */
  sipCallStatus?: string
}
