import { setTimeout as sleep } from 'node:timers/promises'
import { activityInfo, cancellationSignal } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import { ProviderError } from '../src/domain/errors.js'
import { conversationName, type SessionFacts, type SessionOutcome } from '../src/domain/session.js'
import type { BusinessEvents } from '../src/observability/events.js'
import type { LlmClient } from '../src/providers/llm/client.js'
import type { TavusClient, TavusConversation } from '../src/providers/tavus/client.js'
import type { SessionStore, TrackInput as TrackedSession } from '../src/store/sessions.js'
import {
  type PrewarmResult,
  type ProviderEventMessage,
  type ReadySession,
  type TrackResult,
} from '../workflows/messages.js'
import type { ConversationReader } from './conversation-reader.js'
import { toFailure } from './failure.js'
import { withHeartbeat } from './heartbeat.js'
import { findBySession } from './find-conversation.js'
import type { MentorRequest } from './mentor-request.js'
import type { Prewarm } from './prewarm.js'
import { type ConversationRequest, tavusBody, type TavusDefaults } from './tavus-body.js'

export interface CreatedConversation {
  conversationId: string
  conversationUrl: string
  status: string
  createdAt: string
  meetingToken?: string
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

export interface RecordInput {
  sessionId: string
  conversationId: string
  facts: SessionFacts
  ending: boolean
  /** The first word of this session's end: what is counted, is counted here. */
  firstEnd: boolean
}

export type RecordResult = { found: false } | { found: true; tracked: boolean; outcome: SessionOutcome }

export interface SessionActivityDeps {
  installation: string
  tavus: TavusClient
  tavusDefaults: TavusDefaults
  llm: LlmClient
  prewarm: Prewarm
  /** Adds what is known of the user, where the session is a mentor's. */
  mentorRequest: MentorRequest
  sessions: SessionStore
  reader: ConversationReader
  events: BusinessEvents
  /** Tells the request that waits for this session in the same process, if there is one. */
  announceReady: (ready: ReadySession) => void
  now?: () => number
}

/** One idempotent step of a session each. */
export function createSessionActivities(deps: SessionActivityDeps) {
  const { tavus, sessions, events } = deps
  const now = deps.now ?? Date.now

  async function trackOnce(input: TrackInput): Promise<TrackResult> {
    const result = await sessions.track(input)
    if (result.systemUserId) events.userFound({ userId: result.systemUserId, tenantId: input.owner?.tenantId })
    else events.userNotFound({ reason: input.owner ? 'no company knows this user' : 'unauthenticated' })
    events.tavusTracked({ sessionId: input.sessionId, dbTracking: result.dbTracking })
    return result
  }

  /** The row within the caller's patience; undefined when the database is slow or away, and the row is to be written later. */
  async function trackWithin(ms: number, input: TrackInput): Promise<TrackResult | undefined> {
    const tracked = trackOnce(input).catch((error: unknown) => refusalOf(error))
    return await Promise.race([tracked, sleep(ms, undefined, { ref: false })])
  }

  /** The conversation that an earlier attempt wrote into the row, over or not; undefined also while the database is away. */
  async function recorded(sessionId: string, withinMs: number, signal: AbortSignal) {
    const found = sessions.findOwner(sessionId).catch(() => undefined)
    const row = await Promise.race([found, sleep(withinMs, undefined, { ref: false })])
    return row?.conversationId ? await known(row.conversationId, signal) : undefined
  }

  /** One that the provider does not know any more is over. */
  async function known(conversationId: string, signal: AbortSignal): Promise<TavusConversation> {
    try {
      return await tavus.get(conversationId, { signal })
    } catch (error) {
      if (!(error instanceof ProviderError && error.code === 'provider_not_found')) throw error
      return { conversation_id: conversationId, status: 'ended' }
    }
  }

  async function live(sessionId: string, signal: AbortSignal) {
    const [existing] = await findBySession(tavus, deps.installation, sessionId, signal)
    return existing && !existing.conversation_url ? await tavus.get(existing.conversation_id, { signal }) : existing
  }

  return {
    prewarmModel: (): Promise<PrewarmResult> => withHeartbeat(() => deps.prewarm()),

    /** Creates the conversation and, in the same step, its row: another step would cost a caller two tasks of the engine. */
    async createConversation({
      track,
      trackMs,
      startedBy,
      keyed,
      ...input
    }: CreateInput): Promise<TrackedConversation> {
      const { sessionId } = track
      const { attempt } = activityInfo()
      const signal = cancellationSignal()
      const name = conversationName(deps.installation, sessionId, input.request.conversation_name)
      const create = async () => {
        // Tavus has no idempotency key and bills from creation: after an unknown result, look before creating again.
        const existing =
          (attempt > 1 || keyed ? await recorded(sessionId, trackMs, signal) : undefined) ??
          (attempt > 1 ? await live(sessionId, signal) : undefined)
        if (existing) return created(existing, now)
        const request = await deps.mentorRequest(track, input.request, trackMs)
        events.tavusStartRequested({ sessionId, attempt })
        const body = tavusBody(deps.tavusDefaults, { sessionId, ...input, request }, name)
        const conversation = await tavus.create(body, signal)
        events.tavusStartResponded({ sessionId, conversationId: conversation.conversation_id })
        return created(conversation, now)
      }
      try {
        return await withHeartbeat(async () => {
          const conversation = await create()
          const row = { ...track, ...conversation, startMs: now() - track.startedAt }
          const tracking = await trackWithin(trackMs, row)
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
    async recoverConversation(track: Omit<TrackBeginning, 'startedAt'> & { startMs: number }) {
      try {
        return await withHeartbeat(async (): Promise<TrackedConversation | undefined> => {
          const row = await sessions.findOwner(track.sessionId)
          if (!row?.conversationId) return undefined
          const conversation = created(await known(row.conversationId, cancellationSignal()), now)
          return { ...conversation, tracking: await trackOnce({ ...track, ...conversation }) }
        })
      } catch (error) {
        throw toFailure(error)
      }
    },

    async endConversation({ conversationId }: { conversationId: string }): Promise<{ endedAt: string }> {
      try {
        events.tavusEndRequested({ conversationId })
        await withHeartbeat(() => tavus.end(conversationId, cancellationSignal()))
        events.tavusEndResponded({ conversationId })
        return { endedAt: new Date(now()).toISOString() }
      } catch (error) {
        throw toFailure(error)
      }
    },

    /** Ends whatever carries the session's name: after a start whose result stayed unknown. */
    async endByName({ sessionId }: { sessionId: string }): Promise<{ ended: number }> {
      try {
        const signal = cancellationSignal()
        return await withHeartbeat(async () => {
          const left = await findBySession(tavus, deps.installation, sessionId, signal)
          for (const conversation of left) await tavus.end(conversation.conversation_id, signal)
          return { ended: left.length }
        })
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
        if (input.firstEnd && result.outcome.endReason)
          events.sessionEnded({ provider: 'tavus', reason: result.outcome.endReason, sessionId: input.sessionId })
        return { found: true, tracked: result.tracked, outcome: result.outcome }
      } catch (error) {
        throw toFailure(error)
      }
    },

    async releaseUntracked({ sessionId }: { sessionId: string }): Promise<void> {
      await sessions.releaseAnonymous(sessionId, 'error')
    },

    /** What the provider says of a conversation, taken in like its webhooks. */
    async askConversation(input: {
      sessionId: string
      conversationId: string
    }): Promise<{ live: boolean; kinds: ProviderEventMessage['kind'][] }> {
      try {
        return await withHeartbeat(() => deps.reader.read(input.sessionId, input.conversationId, cancellationSignal()))
      } catch (error) {
        throw toFailure(error)
      }
    },
  }
}

export type SessionActivities = ReturnType<typeof createSessionActivities>

function created(conversation: TavusConversation, now: () => number): CreatedConversation {
  return {
    conversationId: conversation.conversation_id,
    conversationUrl: conversation.conversation_url ?? '',
    status: conversation.status,
    createdAt: conversation.created_at ?? new Date(now()).toISOString(),
    ...(conversation.meeting_token ? { meetingToken: conversation.meeting_token } : {}),
  }
}

/** Says why a row was refused for good; undefined for what another try may mend. */
function refusalOf(error: unknown): TrackResult | undefined {
  const failure = toFailure(error)
  if (!(failure instanceof ApplicationFailure && failure.nonRetryable)) return undefined
  return { systemUserId: null, dbTracking: `failed: ${failure.message}` }
}
