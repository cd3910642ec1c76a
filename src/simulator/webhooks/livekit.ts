import { z } from 'zod'
import { type Expected, type OutgoingWebhook, type Script, type ScriptContext, spread } from './event.js'
import { hexId, plainId } from './ids.js'
import { protoJson } from './proto-json.js'

/** POST /__sim/webhooks/livekit: the life of a room that is a call. */
export const livekitSchema = z.strictObject({
  room: z.string().min(1).max(200).optional(),
  /** Parley's id of the call; it goes into the room's metadata. */
  call_id: z.string().min(1).max(200).optional(),
  participant: z.enum(['sip', 'web']).default('sip'),
  result: z.enum(['completed', 'no_answer', 'busy', 'failed', 'dropped', 'removed']).default('completed'),
  duration_seconds: z.int().min(0).max(86_400).default(61),
  recording: z.boolean().default(true),
  from: z.string().default('+15005550006'),
  to: z.string().default('+15005550010'),
  span_ms: z.number().min(0).max(600_000).default(2000),
})
type Input = z.output<typeof livekitSchema>
type Result = Input['result']

/** What participant_left carries, as the SIP bridge and a browser cause it (github.com/livekit/sip). */
const endings: Record<Result, { reason: string; sipStatus: string; outcome: string[] }> = {
  completed: { reason: 'CLIENT_INITIATED', sipStatus: 'hangup', outcome: ['completed'] },
  no_answer: { reason: 'USER_UNAVAILABLE', sipStatus: 'ringing', outcome: ['no_answer'] },
  // Busy, declined and refused credentials share one reason: the SIP code is in no webhook.
  busy: { reason: 'USER_REJECTED', sipStatus: 'ringing', outcome: ['busy', 'no_answer', 'failed'] },
  failed: { reason: 'CLIENT_INITIATED', sipStatus: 'dialing', outcome: ['failed'] },
  // The talk took place and broke off.
  dropped: { reason: 'CONNECTION_TIMEOUT', sipStatus: 'active', outcome: ['completed', 'failed'] },
  removed: { reason: 'PARTICIPANT_REMOVED', sipStatus: 'hangup', outcome: ['completed'] },
}

const talked = (result: Result) => ['completed', 'dropped', 'removed'].includes(result)
const codecs = ['audio/opus', 'audio/red', 'video/VP8', 'video/H264'].map((mime) => ({ mime }))
const seconds = (ms: number) => String(Math.floor(ms / 1000))
const nanoseconds = (ms: number) => `${Math.round(ms)}000000`

interface Room {
  full: Record<string, unknown>
  short: { sid: string; name: string }
}

/** A room's webhooks in LiveKit's proto-JSON, and the room and its people as the API knows them. */
export function livekitScript(input: Input, { now }: ScriptContext): Script {
  const name = input.room ?? plainId('call-', 10)
  const endedAt = now + input.span_ms
  const durationMs = talked(input.result) ? input.duration_seconds * 1000 : 0
  const joinedAt = Math.floor((endedAt - durationMs) / 1000) * 1000
  const room = newRoom(name, joinedAt - 2000, input.call_id)
  const person = newParticipant(input, joinedAt)
  const left = { ...person, state: 'DISCONNECTED', disconnectReason: endings[input.result].reason, ...leftWith(input) }
  const leftAt = joinedAt + durationMs
  const webhooks = input.participant === 'web' && input.result === 'no_answer' ? [] : stay()
  const recorded = input.recording && talked(input.result)
  const steps = spread(input.span_ms, [
    event('room_started', joinedAt - 2000, { room: room.full }),
    ...webhooks,
    ...(recorded ? [egressEnded(room, joinedAt, leftAt)] : []),
    event('room_finished', leftAt + 20_000, { room: room.full }),
  ])
  const times = { joined: input.span_ms / 4, left: (input.span_ms * 3) / 4, finished: input.span_ms }
  return { steps, subjects: [subject()] }

  function stay(): OutgoingWebhook[] {
    if (input.participant === 'web' && input.result === 'failed')
      return [event('participant_connection_aborted', leftAt, { room: room.full, participant: left })]
    const { sid, identity } = person
    const track = { sid: plainId('TR_', 12), source: 'MICROPHONE', mimeType: 'audio/opus' }
    const parts = { room: room.short, participant: { sid, identity }, track }
    return [
      event('participant_joined', joinedAt, { room: room.full, participant: person }),
      ...(talked(input.result) ? [event('track_published', joinedAt, parts)] : []),
      event('participant_left', leftAt, { room: room.full, participant: left }),
    ]
  }

  function subject() {
    const expected: Expected = {
      outcome: input.participant === 'web' ? webOutcome(input.result) : endings[input.result].outcome,
      ...(input.result === 'completed' ? { durationSeconds: input.duration_seconds } : {}),
      recording: recorded,
      decidedBy: webhooks.length > 0 ? (webhooks.at(-1)?.kind ?? '') : 'room_finished',
    }
    const timeline = [
      { afterMs: 0, state: { room: room.full, participants: [] } },
      ...(webhooks.length > 1 ? [{ afterMs: times.joined, state: { participants: [person] } }] : []),
      { afterMs: times.left, state: { participants: [] } },
      { afterMs: times.finished, state: { finished: true } },
    ]
    return { externalId: name, ...(input.call_id === undefined ? {} : { callId: input.call_id }), expected, timeline }
  }

  function event(kind: string, at: number, parts: Record<string, unknown>): OutgoingWebhook {
    return livekitWebhook(kind, { at, resource: name, parts })
  }
}

