import type { Caller } from './identity.js'
import { byText } from './order.js'

export type SessionProvider = 'tavus' | 'elevenlabs'
export const sessionModes = ['plain', 'mentor'] as const
/** `mentor`: the provider is told what is known of the user. */
export type SessionMode = (typeof sessionModes)[number]

/** `conversation_type_id` of each provider, as installations already query it. */
export const conversationTypes = { tavus: 1, elevenlabs: 2 } as const

/**
 * Whether a provider ends a conversation when it is asked to. ElevenLabs has no such call (elevenlabs-js knows none): a talk
 * with its agents is ended by who holds the socket, by the agent, or by the agent's own maximum.
 */
export const endsOnRequest: Readonly<Record<SessionProvider, boolean>> = { tavus: true, elevenlabs: false }

export type SessionStatus = 'active' | 'ending' | 'completed' | 'failed'
export type EndReason = 'user' | 'provider' | 'max_duration' | 'participant_left' | 'reconcile' | 'error'
/** Why Parley itself asked the provider to end a conversation. */
export type EndRequester = 'user' | 'max_duration' | 'abandoned' | 'reconcile' | 'error'

/** A provider's shutdown reason in one vocabulary; the raw text is kept beside it. */
export type ShutdownReason =
  | 'max_call_duration'
  | 'participant_left_timeout'
  | 'participant_absent_timeout'
  | 'end_conversation_endpoint_hit'
  | 'room_deleted'
  | 'could_not_join'
  | 'startup_exception'
  | 'internal_error'
  | 'other'

/** Whoever started a session; absent for an anonymous one. */
export interface SessionOwner {
  userId: string
  email?: string | undefined
  tenantId?: string | undefined
}

/** What is known of one conversation's course. Every field is folded, so that facts may come in any order, and twice. */
export interface SessionFacts {
  /** The provider's creation time. */
  createdAt?: string
  /** The avatar was in the room. */
  joinedAt?: string
  /** The provider's own time of the end. */
  shutdownAt?: string
  shutdownReason?: ShutdownReason
  /** Parley asked for the end. */
  endRequestedAt?: string
  endRequestedBy?: EndRequester
  /** The provider accepted the end, or said that it was over, without naming the time. */
  endedAt?: string
  /** The end was found by asking, not told. */
  foundByReconcile?: boolean
  /** Nobody began it before its address expired; what the provider tells of a beginning all the same counts for more. */
  neverBegan?: boolean
}

const byTime = (a: string, b: string) => Date.parse(a) - Date.parse(b) || byText(a, b)

const [earliest, latest] = [Date.UTC(2000, 0), Date.UTC(2200, 0)]

/** A time that nobody can read or believe is no time: one odd event must not keep the row from being written. */
const isTime = (time: string | undefined): time is string => {
  const at = time === undefined ? Number.NaN : Date.parse(time)
  return at >= earliest && at < latest
}

/** Joins two sets of facts; commutative, associative and idempotent, so order and repetition change nothing. */
export function foldFacts(a: SessionFacts, b: SessionFacts): SessionFacts {
  const folded: SessionFacts = { ...firstRequest(a, b) }
  for (const field of ['createdAt', 'joinedAt', 'shutdownAt', 'endedAt'] as const) {
    const [value] = [a[field], b[field]].filter(isTime).sort(byTime)
    if (value !== undefined) folded[field] = value
  }
  const reason = firstReason(a, b)
  if (reason) folded.shutdownReason = reason
  if (a.foundByReconcile || b.foundByReconcile) folded.foundByReconcile = true
  if (a.neverBegan || b.neverBegan) folded.neverBegan = true
  return folded
}

/** Of two reasons the more telling one; `other` says least. Ties are settled by the alphabet, which is arbitrary but total. */
function firstReason(a: SessionFacts, b: SessionFacts): ShutdownReason | undefined {
  const known = [a.shutdownReason, b.shutdownReason].filter((reason) => reason !== undefined)
  return known.sort((x, y) => Number(x === 'other') - Number(y === 'other') || byText(x, y))[0]
}

/** Time and requester stay a pair: taken apart, three requests would fold into another answer by their grouping. */
function firstRequest(a: SessionFacts, b: SessionFacts): Pick<SessionFacts, 'endRequestedAt' | 'endRequestedBy'> {
  const known = [a, b].flatMap(({ endRequestedAt: at, endRequestedBy: by }) => (isTime(at) ? [{ at, by }] : []))
  // A request of nobody sorts behind the same one of somebody.
  const [first] = known.sort((x, y) => byTime(x.at, y.at) || byText(x.by ?? '~', y.by ?? '~'))
  if (!first) return {}
  return { endRequestedAt: first.at, ...(first.by !== undefined && { endRequestedBy: first.by }) }
}

