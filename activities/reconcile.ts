import { setTimeout as sleep } from 'node:timers/promises'
import { cancellationSignal, heartbeat } from '@temporalio/activity'
import { sessionIdOfName, type SessionProvider } from '../src/domain/session.js'
import type { Logger } from '../src/observability/logger.js'
import type { TavusClient } from '../src/providers/tavus/client.js'
import type { OpenRow, SessionStore } from '../src/store/sessions.js'
import type { ProviderEventMessage } from '../workflows/messages.js'
import type { ConversationProviders } from './conversation-provider.js'
import { liveConversations } from './find-conversation.js'

/** A session that the engine runs. */
export interface OpenSession {
  sessionId: string
  provider: SessionProvider
  conversationId: string | undefined
  status: string | undefined
  /** When its workflow began, a moment before its conversation. */
  startedAt: Date
}

/** What the sweep asks of the engine; src/temporal answers it. */
export interface SessionEngine {
  openSessions(): AsyncIterable<OpenSession>
  /** The engine's own word on one session, not the listing's, which lags behind. */
  describe(sessionId: string): Promise<(OpenSession & { running: boolean }) | undefined>
  signal(sessionId: string, message: ProviderEventMessage): Promise<void>
}

export interface ReconcileActivityDeps {
  installation: string
  tavus: TavusClient
  sessions: SessionStore
  providers: ConversationProviders
  engine: SessionEngine
  log: Logger
  /** A start that has not begun its workflow after this time never will. Seconds. */
  staleStartSeconds: number
  /** Rows open longer than this are checked against the engine. Seconds. */
  staleRowSeconds: number
  /** No conversation lasts longer: one that nobody can end counts as over then. Seconds. */
  maxOpenSeconds: number
  /** Between two sweeps. Milliseconds. */
  everyMs: number
}

/** Few lanes with a rest after each question: a sweep in a burst would be felt by whoever starts a call meanwhile. */
const lanes = 2
const restMs = 40
/** Part of the interval between two sweeps that one may take. */
const shareOfInterval = 0.5

/** The comparison of Parley, the engine and the provider. */
export function createReconcileActivities(deps: ReconcileActivityDeps) {
  return {
    async sweepSessions(): Promise<{ asked: number; ended: number; mended: number }> {
      const signal = cancellationSignal()
      let failure: { error: unknown } | undefined
      // The provider first: a conversation created after its listing is nobody's orphan.
      const live = await listOurs(deps, signal).catch((error: unknown) => {
        signal.throwIfAborted()
        failure = { error }
        return undefined
      })
      const open = await listOpen(deps.engine)
      // A provider that is away keeps no other's sessions from being asked about.
      const away = live ? undefined : 'tavus'
      const asked = await askActive(deps, open, { away, signal })
      const ended = live ? await endOrphans(deps, live, open, signal) : 0
      const mended = await mendRows(deps, open, { away, signal })
      await releaseStale(deps)
      if (failure) throw failure.error
      return { asked, ended, mended }
    },
  }
}

interface Round {
  /** Could not be reached at the beginning of this round. */
  away: SessionProvider | undefined
  signal: AbortSignal
}

const canAsk = ({ providers }: ReconcileActivityDeps, { away }: Round, provider: SessionProvider) =>
  provider !== away && providers[provider].configured

export type ReconcileActivities = ReturnType<typeof createReconcileActivities>

async function listOurs(deps: ReconcileActivityDeps, signal: AbortSignal): Promise<Map<string, string>> {
  const ours = new Map<string, string>()
  if (!deps.tavus.configured) return ours
  for await (const conversation of liveConversations(deps.tavus, signal)) {
    heartbeat()
    const sessionId = sessionIdOfName(deps.installation, conversation.conversation_name)
    if (sessionId) ours.set(conversation.conversation_id, sessionId)
  }
  return ours
}

async function listOpen(engine: SessionEngine): Promise<Map<string, OpenSession>> {
  const open = new Map<string, OpenSession>()
  for await (const session of engine.openSessions()) open.set(session.sessionId, session)
  heartbeat()
  return open
}

