import type { CallFact, ParticipantFact, RoomFact } from './call.js'
import { byText, earliest, instant, latest } from './order.js'

/** One stay of a person in a LiveKit room, folded from what its events said. Times are epoch milliseconds. */
export interface Stay {
  sid: string
  identity: string
  sip: boolean
  /** The media connected; of a phone: the callee answered. */
  answered: boolean
  aborted: boolean
  joinedAt: number | undefined
  /** When it was over, as near as can be known; undefined while the person is there. */
  endedAt: number | undefined
  over: boolean
  /** DisconnectReason of the end; undefined when only the room's end tells of it. */
  reason: string | undefined
  sipCallStatus: string | undefined
}

/** What is known of a LiveKit call. */
export interface RoomView {
  /** Who the call is held with: the phones, where there are any, else every human. */
  stays: Stay[]
  /** The stay whose end says how the call came out: the last one that was answered, else the last one. */
  last: Stay | undefined
  over: boolean
  startedAt: number | undefined
  /** Of the first to the last answered stay. */
  answeredAt: number | undefined
  endedAt: number | undefined
  /** From the first human's coming to the last human's leaving. */
  seconds: number
}

/** Of these kinds the server, an agent or a recorder is; they are not the human (livekit_models.proto, ParticipantInfo.Kind). */
const machines: ReadonlySet<ParticipantFact['kind']> = new Set(['agent', 'egress', 'ingress'])
/** The person is still there, under another stay (livekit_models.proto, DisconnectReason). */
const continuing: ReadonlySet<string> = new Set(['DUPLICATE_IDENTITY', 'MIGRATION'])
/** The callee was never reached, whatever else is said. */
const unreached: ReadonlySet<string | undefined> = new Set(['USER_UNAVAILABLE', 'USER_REJECTED'])
const sipStatuses = ['dialing', 'ringing', 'automation', 'active', 'hangup']
/** A client that vanished is noticed so much later (measured with livekit-server 1.13.5: 20 to 22 s). Milliseconds. */
const timeoutLagMs = 20_000

/** Folds what LiveKit said of a call; undefined when it said nothing. */
export function viewRoom(facts: readonly CallFact[]): RoomView | undefined {
  const rooms = facts.filter((fact) => fact.type === 'room')
  const participants = facts.filter((fact) => fact.type === 'participant')
  if (rooms.length + participants.length === 0) return undefined
  const ends = roomEnds(rooms)
  const humans = staysOf(
    participants.filter(({ kind }) => !machines.has(kind)),
    ends,
  )
  const phones = humans.filter(({ sip }) => sip)
  const stays = phones.length > 0 ? phones : humans
  const answered = stays.filter((stay) => stay.answered)
  const telling = answered.length > 0 ? answered : stays
  const over = stays.every((stay) => stay.over) && (stays.length > 0 || allEnded(ends))
  const answeredAt = earliest(answered.map(({ joinedAt }) => joinedAt))
  const endedAt = over ? (latest(telling.map((stay) => stay.endedAt)) ?? latest([...ends.values()])) : undefined
  return {
    stays,
    last: over ? lastOf(telling) : undefined,
    over,
    startedAt: earliest([...rooms.map((room) => instant(room.startedAt)), ...stays.map(({ joinedAt }) => joinedAt)]),
    answeredAt,
    endedAt,
    seconds:
      answeredAt === undefined || endedAt === undefined ? 0 : Math.max(0, Math.round((endedAt - answeredAt) / 1000)),
  }
}

/** When each room was over; undefined while it is open. */
function roomEnds(rooms: readonly RoomFact[]): Map<string, number | undefined> {
  const ends = new Map<string, number | undefined>()
  for (const { sid, finishedAt } of rooms) ends.set(sid, earliest([ends.get(sid), instant(finishedAt)]))
  return ends
}

const allEnded = (ends: ReadonlyMap<string, number | undefined>) =>
  ends.size > 0 && [...ends.values()].every((end) => end !== undefined)

/** A stay of an unknown room is over when every room is. */
const endOfRoom = (roomSid: string | undefined, ends: ReadonlyMap<string, number | undefined>) =>
  roomSid !== undefined && ends.has(roomSid)
    ? ends.get(roomSid)
    : allEnded(ends)
      ? latest([...ends.values()])
      : undefined

