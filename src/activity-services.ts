import type { ActivityDeps } from '../activities/index.js'
import type { EndedSession } from '../workflows/messages.js'
import { type createCallSources } from './call-sources.js'
import type { Config } from './config.js'
import { unknownSession } from './domain/errors.js'
import { endsOnRequest, type SessionFacts } from './domain/session.js'
import { type createEvents } from './observability/events.js'
import type { Logger } from './observability/logger.js'
import { audioLimitBytes, createAudioKeeper } from './providers/elevenlabs/audio.js'
import { type FollowUpServices } from './follow-up-services.js'
import { type createElevenLabsClient } from './providers/elevenlabs/client.js'
import { factsOfConversation } from './providers/elevenlabs/events.js'
import { type createLlmClient } from './providers/llm/client.js'
import { type ArtefactStore } from './providers/artefacts.js'
import { callbackUrl } from './providers/tavus/callback-token.js'
import { type createTavusClient } from './providers/tavus/client.js'
import { normaliseTavusEvent } from './providers/tavus/events.js'
import { createAnalyticsCounting } from './store/analytics-counting.js'
import { type createRecapStore } from './store/analytics-recaps.js'
import { type MentorServices } from './mentor-services.js'
import { type createCallStore } from './store/calls.js'
import { type createDatabase } from './store/database.js'
import { createIdentityLookup } from './store/identity-lookup.js'
import { createKeptAnswers } from './store/only-once.js'
import { createReceiptPurge } from './store/receipt-purge.js'
import { type createRefreshTokenStore } from './store/refresh-tokens.js'
import { type createSessionStore } from './store/sessions.js'
import { createTicketStore } from './store/ws-tickets.js'
import { type createRecapSchedules } from './temporal/recap-schedules.js'
import { type ReadyNotices } from './temporal/ready-notices.js'
import { type createSessionClient } from './temporal/sessions.js'
import { type createUwcServices } from './uwc-services.js'
import { type createWebhookServices } from './webhook-services.js'

export interface Core {
  config: Config
  log: Logger
  events: ReturnType<typeof createEvents>
  database: ReturnType<typeof createDatabase>
  sessions: ReturnType<typeof createSessionStore>
  calls: ReturnType<typeof createCallStore>
  mentor: MentorServices
  callSources: ReturnType<typeof createCallSources>
  followUps: FollowUpServices
  sessionClient: ReturnType<typeof createSessionClient>
  webhooks: ReturnType<typeof createWebhookServices>
  uwc: ReturnType<typeof createUwcServices>
  refreshTokens: ReturnType<typeof createRefreshTokenStore>
  tavus: ReturnType<typeof createTavusClient>
  elevenlabs: ReturnType<typeof createElevenLabsClient>
  llm: ReturnType<typeof createLlmClient>
  notices: ReadyNotices
  recaps: ReturnType<typeof createRecapStore>
  recapSchedules: ReturnType<typeof createRecapSchedules>
  artefacts: ArtefactStore
}

/** What the worker's activities are built from. */
export function activityDepsOf({
  config,
  log,
  events,
  database,
  sessions,
  calls,
  mentor,
  callSources,
  followUps,
  sessionClient,
  webhooks,
  uwc,
  refreshTokens,
  tavus,
  elevenlabs,
  llm,
  notices,
  recaps,
  recapSchedules,
  artefacts,
}: Core): ActivityDeps {
  const { installation } = config
  const { callbackUrl: base, callbackSecrets: secrets } = config.tavus
  const tavusDefaults = {
    ...config.tavus,
    callbackUrl: (sessionId: string) => callbackUrl({ base, sessionId, secrets }),
  }
  const { ingest } = webhooks
  const maxOpenSeconds = config.sessions.maxSeconds + config.sessions.maxGraceMs / 1000
  return {
    session: { llm, sessions, events, announceReady: notices.announce },
    mentor: mentor.activityDeps,
    reconcile: {
      sessions,
      engine: sessionClient,
      log,
      staleStartSeconds: config.sessions.startTimeoutMs / 1000 + 60,
      staleRowSeconds: 60,
      maxOpenSeconds: maxOpenSeconds + config.elevenlabs.joinMs / 1000,
      everyMs: config.sessions.reconcileMs,
    },
    tavus: {
      installation,
      tavus,
      defaults: tavusDefaults,
      normalise: normaliseTavusEvent,
      ingest,
      record: sessions.recordFacts,
    },
    elevenlabs: {
      elevenlabs,
      agentId: config.elevenlabs.agentId,
      factsOf: factsOfConversation,
      ingest,
      record: sessions.recordFacts,
      keepAudio: createAudioKeeper({ artefacts, limitBytes: audioLimitBytes }),
      joinMs: config.elevenlabs.joinMs,
      log,
    },
    calls: {
      sources: callSources,
      listOpen: calls.listOpen,
      ingest: (provider, bodies) =>
        webhooks.ingestDeliveries(bodies.map((body) => webhooks.registry.parse(provider, body))),
      log,
    },
    webhook: { ...webhooks.activityDeps, signalSession: sessionClient.signal, signalJob: uwc.signalJob },
    uwc: uwc.activities,
    purge: {
      purge: createReceiptPurge({ database }),
      refreshTokens,
      shortLived: [createTicketStore(database, createIdentityLookup(database)), createKeptAnswers(database)],
      events: webhooks.events,
    },
    analytics: { counting: createAnalyticsCounting({ database }), recaps, schedules: recapSchedules },
    followUps: followUps.activityDeps,
    prewarmWarmMs: config.customLlm.warmMs,
  }
}

/** Ends a conversation without its workflow: the engine is away, or has forgotten it. */
export function createDirectEnd({ sessions, tavus, events }: Core) {
  return async (sessionId: string): Promise<EndedSession> => {
    const known = await sessions.findOwner(sessionId)
    if (!known?.conversationId) throw unknownSession()
    const { conversationId, provider } = known
    const endRequestedAt = new Date().toISOString()
    const facts: SessionFacts = { endRequestedAt, endRequestedBy: 'user' }
    if (endsOnRequest[provider]) {
      events.endRequested({ provider, conversationId })
      await tavus.end(conversationId)
      events.endResponded({ provider, conversationId })
      facts.endedAt = new Date().toISOString()
    }
    await sessions.recordFacts({ sessionId, conversationId, facts, ending: true })
    const outcome = await sessions.outcomeFor(sessionId)
    if (!outcome) throw unknownSession()
    return outcome
  }
}
