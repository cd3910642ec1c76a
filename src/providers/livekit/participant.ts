import type { CallDetails, ParticipantFact } from '../../domain/call.js'
import { type Fields, fieldsOf } from '../json.js'
import { textOf, timeFrom } from './proto-json.js'

const kinds: Readonly<Record<string, ParticipantFact['kind']>> = {
  STANDARD: 'standard',
  INGRESS: 'ingress',
  EGRESS: 'egress',
  SIP: 'sip',
  AGENT: 'agent',
  CONNECTOR: 'connector',
  BRIDGE: 'bridge',
}

/** Enums are names, and the first one is left out (proto3 JSON). An agent may also join as any client, and says so. */
function kindOf({ kind = 'STANDARD', permission }: Fields): ParticipantFact['kind'] {
  if (fieldsOf(permission).agent === true) return 'agent'
  return typeof kind === 'string' && Object.hasOwn(kinds, kind) ? (kinds[kind] ?? 'unknown') : 'unknown'
}

/** What participant_joined, participant_left and participant_connection_aborted say; nothing without its id. */
export function participantFact(
  event: string,
  value: unknown,
  { at, roomSid }: { at: string; roomSid: string | undefined },
): ParticipantFact | undefined {
  const participant = fieldsOf(value)
  const [sid, identity] = [textOf(participant.sid), textOf(participant.identity)]
  if (sid === undefined) return undefined
  const aborted = event === 'participant_connection_aborted'
  const sipCallStatus = textOf(fieldsOf(participant.attributes)['sip.callStatus'], 40)
  return {
    type: 'participant',
    sid,
    identity: identity ?? sid,
    kind: kindOf(participant),
    ...(roomSid !== undefined && { roomSid }),
    ...(!aborted && joined(event, participant, at)),
    ...(event !== 'participant_joined' && { leftAt: at, disconnectReason: reasonOf(participant.disconnectReason) }),
    ...(aborted && { aborted }),
    ...(sipCallStatus !== undefined && { sipCallStatus }),
  }
}

/** joinedAt is in seconds; newer servers say the milliseconds beside it. */
function joined(event: string, { joinedAtMs, joinedAt }: Fields, at: string): { joinedAt?: string } {
  const told = timeFrom(joinedAtMs, 'milliseconds') ?? timeFrom(joinedAt, 'seconds')
  if (told !== undefined) return { joinedAt: told }
  return event === 'participant_joined' ? { joinedAt: at } : {}
}

const reasonOf = (value: unknown) => textOf(value, 60)?.toUpperCase() ?? 'UNKNOWN_REASON'

/**
 * Who called whom, from the attributes of a phone (protocol livekit/attrs.go). A dispatch rule takes calls that come in;
 * a phone that is dialled goes out; otherwise the direction is not told.
 */
export function phoneDetails(value: unknown, at: string): CallDetails | undefined {
  const attributes = fieldsOf(fieldsOf(value).attributes)
  const callId = textOf(attributes['sip.callID'])
  if (callId === undefined) return undefined
  const [theirs, ours] = [textOf(attributes['sip.phoneNumber'], 100), textOf(attributes['sip.trunkPhoneNumber'], 100)]
  const twilio = textOf(attributes['sip.twilio.callSid'])
  const inbound = textOf(attributes['sip.ruleID']) !== undefined
  const outbound = attributes['sip.callStatus'] === 'dialing'
  const [from, to] = inbound ? [theirs, ours] : outbound ? [ours, theirs] : []
  return {
    type: 'details',
    at,
    ...((inbound || outbound) && { direction: inbound ? 'inbound' : 'outbound' }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    metadata: { sip: { call_id: callId, ...(twilio !== undefined && { twilio_call_sid: twilio }) } },
  }
}