function staysOf(facts: readonly ParticipantFact[], ends: ReadonlyMap<string, number | undefined>): Stay[] {
  const bySid = new Map<string, ParticipantFact[]>()
  for (const fact of facts) bySid.set(fact.sid, [...(bySid.get(fact.sid) ?? []), fact])
  const known = [...bySid].sort(([a], [b]) => byText(a, b)).map(([sid, told]) => gather(sid, told))
  return known.map((one) => stayOf(one, endOfRoom(one.roomSid, ends), successorOf(one, known)))
}

interface Gathered {
  sid: string
  roomSid: string | undefined
  identity: string
  sip: boolean
  aborted: boolean
  joinedAt: number | undefined
  /** It was left for good. */
  left: { at: number; reason: string } | undefined
  /** The person went on in another stay. */
  continuedAt: number | undefined
  sipCallStatus: string | undefined
}

function gather(sid: string, told: readonly ParticipantFact[]): Gathered {
  const departures = told.flatMap(({ leftAt, disconnectReason: reason = 'UNKNOWN_REASON' }) => {
    const at = instant(leftAt)
    return at === undefined ? [] : [{ at, reason }]
  })
  const [left] = departures
    .filter(({ reason }) => !continuing.has(reason))
    .sort((a, b) => a.at - b.at || byText(a.reason, b.reason))
  return {
    sid,
    left,
    roomSid: told.flatMap(({ roomSid }) => roomSid ?? []).sort(byText)[0],
    identity: told.map(({ identity }) => identity).sort(byText)[0] ?? '',
    sip: told.some(({ kind }) => kind === 'sip'),
    aborted: told.some(({ aborted }) => aborted === true),
    joinedAt: earliest(told.map(({ joinedAt }) => instant(joinedAt))),
    continuedAt: latest(departures.filter(({ reason }) => continuing.has(reason)).map(({ at }) => at)),
    sipCallStatus: furthest(told.flatMap(({ sipCallStatus }) => sipCallStatus ?? [])),
  }
}

/** The status only goes forward (protocol livekit/attrs.go); an unknown word says less than any known one. */
const furthest = (words: readonly string[]) =>
  [...words].sort((a, b) => sipStatuses.indexOf(b) - sipStatuses.indexOf(a) || byText(a, b))[0]

/** The stay in which the same person went on. */
const successorOf = (one: Gathered, all: readonly Gathered[]) =>
  one.continuedAt === undefined
    ? undefined
    : all.find(
        ({ sid, identity, joinedAt }) =>
          sid !== one.sid && identity === one.identity && (joinedAt ?? Number.POSITIVE_INFINITY) >= (one.joinedAt ?? 0),
      )

function stayOf(one: Gathered, roomEndedAt: number | undefined, successor: Gathered | undefined): Stay {
  const { sid, identity, sip, sipCallStatus, joinedAt, left, aborted } = one
  const reason = left?.reason
  const connected = !aborted && (joinedAt !== undefined || left !== undefined)
  const reached = !(sip && (sipCallStatus === 'dialing' || sipCallStatus === 'ringing'))
  const end = endOfStay(one, roomEndedAt, successor)
  return {
    sid,
    identity,
    sip,
    sipCallStatus,
    joinedAt,
    reason,
    aborted,
    answered: connected && reached && !unreached.has(reason),
    over: end !== undefined,
    endedAt: end === undefined ? undefined : Math.max(end, joinedAt ?? end),
  }
}

function endOfStay({ left, continuedAt }: Gathered, roomEndedAt: number | undefined, successor: Gathered | undefined) {
  if (left) return left.reason === 'CONNECTION_TIMEOUT' ? left.at - timeoutLagMs : left.at
  if (successor) return continuedAt
  // A room is closed some seconds after the last one left: it only tells of an end that nothing else tells of.
  return roomEndedAt === undefined ? undefined : (continuedAt ?? roomEndedAt)
}

const lastOf = (stays: readonly Stay[]) =>
  [...stays].sort(
    (a, b) =>
      (b.endedAt ?? 0) - (a.endedAt ?? 0) ||
      Number(a.reason === undefined) - Number(b.reason === undefined) ||
      byText(a.sid, b.sid),
  )[0]
