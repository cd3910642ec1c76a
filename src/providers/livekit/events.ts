import type { CallFact } from '../../domain/call.js'
import type { CallEffect } from '../../domain/webhook.js'
import { type Fields, fieldsOf } from '../json.js'
import { egressFacts } from './egress.js'
import { participantFact, phoneDetails } from './participant.js'
import { textOf, timeFrom } from './proto-json.js'

const noTime = '1970-01-01T00:00:00.000Z'
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** An event of LiveKit, as far as it is about a call (docs.livekit.io/home/server/webhooks). */
export interface LivekitEvent {
  event: string
  id: string
  /** When it came, for an event that does not say its own time. */
  receivedAt?: string | undefined
  fields: Fields
}

/** What an event does to its call; every event is kept, and those that tell nothing of the call change nothing. */
export function livekitEffect({ event, id, receivedAt, fields }: LivekitEvent): CallEffect {
  const at = timeFrom(fields.createdAt, 'seconds') ?? receivedAt ?? noTime
  const room = roomOf(fields)
  const callId = callIdOf(fieldsOf(fields.room).metadata)
  const facts = factsOf(event, fields, { at, ...room })
  return {
    target: 'call',
    provider: 'livekit',
    externalId: room.name ?? '',
    ...(callId !== undefined && { callId }),
    facts,
    livekit: {
      eventId: id,
      event,
      roomSid: room.sid,
      roomName: room.name,
      ...(fields.room === undefined && facts.length > 0 && { roomless: true as const }),
      participantIdentity: textOf(fieldsOf(fields.participant).identity),
      createdAt: at,
    },
  }
}

/** Our own id of the call where the room's metadata has it, else the name of the room. */
export const accountOf = (fields: Fields): string | undefined =>
  callIdOf(fieldsOf(fields.room).metadata) ?? roomOf(fields).name

interface Room {
  sid: string | undefined
  name: string | undefined
}

/** Events of egress, ingress and agents have no room object of their own. */
function roomOf({ room, egressInfo, ingressInfo, job }: Fields): Room {
  const [own, egress, ingress, ofJob] = [room, egressInfo, ingressInfo, fieldsOf(job).room].map(fieldsOf)
  return {
    sid: [own?.sid, egress?.roomId, ofJob?.sid].map((value) => textOf(value)).find((sid) => sid !== undefined),
    name: [own?.name, egress?.roomName, ingress?.roomName, ofJob?.name]
      .map((value) => textOf(value))
      .find((name) => name !== undefined),
  }
}

/** The metadata of a room is a text, of which we read JSON with our own id of the call. */
function callIdOf(metadata: unknown): string | undefined {
  if (typeof metadata !== 'string') return undefined
  try {
    const { call_id: callId } = fieldsOf(JSON.parse(metadata))
    return typeof callId === 'string' && uuid.test(callId) ? callId.toLowerCase() : undefined
  } catch {
    return undefined
  }
}

function factsOf(event: string, fields: Fields, { at, sid, name }: Room & { at: string }): CallFact[] {
  switch (event) {
    case 'room_started':
    case 'room_finished':
      return roomFacts(fields.room, { sid, name, ...(event === 'room_finished' && { finishedAt: at }) })
    case 'participant_joined':
    case 'participant_left':
    case 'participant_connection_aborted': {
      const told = [
        participantFact(event, fields.participant, { at, roomSid: sid }),
        phoneDetails(fields.participant, at),
      ]
      return [...roomFacts(fields.room, { sid, name }), ...told.filter((fact) => fact !== undefined)]
    }
    case 'egress_ended':
      return egressFacts(fields.egressInfo, at)
    default:
      return []
  }
}

function roomFacts(value: unknown, { sid, name, finishedAt }: Room & { finishedAt?: string }): CallFact[] {
  if (sid === undefined) return []
  const { creationTimeMs, creationTime } = fieldsOf(value)
  const startedAt = timeFrom(creationTimeMs, 'milliseconds') ?? timeFrom(creationTime, 'seconds')
  return [
    {
      type: 'room',
      sid,
      name: name ?? sid,
      ...(startedAt !== undefined && { startedAt }),
      ...(finishedAt !== undefined && { finishedAt }),
    },
  ]
}
