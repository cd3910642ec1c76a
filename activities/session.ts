import { setTimeout as sleep } from 'node:timers/promises'
import { activityInfo, cancellationSignal } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import { ProviderError, UnavailableError } from '../src/domain/errors.js'
import type { SessionFacts, SessionOutcome, SessionProvider } from '../src/domain/session.js'
import type { BusinessEvents } from '../src/observability/events.js'
import type { LlmClient } from '../src/providers/llm/client.js'
import type { SessionIdentity } from '../src/store/session-lookup.js'
import type { SessionStore, TrackInput as TrackedSession } from '../src/store/sessions.js'
import type { PrewarmResult, ReadySession, SessionRequest, TrackResult } from '../workflows/messages.js'
import type {
  AskedConversation,
  ConversationProviders,
  ConversationReading,
  ConversationRequest,
  CreatedConversation,
} from './conversation-provider.js'
import { toFailure } from './failure.js'
import { withHeartbeat } from './heartbeat.js'
import type { MentorRequest } from './mentor-request.js'
import type { Prewarm } from './prewarm.js'

/** Of which provider; absent in what was begun before there was a second one. */
interface OfProvider {
  provider?: SessionProvider | undefined
}

/** What is known of a session before its conversation is. */
export interface TrackBeginning extends Pick<
  TrackedSession,
  'sessionId' | 'provider' | 'mode' | 'owner' | 'leadId' | 'metadata'
> {
  prewarm: PrewarmResult
  /** When the start began, in ms since the epoch. */
  startedAt: number
}

/** What the store tracks, as far as the workflow knows it. */
export type TrackInput = Omit<TrackBeginning, 'startedAt'> &
  Pick<TrackedSession, 'conversationId' | 'conversationUrl' | 'createdAt' | 'startMs'>

export interface CreateInput extends Omit<ConversationRequest, 'sessionId'> {
  track: TrackBeginning
  startedBy: string
  /** An earlier run may have begun the session. */
  keyed: boolean
  /** The caller waits this long for the row, ms. */
  trackMs: number
}

/** Without `tracking` the row is still to be written. */
export type TrackedConversation = CreatedConversation & { tracking?: TrackResult | undefined }

export interface RecordInput extends OfProvider {
  sessionId: string
  conversationId: string
  facts: SessionFacts
  ending: boolean
  /** The first word of this session's end: what is counted, is counted here. */
  firstEnd: boolean
}

export type RecordResult = { found: false } | { found: true; tracked: boolean; outcome: SessionOutcome }

export interface SessionActivityDeps {
  providers: ConversationProviders
  llm: LlmClient
  prewarm: Prewarm
  /** Adds what is known of the user, where the session is a mentor's. */
  mentorRequest: MentorRequest
  sessions: SessionStore
  events: BusinessEvents
  /** Tells the request that waits for this session in the same process, if there is one. */
  announceReady: (ready: ReadySession) => void
  now?: () => number
}

