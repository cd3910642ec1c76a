import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow'
import type { ReplayFilter } from '../src/domain/delivery.js'
import type { Actor } from '../src/domain/identity.js'
import type { PartnerJobStatus } from '../src/domain/partner-job.js'
import type { EndRequester, SessionMode, SessionOwner, SessionProvider } from '../src/domain/session.js'
import type { PartnerJobKind } from '../src/domain/webhook.js'

/** Names of the task queues: apart, so that one kind of work cannot starve another. */
export interface TaskQueues {
  sessions: string
  webhooks: string
  providers: string
}

/** Search attributes of session workflows; never encrypted, so ids only. */
export const searchAttributeDefinitions = {
  ParleyTenant: 'Keyword',
  ParleyUser: 'Keyword',
  ParleyProvider: 'Keyword',
  ParleyConversation: 'Keyword',
  ParleyStatus: 'Keyword',
} as const

export const sessionWorkflowId = (sessionId: string) => `session/${sessionId}`
export const webhookWorkflowId = (deliveryKey: string) => `webhook/${deliveryKey}`
export const drainWorkflowId = 'webhook-drain'
export const replayWorkflowId = (replayId: string) => `webhook-replay/${replayId}`
export const purgeScheduleId = 'webhook-purge'
export const reconcileWorkflowId = 'session-reconcile'
export const countingWorkflowId = 'analytics-counting'
export const followUpWorkflowId = (followUpId: string) => `follow-up/${followUpId}`

/** What a caller may ask of a conversation; names as the API has them. */
export interface SessionRequest {
  persona_id?: string | undefined
  replica_id?: string | undefined
  /** Of ElevenLabs. */
  agent_id?: string | undefined
  conversation_name?: string | undefined
  conversational_context?: string | undefined
  custom_greeting?: string | undefined
  language?: string | undefined
  lead_id?: string | undefined
  metadata?: Record<string, unknown> | undefined
}

export interface SessionInput {
  sessionId: string
  provider: SessionProvider
  mode: SessionMode
  /** Digest of the request, to tell a repeat from another request under the same Idempotency-Key. */
  requestHash: string
  /** Our own id of the HTTP request that began it: any other one with the same key is a repeat. */
  startedBy: string
  /** By an Idempotency-Key: then an earlier run may have begun it. */
  keyed: boolean
  owner?: SessionOwner | undefined
  request: SessionRequest
  maxSeconds: number
  prewarm: boolean
  recording: boolean
  /** Task queue of provider calls; an input, so that a test's worker serves its own. */
  providerQueue: string
  /** Times in milliseconds. */
  limits: {
    startMs: number
    trackMs: number
    maxGraceMs: number
    abandonMs: number
    /** How long after an end the provider's own word is waited for before it is asked; then the first pause between questions. */
    confirmMs: number
    artifactWaitMs: number
    /** How long after its creation a conversation may still begin; absent where it has begun with its creation. */
    joinMs?: number | undefined
  }
}

export type PrewarmResult =
  | { success: true; status: number; duration_sec: number }
  | { skipped: true; reason: string }
  | { success: false; error: string; duration_sec: number }

export interface TrackResult {
  systemUserId: string | null
  dbTracking: string
}

/** What is said of a row that is still to be written. */
export const pending: TrackResult = { systemUserId: null, dbTracking: 'pending' }

export interface ReadySession extends TrackResult {
  sessionId: string
  startedBy: string
  conversationId: string
  conversationUrl: string
  meetingToken?: string | undefined
  /** What the caller's page has to hand to the provider as it connects. */
  clientData?: Record<string, unknown> | undefined
  /** The provider's own word, "active". */
  status: string
  createdAt: string
  prewarm: PrewarmResult
}

/** What a start answers: the session, and its end once that is known. */
export interface AnsweredSession extends ReadySession {
  ended?: EndedSession | undefined
}

export interface SessionState {
  sessionId: string
  provider: SessionProvider
  owner?: SessionOwner | undefined
  /** Absent in what earlier code tells. */
  mode?: SessionMode | undefined
  phase: 'starting' | 'active' | 'ending' | 'awaiting_artifacts' | 'closed' | 'failed'
  ready?: ReadySession | undefined
  end?: EndedSession | undefined
}

export interface EndedSession {
  sessionId: string
  conversationId: string
  status: string
  endedAt: string | null
  durationSeconds: number | null
  endReason: string | null
  /** The provider's reason, in one vocabulary; absent or null while it is not known. */
  shutdownReason?: string | null | undefined
  dbTracking: string
}

