import { z } from 'zod'
import { idempotencyKey } from './once.js'
import type { EndedSession, ReadySession, SessionState } from '../../workflows/messages.js'
import { sessionModes } from '../domain/session.js'
import type { Services } from '../services.js'
import { iso, timeField } from './fields.js'
import { between, listQuery } from './listing.js'

/** What a caller may ask of a conversation, the same with every provider. */
const wishes = {
  conversation_name: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .meta({ description: 'Shown at the provider, before our own mark' }),
  conversational_context: z.string().min(1).max(20_000).optional(),
  custom_greeting: z.string().min(1).max(2000).optional(),
  language: z.string().min(1).max(60).optional().meta({ description: 'As the provider names it, for example english' }),
  max_duration_seconds: z
    .int()
    .min(5)
    .max(86_400)
    .optional()
    .meta({ description: 'At most SESSION_MAX_SECONDS; more is cut to it' }),
  lead_id: z.string().min(1).max(200).optional(),
  metadata: z
    .record(z.string().max(200), z.unknown())
    .refine((value) => JSON.stringify(value).length <= 16_384, 'must be at most 16 KiB of JSON')
    .optional(),
}

const id = z.string().min(1).max(200).optional()
const tavusWishes = { persona_id: id, replica_id: id }
const elevenLabsWishes = { agent_id: id.meta({ description: 'Of ElevenLabs; ELEVENLABS_AGENT_ID when absent' }) }

export const tavusStartBody = z.strictObject({ ...tavusWishes, ...wishes })
export const elevenLabsStartBody = z.strictObject({ ...elevenLabsWishes, ...wishes })
export const sessionStartBody = z
  .strictObject({
    provider: z.enum(['tavus', 'elevenlabs']),
    mode: z.enum(sessionModes).optional().meta({
      description:
        'mentor: the provider is told what is known of the caller, as POST /mentor/sessions does. Of tavus only: an agent of elevenlabs is told by the page, which the context is not for',
    }),
    ...tavusWishes,
    ...elevenLabsWishes,
    ...wishes,
  })
  .superRefine((body, context) => {
    if (body.mode === 'mentor' && body.provider !== 'tavus')
      context.addIssue({ code: 'custom', path: ['mode'], message: `mentor is not of ${body.provider}` })
    const others = Object.keys(body.provider === 'tavus' ? elevenLabsWishes : tavusWishes) as (keyof typeof body)[]
    for (const field of others.filter((name) => body[name] !== undefined))
      context.addIssue({ code: 'custom', path: [field], message: `is not of ${body.provider}` })
  })

/** Of a session whose mode the route says. */
export const mentorStartBody = z.strictObject({ provider: z.enum(['tavus']).optional(), ...tavusWishes, ...wishes })

export const idempotencyHeader = idempotencyKey(
  'The same key and body give the same session; the same key with another body is 422',
)

const prewarmSchema = z
  .union([
    z.object({ success: z.literal(true), status: z.int(), duration_sec: z.number() }),
    z.object({ skipped: z.literal(true), reason: z.string() }),
    z.object({ success: z.literal(false), error: z.string(), duration_sec: z.number() }),
  ])
  .meta({ id: 'Prewarm', description: 'What came of warming the custom LLM; never fatal' })

const debug = {
  jwt_user_id: z.string().nullable(),
  jwt_email: z.string().nullable(),
  prewarm: prewarmSchema,
  system_user_id: z.string().nullable(),
  db_tracking: z.string().meta({
    description:
      '"success", "skipped: unauthenticated or missing data", "pending" (still being retried) or "failed: <why>"',
  }),
}
const started = {
  conversation_id: z.string(),
  conversation_url: z.string(),
  status: z.string().meta({ description: "The provider's own word" }),
  session_id: z.string(),
}
const meetingToken = z.string().optional()
const signedUrl = z.string().meta({
  description:
    'WebSocket of the agent: good for one conversation, and to begin it within 15 minutes. Whoever has it may talk',
})
const clientData = z.record(z.string(), z.unknown()).meta({
  description:
    'For elevenlabs: what the page sends as its first message over the socket. An agent takes overrides that its settings allow',
})