/** One idempotent step of a session each. */
export function createSessionActivities(deps: SessionActivityDeps) {
  const { providers, sessions, events } = deps
  const now = deps.now ?? Date.now

  async function trackOnce(input: TrackInput): Promise<TrackResult> {
    const result = await sessions.track(input)
    if (result.systemUserId) events.userFound({ userId: result.systemUserId, tenantId: input.owner?.tenantId })
    else events.userNotFound({ reason: input.owner ? 'no company knows this user' : 'unauthenticated' })
    const { provider, sessionId } = input
    events.sessionTracked({ provider, sessionId, dbTracking: result.dbTracking })
    return result
  }

  /** The row within the caller's patience; undefined when the database is slow or away, and the row is to be written later. */
  async function trackWithin(ms: number, input: TrackInput): Promise<TrackResult | undefined> {
    const tracked = trackOnce(input).catch((error: unknown) => refusalOf(error))
    return await Promise.race([tracked, sleep(ms, undefined, { ref: false })])
  }

  /** The row that an earlier attempt wrote; `unknown` while the database is away. */
  async function recorded(sessionId: string, withinMs: number) {
    const found = sessions.findOwner(sessionId).catch(() => 'unknown' as const)
    const row = await Promise.race([found, sleep(withinMs, 'unknown' as const, { ref: false })])
    return row === 'unknown' ? row : withConversation(row)
  }

  /** What an earlier attempt, or another run under the same key, has left. */
  async function leftBehind(input: CreateInput, attempt: number, signal: AbortSignal) {
    const { track, keyed, trackMs, request } = input
    if (attempt === 1 && !keyed) return undefined
    const provider = providers[track.provider]
    const row = await recorded(track.sessionId, trackMs)
    if (row && row !== 'unknown') return await provider.resume(row, request, signal)
    if (attempt === 1) return undefined
    if (provider.find) return await provider.find(track.sessionId, signal)
    // Only the row knows what was handed out: a second one beside it would be another conversation.
    if (row === 'unknown') throw new UnavailableError('the database did not answer', 'database_unavailable', 1)
    return undefined
  }

  /** The conversation with its row; where two attempts were at it at once, the one that the row names. */
  async function written(input: CreateInput, conversation: CreatedConversation, signal: AbortSignal) {
    const { track, trackMs, request } = input
    const provider = providers[track.provider]
    const rowOf = (which: CreatedConversation) => ({ ...track, ...which, startMs: now() - track.startedAt })
    const tracking = await trackWithin(trackMs, rowOf(conversation))
    if (provider.find || !tracking?.dbTracking.startsWith('failed')) return { conversation, tracking }
    const row = await recorded(track.sessionId, trackMs)
    if (!row || row === 'unknown' || row.conversationId === conversation.conversationId)
      return { conversation, tracking }
    const first = await provider.resume(row, request, signal)
    return { conversation: first, tracking: await trackWithin(trackMs, rowOf(first)) }
  }

  return {
    prewarmModel: (): Promise<PrewarmResult> => withHeartbeat(() => deps.prewarm()),

    /** Creates the conversation and, in the same step, its row: another step would cost a caller two tasks of the engine. */
    async createConversation(input: CreateInput): Promise<TrackedConversation> {
      const { track, trackMs, startedBy, request, maxSeconds, recording } = input
      const { sessionId, provider } = track
      const { attempt } = activityInfo()
      const signal = cancellationSignal()
      const create = async () => {
        const existing = await leftBehind(input, attempt, signal)
        if (existing) return existing
        const told = await deps.mentorRequest(track, request, trackMs)
        events.startRequested({ provider, sessionId, attempt })
        const created = await providers[provider].create({ sessionId, request: told, maxSeconds, recording }, signal)
        events.startResponded({ provider, sessionId, conversationId: created.conversationId })
        return created
      }
      try {
        return await withHeartbeat(async () => {
          const { conversation, tracking } = await written(input, await create(), signal)
          // A promise only of what a later attempt, or another run, finds in the row.
          if (tracking && !tracking.dbTracking.startsWith('failed'))
            deps.announceReady({ sessionId, startedBy, ...conversation, prewarm: track.prewarm, ...tracking })
          return { ...conversation, tracking }
        })
      } catch (error) {
        throw toFailure(error, {
          effectless: attempt === 1 && !(error instanceof ProviderError && error.unknownResult),
        })
      }
    },

    /** After a step whose result the engine never learned: what its row says was created. */
    async recoverConversation({
      request = {},
      ...track
    }: Omit<TrackBeginning, 'startedAt'> & { startMs: number; request?: SessionRequest | undefined }) {
      try {
        return await withHeartbeat(async (): Promise<TrackedConversation | undefined> => {
          const row = withConversation(await sessions.findOwner(track.sessionId))
          if (!row) return undefined
          const conversation = await providers[track.provider].resume(row, request, cancellationSignal())
          return { ...conversation, tracking: await trackOnce({ ...track, ...conversation }) }
        })
      } catch (error) {
        throw toFailure(error)
      }
    },

    async endConversation({ conversationId, provider = 'tavus' }: OfProvider & { conversationId: string }) {
      try {
        events.endRequested({ provider, conversationId })
        await withHeartbeat(async () => await providers[provider].end?.(conversationId, cancellationSignal()))
        events.endResponded({ provider, conversationId })
        return { endedAt: new Date(now()).toISOString() }
      } catch (error) {
        throw toFailure(error)
      }
    },

    /** Ends whatever carries the session's mark: after a start whose result stayed unknown. */
    async endByName({ sessionId, provider = 'tavus' }: OfProvider & { sessionId: string }) {
      try {
        const signal = cancellationSignal()
        const ended = await withHeartbeat(async () => await providers[provider].endBySession?.(sessionId, signal))
        return { ended: ended ?? 0 }
      } catch (error) {
        throw toFailure(error)
      }
    },

    async trackSession(input: TrackInput): Promise<TrackResult> {
      try {
        return await trackOnce(input)
      } catch (error) {
        throw toFailure(error)
      }
    },

    async recordFacts(input: RecordInput): Promise<RecordResult> {
      try {
        const result = await sessions.recordFacts(input)
        if (!result.found || result.mismatch) return { found: false }
        const { provider = 'tavus' } = input
        if (input.firstEnd && result.outcome.endReason)
          events.sessionEnded({ provider, reason: result.outcome.endReason, sessionId: input.sessionId })
        return { found: true, tracked: result.tracked, outcome: result.outcome }
      } catch (error) {
        throw toFailure(error)
      }
    },

    async releaseUntracked({ sessionId }: { sessionId: string }): Promise<void> {
      await sessions.releaseAnonymous(sessionId, 'error')
    },

    /** What the provider says of a conversation, taken in like its webhooks. */
    async askConversation({
      provider = 'tavus',
      ...asked
    }: OfProvider & AskedConversation): Promise<ConversationReading> {
      try {
        return await withHeartbeat(() => providers[provider].read(asked, cancellationSignal()))
      } catch (error) {
        throw toFailure(error)
      }
    },
  }
}

export type SessionActivities = ReturnType<typeof createSessionActivities>

function withConversation(row: SessionIdentity | undefined) {
  if (!row?.conversationId) return undefined
  const { sessionId, conversationId, conversationUrl, createdAt } = row
  return { sessionId, conversationId, conversationUrl, createdAt }
}

/** Says why a row was refused for good; undefined for what another try may mend. */
function refusalOf(error: unknown): TrackResult | undefined {
  const failure = toFailure(error)
  if (!(failure instanceof ApplicationFailure && failure.nonRetryable)) return undefined
  return { systemUserId: null, dbTracking: `failed: ${failure.message}` }
}
