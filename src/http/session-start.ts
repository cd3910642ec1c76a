import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { v7 as uuidv7 } from 'uuid'
import type { EndedSession, ReadySession, SessionInput, SessionRequest } from '../../workflows/messages.js'
import { ForbiddenError, TooManyRequestsError, UnauthorizedError } from '../domain/errors.js'
import type { Caller } from '../domain/identity.js'
import type { SessionMode, SessionOwner, SessionProvider } from '../domain/session.js'
import type { Services } from '../services.js'
import { tenantActor } from './access.js'

export interface StartRequest {
  caller: Caller | undefined
  /** Scope of an anonymous caller's Idempotency-Key: a guessed key must not open a stranger's room. */
  address: string
  idempotencyKey: string | undefined
  provider: SessionProvider
  /** Plain unless said. */
  mode?: SessionMode | undefined
  request: SessionRequest
  maxDurationSeconds?: number | undefined
  signal?: AbortSignal | undefined
}

export interface StartedSession {
  ready: ReadySession
  ended?: EndedSession | undefined
  /** An earlier request under the same key began it. */
  replayed: boolean
}

type Deps = Pick<Services, 'config' | 'sessions' | 'sessionClient' | 'events'>

/** Starts sessions, one per Idempotency-Key, whichever route asked. */
export function createSessionStarter({ config, sessions, sessionClient, events }: Deps) {
  const limits = config.sessions
  /** An agent has a model of its own: nothing of ours is warmed for it. */
  const ofProvider = {
    tavus: { prewarm: config.customLlm.enabled, recording: config.tavus.recording !== undefined },
    elevenlabs: { prewarm: false, recording: config.elevenlabs.recording },
  }

  function inputOf(start: StartRequest): SessionInput {
    if (start.mode === 'mentor') assertPerson(start.caller)
    const owner = ownerOf(start.caller)
    const { provider, request, mode = 'plain' } = start
    const maxSeconds = Math.min(start.maxDurationSeconds ?? limits.maxSeconds, limits.maxSeconds)
    // What a plain request was before there were modes, it stays: a key may be older than this process.
    const asked = [provider, maxSeconds, canonical(request), ...(mode === 'plain' ? [] : [mode])]
    return {
      sessionId: start.idempotencyKey ? sessionIdOfKey(start, owner) : uuidv7(),
      provider,
      mode,
      requestHash: digest(JSON.stringify(asked)).toString('base64url'),
      startedBy: randomUUID(),
      keyed: start.idempotencyKey !== undefined,
      owner,
      request,
      maxSeconds,
      ...ofProvider[provider],
      providerQueue: config.temporal.taskQueues.providers,
      limits: {
        startMs: limits.startTimeoutMs,
        trackMs: limits.trackWaitMs,
        maxGraceMs: limits.maxGraceMs,
        abandonMs: limits.abandonMs,
        confirmMs: Math.min(5000, limits.reconcileMs),
        artifactWaitMs: limits.artifactWaitMs,
        ...(provider === 'elevenlabs' ? { joinMs: config.elevenlabs.joinMs } : {}),
      },
    }
  }

  /** Anonymous starts cost money too: a slot each, taken before anything is begun. */
  async function admit(input: SessionInput, caller: Caller | undefined): Promise<boolean> {
    if (caller) return false
    if (!limits.allowAnonymous) throw new UnauthorizedError('anonymous sessions are not allowed here', 'token_missing')
    try {
      const reserving = sessions.reserveAnonymous(input.sessionId, limits.anonymousMaxActive)
      const reserved = await Promise.race([reserving, sleep(limits.trackWaitMs, 'unknown' as const, { ref: false })])
      // Without the database, or with one that hangs, the call still starts.
      if (reserved === 'unknown') return false
      if (reserved) return true
    } catch {
      return false
    }
    throw new TooManyRequestsError('too many anonymous conversations are open', 30, 'anonymous_limit')
  }

  async function start(request: StartRequest): Promise<StartedSession> {
    const input = inputOf(request)
    const reserved = await admit(input, request.caller)
    const { provider } = input
    if (request.caller)
      events.startAuthenticated({
        provider,
        sessionId: input.sessionId,
        userId: request.caller.userId,
        tenantId: request.caller.tenantId,
      })
    else events.startUnauthenticated({ provider, sessionId: input.sessionId })
    try {
      const timeoutMs = limits.startTimeoutMs + limits.trackWaitMs + 3000
      const { ready, ended } = await sessionClient.start(input, {
        requestId: input.startedBy,
        timeoutMs,
        signal: request.signal,
      })
      const replayed = ready.startedBy !== input.startedBy
      if (!replayed) events.sessionStarted({ provider })
      return { ready, ended, replayed }
    } catch (error) {
      if (reserved) await releaseUnlessRunning(input.sessionId)
      throw error
    }
  }

  async function releaseUnlessRunning(sessionId: string): Promise<void> {
    const run = await sessionClient.describe(sessionId).catch(() => ({ running: true }))
    if (!run?.running) await sessions.releaseAnonymous(sessionId, 'error').catch(() => undefined)
  }

  return {
    start,
    /** Begins a session and does not wait for it: its state is read at GET /sessions/:id. */
    async begin(request: StartRequest): Promise<{ sessionId: string }> {
      const input = inputOf(request)
      await admit(input, request.caller)
      await sessionClient.begin(input)
      return { sessionId: input.sessionId }
    },
  }
}

export type SessionStarter = ReturnType<typeof createSessionStarter>

function ownerOf(caller: Caller | undefined): SessionOwner | undefined {
  if (!caller) return undefined
  const { userId, email, tenantId } = caller
  return { userId, ...(email ? { email } : {}), ...(tenantId ? { tenantId } : {}) }
}

const digest = (text: string) => createHash('sha256').update(text).digest()

/** The same key of the same caller is the same session: the engine's uniqueness of ids does the rest. */
function sessionIdOfKey(start: StartRequest, owner: SessionOwner | undefined): string {
  const scope = owner ? ['user', owner.tenantId ?? '', owner.userId] : ['anonymous', start.address]
  const bytes = digest(JSON.stringify(['session', ...scope, start.idempotencyKey])).subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80 // RFC 9562 version 8: made from a digest
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** A mentor knows somebody of a company, and a key of a server is nobody. */
function assertPerson(caller: Caller | undefined): void {
  tenantActor(caller)
  if (caller?.key) throw new ForbiddenError('a mentor session is a person’s, and no API key’s', 'key_not_allowed')
}

/** Keys in order, so that the same request has the same digest however it was written. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, field]) => [key, canonical(field)]))
}