/** A call of Tavus. */
export const tavusStartAnswer = z
  .object({
    ...started,
    meeting_token: meetingToken,
    debug: z.object({ ...debug, tavus_conversation_id: z.string() }),
  })
  .meta({ id: 'StartedConversation' })

/** A conversation with an agent of ElevenLabs. */
export const elevenLabsStartAnswer = z
  .object({
    ...started,
    signed_url: signedUrl,
    conversation_initiation_client_data: clientData,
    debug: z.object({ ...debug, elevenlabs_conversation_id: z.string() }),
  })
  .meta({ id: 'StartedAgentConversation' })

/** Either. */
export const startAnswer = z
  .object({
    ...started,
    meeting_token: meetingToken,
    signed_url: signedUrl.optional(),
    conversation_initiation_client_data: clientData.optional(),
    debug: z.object({
      ...debug,
      tavus_conversation_id: z.string().optional(),
      elevenlabs_conversation_id: z.string().optional(),
    }),
  })
  .meta({ id: 'StartedSession' })

const endReason = z
  .string()
  .nullable()
  .meta({ description: 'user, provider, max_duration, participant_left, reconcile or error' })
const shutdownReason = z.string().nullable().meta({
  description:
    'What the provider said; participant_absent_timeout means that nobody joined. Null while it is not known',
})

export const endAnswer = z
  .object({
    session_id: z.string(),
    conversation_id: z.string(),
    status: z.string(),
    ended_at: z.string().nullable(),
    duration_seconds: z.int().nullable(),
    end_reason: endReason,
    shutdown_reason: shutdownReason,
    db_tracking: z.string(),
  })
  .meta({ id: 'EndedConversation' })