/** A provider's event, as far as the session's workflow needs it. */
export interface ProviderEventMessage {
  /** Delivery key: a repeat is recognised by it. */
  key: string
  kind: 'shutdown' | 'transcript' | 'recording' | 'participant_joined'
  at: string
  /** It tells of the end as well. */
  over?: true | undefined
}

/** Waits until the conversation can be joined; asking again cancels the abandonment. Fails with the start's own failure. */
export const awaitReadyUpdate = defineUpdate<AnsweredSession, [{ requestId: string; requestHash: string }]>(
  'awaitReady',
)
export const endUpdate = defineUpdate<EndedSession, [{ actor?: Actor | undefined; reason: EndRequester }]>('end')
export const providerEventSignal = defineSignal<[ProviderEventMessage]>('providerEvent')
/** The caller of one start hung up before its answer. */
export const callerGoneSignal = defineSignal<[{ requestId: string }]>('callerGone')
export const stateQuery = defineQuery<SessionState>('state')

export interface WebhookInput {
  receiptId: string
}
/** What became of a receipt in one attempt. */
export type ReceiptStatus = 'received' | 'processed' | 'waiting' | 'unmatched' | 'failed'

export interface DrainInput {
  batchSize: number
  /** Longest sleep between looks, so that what a crash left behind is found. Milliseconds. */
  idleMs: number
}
/** Receipts wait: wake the drain. */
export const wakeDrainSignal = defineSignal('wake')

export interface ReplayInput {
  tenantId: string
  filter: ReplayFilter
  /** RFC 3339 in microseconds: what was received later is not part of it. */
  countedAt: string
  /** How many were counted and confirmed; never more are taken. */
  total: number
  batchSize: number
  /** Of an earlier run of the same replay. */
  soFar?: { progress: ReplayProgress; after: [time: string, id: string] } | undefined
}

export interface ReplayProgress {
  state: 'running' | 'completed' | 'cancelled'
  total: number
  /** Taken again, whatever came of it. */
  done: number
  processed: number
  failed: number
  /** Still of nothing known. */
  waiting: number
  unmatched: number
  /** Left as they were: another delivery of the event had been taken. */
  superseded: number
  /** Put off by something passing; the drain takes them. */
  postponed: number
}

export const replayProgressQuery = defineQuery<ReplayProgress>('progress')

export interface PurgeInput {
  /** Age of what is deleted. */
  receiptTtlDays: number
  batchSize: number
}

export interface PurgeResult {
  receipts: number
  refreshTokens: number
}

export interface ReconcileInput {
  everyMs: number
}
/** Compare with the provider now, as after a start-up; the settings are those of whoever asks. */
export const sweepNowSignal = defineSignal<[ReconcileInput]>('sweepNow')

export const uwcJobWorkflowId = (kind: PartnerJobKind, requestId: string) => `uwc/${kind}/${requestId}`

/** A job of the ML partner: ids only, what is sent lies in its row. */
export interface UwcJobInput {
  /** Of its row. */
  id: string
  tenantId: string
  kind: PartnerJobKind
  requestId: string
  /** Task queue of the steps. */
  providerQueue: string
  /** Milliseconds: until a job is given up, and until it is first asked for. */
  limits: { timeoutMs: number; pollMs: number }
}

/** How far the row of a job is. */
export interface UwcJobState {
  status: PartnerJobStatus
  /** The partner has taken it, and has given it an id. */
  submitted: boolean
}

/** The row of the job says how it ended. */
export const jobOverSignal = defineSignal<[{ key: string }]>('jobOver')
export const uwcJobQuery = defineQuery<UwcJobState>('job')

export interface CountingInput {
  /** Notes that are counted in one step. */
  batchSize: number
  /** Longest sleep between looks, in milliseconds. */
  idleMs: number
  /** When the recap of the day before is written, in each company's zone. */
  recapHour: number
}
/** Count now; every start of a worker is a reason to. */
export const wakeCountingSignal = defineSignal('count')

export interface DailyRecapInput {
  tenantId: string
}

export interface FollowUpInput {
  tenantId: string
  followUpId: string
  /** Task queue of provider calls; an input, so that a test's worker serves its own. */
  providerQueue: string
  limits: {
    /** Between two looks for a draft, at first. Milliseconds. */
    draftPauseMs: number
    /** How long a draft is waited for. */
    draftMs: number
    /** How long after it was sent a webhook is waited for before the provider is asked; then each time twice as long. */
    resultMs: number
    /** How often it is asked. */
    resultAsks: number
  }
}

/** It was called off: its workflow need not wait any longer. */
export const followUpChangedSignal = defineSignal('followUpChanged')