const webOutcome = (result: Result) =>
  result === 'busy' ? ['busy', 'no_answer', 'failed', 'completed'] : endings[result].outcome

/** One event in an envelope: `at` in epoch milliseconds, told in whole seconds. */
export function livekitWebhook(
  kind: string,
  { at, resource, parts }: { at: number; resource: string; parts: Record<string, unknown> },
): OutgoingWebhook {
  const id = plainId('EV_', 12)
  return {
    kind,
    externalId: id,
    eventId: id,
    path: '/webhooks/livekit',
    // Most JSON parsers ignore this type.
    contentType: 'application/webhook+json',
    headers: { 'user-agent': 'Go-http-client/1.1' },
    resource,
    body: protoJson({ event: kind, ...parts, id, createdAt: seconds(at) }),
  }
}

function newRoom(name: string, createdAt: number, callId: string | undefined): Room {
  const short = { sid: plainId('RM_', 12), name }
  const times = { creationTime: seconds(createdAt), creationTimeMs: String(createdAt) }
  const full = {
    ...short,
    emptyTimeout: 300,
    departureTimeout: 20,
    ...times,
    turnPassword: plainId('', 43),
    enabledCodecs: codecs,
    ...(callId === undefined ? {} : { metadata: JSON.stringify({ call_id: callId }) }),
  }
  return { full, short }
}

function newParticipant({ participant, from, to }: Input, joinedAt: number) {
  const sip = participant === 'sip'
  const identity = sip ? `sip_${to}` : plainId('caller-', 6)
  return {
    sid: plainId('PA_', 12),
    identity,
    state: 'ACTIVE',
    joinedAt: seconds(joinedAt),
    joinedAtMs: String(joinedAt),
    name: sip ? `Phone ${to}` : identity,
    version: 5,
    permission: { canSubscribe: true, canPublish: true, canPublishData: true },
    isPublisher: true,
    ...(sip ? { kind: 'SIP', attributes: sipAttributes(from, to, 'dialing') } : {}),
  }
}

const sipAttributes = (from: string, to: string, status: string) => ({
  'sip.callID': plainId('SCL_', 12),
  'sip.trunkID': 'ST_simulated0001',
  'sip.trunkPhoneNumber': from,
  'sip.phoneNumber': to,
  'sip.hostname': 'sip.example.com',
  'sip.callStatus': status,
})

const leftWith = ({ participant, result, from, to }: Input) =>
  participant === 'sip' ? { attributes: sipAttributes(from, to, endings[result].sipStatus) } : {}

function egressEnded({ short }: Room, startedAt: number, endedAt: number): OutgoingWebhook {
  const egressId = plainId('EG_', 12)
  const filename = `rec/${short.name}.mp4`
  const times = { startedAt: nanoseconds(startedAt), endedAt: nanoseconds(endedAt) }
  const file = { filename, ...times, duration: nanoseconds(endedAt - startedAt), size: String(hexSize()) }
  const egressInfo = {
    egressId,
    roomId: short.sid,
    roomName: short.name,
    status: 'EGRESS_COMPLETE',
    ...times,
    updatedAt: times.endedAt,
    fileResults: [{ ...file, location: `https://bucket.s3.amazonaws.com/${filename}` }],
  }
  // No room: an egress is a resource of its own, and its events overtake those of the room.
  return livekitWebhook('egress_ended', { at: endedAt, resource: egressId, parts: { egressInfo } })
}

const hexSize = () => parseInt(hexId('', 6), 16) + 1000