export const sessionSchema = z
  .object({
    session_id: z.string(),
    provider: z.string(),
    mode: z.string(),
    status: z.string().meta({ description: 'starting, active, ending, completed or failed' }),
    conversation_id: z.string().nullable(),
    conversation_url: z.string().nullable(),
    user_id: z.string().nullable(),
    lead_id: z.string().nullable(),
    created_at: z.string().nullable(),
    joined_at: z.string().nullable(),
    ended_at: z.string().nullable(),
    duration_seconds: z.int().nullable(),
    end_reason: endReason,
    shutdown_reason: shutdownReason,
    prewarm: prewarmSchema.nullable(),
    timings: z.object({ prewarm_ms: z.int().nullable(), start_ms: z.int().nullable() }),
    db_tracking: z.string(),
    artifacts: z.object({ transcript: z.boolean(), recording: z.boolean() }),
    metadata: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Session' })

type SessionSummary = Awaited<ReturnType<Services['sessions']['list']>>['items'][number]

/** How a start may fail, beside what every route may answer. */
export const startFailures = {
  402: { description: 'The provider’s account has run out of credits' },
  409: { description: 'The session was ended before it began' },
  429: { description: 'Too many conversations or requests; `Retry-After` says when to ask again' },
  503: { description: 'The provider is not configured, or the database or the workflow engine is away' },
} as const

/** A session's row as it leaves the server. */
export function presentSession(row: SessionSummary): z.input<typeof sessionSchema> {
  return {
    session_id: row.sessionId,
    provider: row.provider,
    mode: row.mode,
    status: row.status,
    conversation_id: row.conversationId,
    conversation_url: row.conversationUrl,
    user_id: row.userId,
    lead_id: row.leadId,
    created_at: iso(row.createdAt),
    joined_at: iso(row.joinedAt),
    ended_at: iso(row.endedAt),
    duration_seconds: row.durationSeconds,
    end_reason: row.endReason,
    shutdown_reason: row.shutdownReason,
    prewarm: row.prewarm as z.input<typeof prewarmSchema> | null,
    timings: { prewarm_ms: row.prewarmMs, start_ms: row.startMs },
    db_tracking: 'success',
    artifacts: { transcript: row.hasTranscript, recording: row.recordingUrl !== null },
    metadata: row.metadata,
  }
}

/** A session that the engine knows and the database does not, yet or at all. */
export function presentState(state: SessionState): z.input<typeof sessionSchema> {
  const { ready, end } = state
  const phases = {
    starting: 'starting',
    active: 'active',
    ending: 'ending',
    awaiting_artifacts: 'completed',
    closed: 'completed',
    failed: 'failed',
  }
  return {
    session_id: state.sessionId,
    provider: state.provider,
    mode: state.mode ?? 'plain',
    status: end?.status ?? phases[state.phase],
    conversation_id: ready?.conversationId ?? null,
    conversation_url: ready?.conversationUrl ?? null,
    user_id: state.owner?.userId ?? null,
    lead_id: null,
    created_at: ready?.createdAt ?? null,
    joined_at: null,
    ended_at: end?.endedAt ?? null,
    duration_seconds: end?.durationSeconds ?? null,
    end_reason: end?.endReason ?? null,
    shutdown_reason: end?.shutdownReason ?? null,
    prewarm: ready?.prewarm ?? null,
    timings: { prewarm_ms: null, start_ms: null },
    db_tracking: ready?.dbTracking ?? 'pending',
    artifacts: { transcript: false, recording: false },
    metadata: {},
  }
}

/** The end of a session as it leaves the server. */
export function presentEnd(ended: EndedSession): z.input<typeof endAnswer> {
  return {
    session_id: ended.sessionId,
    conversation_id: ended.conversationId,
    status: ended.status,
    ended_at: ended.endedAt,
    duration_seconds: ended.durationSeconds,
    end_reason: ended.endReason,
    shutdown_reason: ended.shutdownReason ?? null,
    db_tracking: ended.dbTracking,
  }
}

type StartCaller = { userId: string; email?: string | undefined } | undefined

/** What every start answers; `debug` holds nothing secret. */
function startedBy(ready: ReadySession, caller: StartCaller, status: string) {
  return {
    answer: {
      conversation_id: ready.conversationId,
      conversation_url: ready.conversationUrl,
      status,
      session_id: ready.sessionId,
    },
    debug: {
      jwt_user_id: caller?.userId ?? null,
      jwt_email: caller?.email ?? null,
      prewarm: ready.prewarm,
      system_user_id: ready.systemUserId,
      db_tracking: ready.dbTracking,
    },
  }
}

/** A call of Tavus as the frontend gets it. */
export function presentTavusStart(
  ready: ReadySession,
  caller: StartCaller,
  status = ready.status,
): z.input<typeof tavusStartAnswer> {
  const { answer, debug: known } = startedBy(ready, caller, status)
  return {
    ...answer,
    ...(ready.meetingToken ? { meeting_token: ready.meetingToken } : {}),
    debug: { ...known, tavus_conversation_id: ready.conversationId },
  }
}

/** A conversation with an agent as the frontend gets it. */
export function presentElevenLabsStart(
  ready: ReadySession,
  caller: StartCaller,
  status = ready.status,
): z.input<typeof elevenLabsStartAnswer> {
  const { answer, debug: known } = startedBy(ready, caller, status)
  return {
    ...answer,
    signed_url: ready.conversationUrl,
    conversation_initiation_client_data: ready.clientData ?? {},
    debug: { ...known, elevenlabs_conversation_id: ready.conversationId },
  }
}

/** By provider. */
export const presentStart = { tavus: presentTavusStart, elevenlabs: presentElevenLabsStart }

/** Which sessions a list shows. */
export const sessionQuery = listQuery(
  {
    status: z.enum(['active', 'ending', 'completed', 'failed']).optional(),
    provider: z.enum(['tavus', 'elevenlabs']).optional(),
    user: z.string().min(1).max(200).optional(),
    ...between(timeField, 'Made'),
  },
  ['-created_at', 'created_at'],
)
