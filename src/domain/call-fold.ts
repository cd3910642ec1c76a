import {
  type CallDirection,
  type CallEnd,
  type CallFact,
  type CallFacts,
  type CallOutcome,
  type CallStatus,
  callStatuses,
} from './call.js'
import { foldDetails } from './call-details.js'
import { outcomeOfRoom } from './call-rules.js'
import { type RoomView, viewRoom } from './call-room.js'
import { byText, earliest, instant, latest, timeOf } from './order.js'

/** What a call's facts say in the columns of its row. Times are RFC 3339, UTC. */
export interface CallState {
  status: CallStatus
  direction: CallDirection | undefined
  from: string | undefined
  to: string | undefined
  startedAt: string | undefined
  answeredAt: string | undefined
  endedAt: string | undefined
  durationSeconds: number | undefined
  outcome: CallOutcome | undefined
  endedReason: string | undefined
  recordingUrl: string | undefined
  metadata: Record<string, unknown>
}

/**
 * Folds everything that is known of a call. Pure, total, and a function of the set of facts: neither their order nor
 * their repetition changes the row.
 */
export function foldCall(known: CallFacts): CallState {
  const facts = Object.values(known).flat()
  const details = foldDetails(facts.filter((fact) => fact.type === 'details'))
  const room = viewRoom(facts)
  const ended = foldEnds(facts.filter((fact) => fact.type === 'end')) ?? endOfRoom(room)
  const received = facts.filter((fact) => fact.type === 'received')
  const startedAt =
    instant(details.startedAt) ??
    instant(ended?.startedAt) ??
    earliest([...received.map(({ at }) => instant(at)), ...progressTimes(facts), room?.startedAt])
  const answeredAt = room?.answeredAt ?? earliest(progressTimes(facts, 'in_progress'))
  const times = endTimes(facts, { ended, startedAt, answeredAt })
  return {
    status: ended ? 'ended' : furthestStatus(facts, room),
    direction: details.direction ?? (received.length > 0 ? 'inbound' : undefined),
    from: details.from,
    to: details.to,
    startedAt: timeOf(startedAt),
    answeredAt: timeOf(answeredAt),
    ...times,
    outcome: ended?.outcome,
    endedReason: ended?.reason,
    ...recordingOf(facts, { ...details.metadata, ...(ended?.metadata && { livekit: ended.metadata }) }),
  }
}

type Ended = Omit<CallEnd, 'type' | 'rank'> & { metadata?: Record<string, unknown> }

/** The end that counts: of the highest rank, then the latest, then by the alphabet. What it leaves open the others fill. */
function foldEnds(ends: readonly CallEnd[]): Ended | undefined {
  const text = (end: CallEnd) => `${end.outcome} ${end.reason} ${end.durationSeconds} ${end.at} ${end.startedAt}`
  const at = (end: CallEnd) => instant(end.at) ?? Number.NEGATIVE_INFINITY
  const later = (a: CallEnd, b: CallEnd) => (at(a) === at(b) ? 0 : at(b) - at(a))
  const sorted = [...ends].sort((a, b) => (b.rank ?? 0) - (a.rank ?? 0) || later(a, b) || byText(text(a), text(b)))
  const [first] = sorted
  if (!first) return undefined
  const { outcome, reason } = first
  return {
    outcome,
    reason,
    ...defined('at', sorted.find((end) => instant(end.at) !== undefined)?.at),
    ...defined('startedAt', sorted.find((end) => instant(end.startedAt) !== undefined)?.startedAt),
    ...defined('durationSeconds', sorted.find((end) => isDuration(end.durationSeconds))?.durationSeconds),
  }
}

function endOfRoom(view: RoomView | undefined): Ended | undefined {
  if (!view?.over) return undefined
  const { rule, outcome, reason } = outcomeOfRoom(view)
  const words = {
    ...defined('disconnect_reason', view.last?.reason),
    ...defined('sip_call_status', view.last?.sipCallStatus),
  }
  return {
    outcome,
    reason,
    durationSeconds: view.seconds,
    ...defined('at', timeOf(view.endedAt)),
    metadata: { outcome_rule: rule, ...words },
  }
}

const defined = <K extends string, V>(key: K, value: V | undefined) =>
  (value === undefined ? {} : { [key]: value }) as { [P in K]?: V }

/** Longer than any call; a column of integers takes no more either. */
const longest = 2_000_000_000
const isDuration = (seconds: number | undefined): seconds is number =>
  seconds !== undefined && seconds >= 0 && seconds < longest

const progressTimes = (facts: readonly CallFact[], status?: CallStatus) =>
  facts.flatMap((fact) =>
    fact.type === 'progress' && fact.status === (status ?? fact.status) ? [instant(fact.at)] : [],
  )

/** The time of the end, else what start and length say, else the latest time that is known. */
function endTimes(
  facts: readonly CallFact[],
  known: { ended: Ended | undefined; startedAt: number | undefined; answeredAt: number | undefined },
): Pick<CallState, 'endedAt' | 'durationSeconds'> {
  const { ended, startedAt, answeredAt } = known
  if (!ended) return { endedAt: undefined, durationSeconds: undefined }
  const told = ended.durationSeconds === undefined ? undefined : Math.round(ended.durationSeconds)
  const begun = answeredAt ?? startedAt
  const end =
    instant(ended.at) ??
    (begun !== undefined && told !== undefined ? begun + told * 1000 : latest([startedAt, ...progressTimes(facts)]))
  return { endedAt: timeOf(end), durationSeconds: told ?? talkSeconds(ended.outcome, answeredAt, end) }
}

/** Nobody talked in a call that was not answered; unknown where the provider told neither length nor answer. */
function talkSeconds(outcome: CallOutcome, answeredAt: number | undefined, end: number | undefined) {
  if (outcome !== 'completed') return 0
  if (answeredAt === undefined || end === undefined) return undefined
  return Math.max(0, Math.round((end - answeredAt) / 1000))
}

/** A later status is not taken back by an earlier one that comes late. */
function furthestStatus(facts: readonly CallFact[], room: RoomView | undefined): CallStatus {
  const told = facts.flatMap((fact) => (fact.type === 'progress' ? [callStatuses.indexOf(fact.status)] : []))
  if (facts.some(({ type }) => type === 'received')) told.push(callStatuses.indexOf('ringing'))
  if (room) told.push(callStatuses.indexOf(room.stays.some((stay) => stay.answered) ? 'in_progress' : 'ringing'))
  return callStatuses[Math.max(0, ...told)] ?? 'queued'
}

/** The longest recording stands in the column; all of several are in the metadata. */
function recordingOf(
  facts: readonly CallFact[],
  metadata: Record<string, unknown>,
): Pick<CallState, 'recordingUrl' | 'metadata'> {
  const lengths = new Map<string, number>()
  for (const fact of facts)
    if (fact.type === 'recording')
      lengths.set(fact.url, Math.max(lengths.get(fact.url) ?? 0, fact.durationSeconds ?? 0))
  const urls = [...lengths].sort(([a, x], [b, y]) => y - x || byText(a, b)).map(([url]) => url)
  return { recordingUrl: urls[0], metadata: urls.length > 1 ? { ...metadata, recordings: urls } : metadata }
}