export interface SessionOutcome {
  status: SessionStatus
  joinedAt: string | undefined
  endedAt: string | undefined
  durationSeconds: number | undefined
  endReason: EndReason | undefined
  /** The provider's own word for it, which says more: that nobody joined, for one. */
  shutdownReason: ShutdownReason | undefined
}

const failures: ReadonlySet<ShutdownReason | undefined> = new Set([
  'could_not_join',
  'startup_exception',
  'internal_error',
])

/** What the facts known so far say of the session's row. */
export function outcomeOf(facts: SessionFacts): SessionOutcome {
  if (hasNeverBegun(facts)) return outcomeOfNothing(facts)
  const endedAt = facts.shutdownAt ?? facts.endedAt
  // An end that was asked for counts from the asking until the provider tells better: the row never waits for it.
  const end = endedAt ?? facts.endRequestedAt
  const failed = failures.has(facts.shutdownReason) || (!facts.shutdownReason && facts.endRequestedBy === 'error')
  return {
    status: end === undefined ? 'active' : failed ? 'failed' : 'completed',
    joinedAt: facts.joinedAt,
    endedAt: end,
    durationSeconds: durationSeconds(facts.joinedAt ?? facts.createdAt, end),
    endReason: end === undefined ? undefined : endReason(facts),
    shutdownReason: facts.shutdownReason,
  }
}

const hasNeverBegun = ({ neverBegan, joinedAt, shutdownAt }: SessionFacts) =>
  neverBegan === true && joinedAt === undefined && shutdownAt === undefined

/** Over without a beginning: it lasted no time, and whoever was first to give it up says when. */
function outcomeOfNothing(facts: SessionFacts): SessionOutcome {
  const [givenUpAt] = [facts.endRequestedAt, facts.endedAt].filter(isTime).sort(byTime)
  const endedAt = givenUpAt ?? facts.createdAt
  const over = endedAt !== undefined
  return {
    status: over ? 'completed' : 'active',
    joinedAt: undefined,
    endedAt,
    durationSeconds: over ? 0 : undefined,
    endReason: over ? (requestedReason(facts) ?? 'participant_left') : undefined,
    shutdownReason: 'participant_absent_timeout',
  }
}

/** What the column holds. */
const maxSeconds = 2 ** 31 - 1

/** Whole seconds between two times, never negative: clocks of two machines may disagree. */
export function durationSeconds(from: string | undefined, to: string | undefined): number | undefined {
  if (from === undefined || to === undefined) return undefined
  return Math.min(maxSeconds, Math.max(0, Math.round((Date.parse(to) - Date.parse(from)) / 1000)))
}

function endReason(facts: SessionFacts): EndReason {
  switch (facts.shutdownReason) {
    case 'max_call_duration':
      return 'max_duration'
    case 'participant_left_timeout':
    case 'participant_absent_timeout':
      return 'participant_left'
    case 'could_not_join':
    case 'startup_exception':
    case 'internal_error':
      return 'error'
    case 'room_deleted':
      return requestedReason(facts) ?? 'provider'
    default:
      // The provider only says that its end call was used: by us, if we asked; else by somebody with the same key.
      return (
        requestedReason(facts) ?? (facts.shutdownAt === undefined && facts.foundByReconcile ? 'reconcile' : 'provider')
      )
  }
}

function requestedReason(facts: SessionFacts): EndReason | undefined {
  switch (facts.endRequestedBy) {
    case undefined:
      return undefined
    case 'abandoned':
      return 'participant_left'
    default:
      return facts.endRequestedBy
  }
}

/** Whether a caller may see and end a session: its owner, or leadership of its company. */
export function maySeeSession(owner: SessionOwner | undefined, caller: Caller | undefined): boolean {
  if (!owner) return true // anonymous: whoever holds the id
  if (!caller) return false
  // A token without a company is still its user's: it may end what it started. Two companies never mix.
  const apart = owner.tenantId !== undefined && Boolean(caller.tenantId) && owner.tenantId !== caller.tenantId
  if (caller.userId === owner.userId) return !apart
  return owner.tenantId !== undefined && owner.tenantId === caller.tenantId && caller.role === 'leadership'
}

/** Name of a conversation at the provider: how a session finds it again after a lost answer. */
export function conversationName(installation: string, sessionId: string, title?: string): string {
  const mark = `parley:${installation}:${sessionId}`
  return title ? `${title} [${mark}]` : mark
}

/** The session id in a provider's conversation name; undefined when the name is not this installation's. */
export function sessionIdOfName(installation: string, name: string | null | undefined): string | undefined {
  const match = /parley:([0-9a-f]{8}):([0-9a-f-]{36})\]?$/.exec(name ?? '')
  return match && match[1] === installation ? match[2] : undefined
}
