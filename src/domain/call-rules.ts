import type { CallOutcome } from './call.js'
import type { RoomView, Stay } from './call-room.js'

/** A rule of the outcome of a LiveKit call; `says` is what the documents show. */
export interface OutcomeRule {
  name: string
  outcome: CallOutcome
  says: string
  /** The ended reason, where it is not the disconnect reason of the deciding stay. */
  reason?: string
  matches(view: RoomView): boolean
}

/** A connection that was lost sooner than this after the first human came was no conversation. */
export const shortestTalkSeconds = 5

const faults: ReadonlySet<string | undefined> = new Set([
  'SERVER_SHUTDOWN',
  'MEDIA_FAILURE',
  'JOIN_FAILURE',
  'AGENT_ERROR',
  'SIP_TRUNK_FAILURE',
])
const losses: ReadonlySet<string | undefined> = new Set(['CONNECTION_TIMEOUT', 'SIGNAL_CLOSE', 'STATE_MISMATCH'])
const plain: ReadonlySet<string | undefined> = new Set(['CLIENT_INITIATED', 'UNKNOWN_REASON'])

/** A phone that is gone while its call still says "active" was cut off: a hang-up would say so. */
const isLost = ({ sip, sipCallStatus, reason }: Stay) =>
  losses.has(reason) || (sip && sipCallStatus === 'active' && plain.has(reason))

const answered = ({ last }: RoomView) => last?.answered === true
const lost = (view: RoomView) => answered(view) && view.last !== undefined && isLost(view.last)

/** The rules of the outcome of a LiveKit call that is over; the first that matches decides. */
export const outcomeRules: readonly OutcomeRule[] = [
  {
    name: 'fault',
    outcome: 'failed',
    says: 'Somebody was there, and a fault of the server, the media, the trunk or the agent ended the last stay.',
    matches: (view) => answered(view) && faults.has(view.last?.reason),
  },
  {
    name: 'lost_at_once',
    outcome: 'failed',
    says: `Somebody was there, and the connection was lost within ${shortestTalkSeconds} seconds: the client vanished, or a phone was cut off while its call was active.`,
    matches: (view) => lost(view) && view.seconds < shortestTalkSeconds,
  },
  {
    name: 'lost',
    outcome: 'completed',
    says: 'Somebody was there for longer, and the connection was lost then: a conversation took place.',
    matches: lost,
  },
  {
    name: 'talked',
    outcome: 'completed',
    says: 'Somebody was there and left, was removed, or was there when the room was closed.',
    matches: answered,
  },
  {
    name: 'rejected',
    outcome: 'busy',
    says: 'The callee was busy or rejected the call; LiveKit’s webhook has one word for both and no SIP code.',
    matches: ({ last }) => last?.reason === 'USER_REJECTED',
  },
  {
    name: 'unavailable',
    outcome: 'no_answer',
    says: 'The callee did not answer.',
    matches: ({ last }) => last?.reason === 'USER_UNAVAILABLE',
  },
  {
    name: 'not_reached',
    outcome: 'failed',
    says: 'A phone was gone while it was still being dialled or rang, for any other reason.',
    matches: ({ last }) => last?.sip === true,
  },
  {
    name: 'not_connected',
    outcome: 'failed',
    says: 'A client came and was gone before its media ever connected.',
    matches: ({ last }) => last?.aborted === true,
  },
  {
    name: 'nobody_came',
    outcome: 'no_answer',
    reason: 'nobody_joined',
    says: 'The room was closed and no human had ever joined it; agents, egress and ingress are not human.',
    matches: ({ stays }) => stays.length === 0,
  },
  { name: 'unknown', outcome: 'failed', says: 'Anything else that is over.', matches: () => true },
]

/** What became of a room that is over: the rule, its outcome, and the ended reason. */
export function outcomeOfRoom(view: RoomView): { rule: string; outcome: CallOutcome; reason: string } {
  const rule = outcomeRules.find(({ matches }) => matches(view))
  const reason = rule?.reason ?? view.last?.reason?.toLowerCase() ?? 'room_finished'
  return { rule: rule?.name ?? 'unknown', outcome: rule?.outcome ?? 'failed', reason }
}

/** Every ended reason of a LiveKit call, with what it means (livekit_models.proto, DisconnectReason). */
export const livekitEndedReasons: Readonly<Record<string, string>> = {
  client_initiated: 'The human left or hung up; a phone that was never answered has it too, after a network fault.',
  participant_removed: 'The backend removed the participant.',
  room_deleted: 'The backend deleted the room.',
  room_closed: 'The server closed the room after everybody had left.',
  room_finished: 'The room was closed, and nothing tells how the last human left.',
  nobody_joined: 'The room was closed and nobody had come.',
  user_unavailable: 'The callee did not answer.',
  user_rejected: 'The callee was busy or rejected the call.',
  sip_trunk_failure: 'The telephone trunk failed.',
  connection_timeout: 'The client vanished without a goodbye.',
  signal_close: 'The client’s signalling connection closed unexpectedly.',
  state_mismatch: 'The client tried to resume a session that the server did not know.',
  join_failure: 'The client never connected fully.',
  media_failure: 'The media failed.',
  server_shutdown: 'The server was shut down.',
  agent_error: 'The agent failed.',
  unknown_reason: 'The server gave no reason, or one that is newer than this list.',
}