/** Asks for every live session what its webhooks may not have told. */
async function askActive(deps: ReconcileActivityDeps, open: Map<string, OpenSession>, round: Round): Promise<number> {
  const active = [...open.values()].filter(
    ({ status, conversationId, provider }) => status === 'active' && conversationId && canAsk(deps, round, provider),
  )
  await inParallel(
    active,
    async ({ sessionId, provider, conversationId = '', startedAt }) => {
      heartbeat()
      const asked = { sessionId, conversationId, since: latestCreation(deps, startedAt) }
      const reading = await deps.providers[provider].read(asked, round.signal)
      if (!reading.kinds.includes('shutdown') && !reading.kinds.includes('participant_joined')) return
      for (const kind of reading.kinds)
        await deps.engine.signal(sessionId, { key: `reconcile:${kind}`, kind, at: new Date().toISOString() })
    },
    deps,
  )
  return active.length
}

/** A start that takes all of its time creates its conversation at the end of it. */
const latestCreation = ({ staleStartSeconds }: ReconcileActivityDeps, startedAt: Date) =>
  new Date(startedAt.getTime() + staleStartSeconds * 1000).toISOString()

/** Ends what carries our name and belongs to no open session, or is a second conversation of one. */
async function endOrphans(
  deps: ReconcileActivityDeps,
  live: Map<string, string>,
  open: Map<string, OpenSession>,
  signal: AbortSignal,
): Promise<number> {
  let ended = 0
  const suspects = [...live].filter(
    ([conversationId, sessionId]) => open.get(sessionId)?.conversationId !== conversationId,
  )
  await inParallel(
    suspects,
    async ([conversationId, sessionId]) => {
      heartbeat()
      const session = await deps.engine.describe(sessionId)
      // Still starting: the session is about to learn of its conversation itself.
      if (session?.running && (!session.conversationId || session.conversationId === conversationId)) return
      deps.log.warn({ session_id: sessionId, external_id: conversationId, provider: 'tavus' }, 'orphan ended')
      await deps.tavus.end(conversationId, signal)
      const endedAt = new Date().toISOString()
      if (!session?.running)
        await deps.sessions.recordFacts({
          sessionId,
          conversationId,
          facts: { endRequestedAt: endedAt, endRequestedBy: 'reconcile', endedAt },
        })
      ended++
    },
    deps,
  )
  return ended
}

/** Rows without an end whose workflow is gone: the provider's word closes them. */
async function mendRows(deps: ReconcileActivityDeps, open: Map<string, OpenSession>, round: Round): Promise<number> {
  const rows = await deps.sessions.listOpenOlderThan(deps.staleRowSeconds)
  const left = rows.filter((row) => !open.has(row.sessionId) && canAsk(deps, round, row.provider))
  await inParallel(left, (row) => mendRow(deps, row, round.signal), deps)
  return left.length
}

async function mendRow(deps: ReconcileActivityDeps, row: OpenRow, signal: AbortSignal): Promise<void> {
  const { sessionId, conversationId, createdAt } = row
  heartbeat()
  if ((await deps.engine.describe(sessionId))?.running) return
  const provider = deps.providers[row.provider]
  const asked = { sessionId, conversationId, since: createdAt.toISOString(), recording: true }
  const reading = await provider.read(asked, signal)
  if (!reading.live) return
  const mayRunOn = Date.now() < createdAt.getTime() + deps.maxOpenSeconds * 1000
  if (!provider.end && mayRunOn) return
  await provider.end?.(conversationId, signal)
  const endedAt = new Date().toISOString()
  const facts = { endRequestedAt: endedAt, endRequestedBy: 'reconcile' as const, endedAt }
  await deps.sessions.recordFacts({ sessionId, conversationId, facts })
}

/** Slots of anonymous starts whose workflow never came to be. */
async function releaseStale(deps: ReconcileActivityDeps): Promise<void> {
  for (const { sessionId } of await deps.sessions.staleAnonymous(deps.staleStartSeconds))
    if (!(await deps.engine.describe(sessionId))?.running) await deps.sessions.releaseAnonymous(sessionId, 'error')
}

/** A few at a time and unhurried; one that fails stops no other and is tried in the next sweep. */
async function inParallel<T>(
  items: T[],
  work: (item: T) => Promise<void>,
  deps: Pick<ReconcileActivityDeps, 'log' | 'everyMs'>,
) {
  const queue = items.values()
  const pauseMs = Math.min(restMs, (deps.everyMs * shareOfInterval * lanes) / Math.max(1, items.length))
  const lane = async () => {
    for (const item of queue) {
      await work(item).catch((error: unknown) => deps.log.warn({ err: error }, 'a step of the sweep failed'))
      await sleep(pauseMs)
    }
  }
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane))
}
