import type { SessionProvider } from '../domain/session.js'
import type { Logger } from './logger.js'
import type { Metrics } from './metrics.js'

interface Person {
  userId: string
  tenantId?: string | undefined
}
interface OfSession {
  provider: SessionProvider
  sessionId?: string | undefined
  conversationId?: string | undefined
}

interface FollowUpSaid {
  tenantId: string
  followUpId: string
}
interface Prewarmed {
  durationSeconds: number
}

/**
 * One function per business event: its log line and its counter are written together. `on` is the log of the request
 * that it happened in, so that the line carries the trace; without it the process's own is used.
 */
export function createEvents(log: Logger, metrics: Metrics) {
  const person = ({ userId, tenantId }: Person) => ({ user_id: userId, tenant_id: tenantId })
  const session = ({ provider, sessionId, conversationId }: OfSession) => ({
    provider,
    session_id: sessionId,
    external_id: conversationId,
  })
  const say = (event: string, fields: object, on: Logger = log) => on.info({ event, ...fields }, messages[event])
  const warn = (event: string, fields: object, on: Logger = log) => on.warn({ event, ...fields }, messages[event])

  return {
    loginSucceeded: (who: Person, on?: Logger) => say('auth:login:success', person(who), on),
    loginFailed: ({ reason }: { reason: string }, on?: Logger) => warn('auth:login:failed', { reason }, on),
    refreshReused: (who: Partial<Person>, on?: Logger) =>
      warn('auth:refresh:reused', { user_id: who.userId, tenant_id: who.tenantId }, on),
    jwtValid: (who: Person, on?: Logger) => say('jwt:valid', person(who), on),
    jwtInvalid: ({ reason }: { reason: string }, on?: Logger) => say('jwt:invalid_token', { reason }, on),
    accessDenied: (
      {
        userId,
        tenantId,
        ...fields
      }: Person & { role: string; route: string; required_roles?: readonly string[]; required_scope?: string | null },
      on?: Logger,
    ) => warn('access:denied', { ...person({ userId, tenantId }), ...fields }, on),
    rateLimited: (
      { limit, ...who }: { limit: string; userId: string | undefined; tenantId: string | undefined },
      on?: Logger,
    ) => {
      metrics.rateLimitHits.inc()
      warn('rate_limit:hit', { limit, user_id: who.userId, tenant_id: who.tenantId }, on)
    },

    /** Once for each time that Redis fails. */
    limitsInMemory: ({ cause }: { cause: unknown }) => warn('rate_limit:memory', { err: cause }),
    limitsInRedis: () => say('rate_limit:redis', {}),
    limitCountedInMemory: () => metrics.rateLimitFallbacks.inc(),

    prewarmStarted: () => say('custom_llm:prewarm:start', {}),
    prewarmSucceeded: ({ status, durationSeconds }: Prewarmed & { status: number }) => {
      metrics.prewarmDurationSeconds.observe(durationSeconds)
      say('custom_llm:prewarm:success', { provider_status: status, duration_sec: durationSeconds })
    },
    prewarmFailed: ({ error, durationSeconds }: Prewarmed & { error: string }) => {
      metrics.prewarmDurationSeconds.observe(durationSeconds)
      warn('custom_llm:prewarm:failed', { error, duration_sec: durationSeconds })
    },
    prewarmSkipped: ({ reason }: { reason: string }) => say('custom_llm:prewarm:skipped', { reason }),

    startRequested: ({ attempt, ...which }: OfSession & { attempt?: number }) =>
      say(`${which.provider}:start:request`, { ...session(which), attempt }),
    startResponded: (which: OfSession) => say(`${which.provider}:start:response`, session(which)),
    startAuthenticated: ({ provider, sessionId, ...who }: Person & OfSession, on?: Logger) =>
      say(`${provider}:start:authenticated`, { ...session({ provider, sessionId }), ...person(who) }, on),
    startUnauthenticated: (which: OfSession) => say(`${which.provider}:start:unauthenticated`, session(which)),
    userFound: (who: Person & { by?: 'email' | 'sub' }) => say('resolve_user:found', { ...person(who), by: who.by }),
    userNotFound: ({ reason }: { reason?: string } = {}) => say('resolve_user:not_found', { reason }),
    sessionTracked: ({ dbTracking, ...which }: OfSession & { dbTracking: string }) =>
      say(`${which.provider}:db:tracked`, { ...session(which), db_tracking: dbTracking }),
    endRequested: (which: OfSession) => say(`${which.provider}:end:request`, session(which)),
    endResponded: (which: OfSession) => say(`${which.provider}:end:response`, session(which)),

    followUpTried: ({ tenantId, followUpId, provider, state }: FollowUpSaid & { provider: string; state: string }) =>
      say('follow_up:tried', { tenant_id: tenantId, follow_up_id: followUpId, provider, state }),
    /** Nobody will ever know whether it was taken. */
    followUpUnclear: ({ tenantId, followUpId, channel }: FollowUpSaid & { channel: string }) =>
      warn('follow_up:unknown', { tenant_id: tenantId, follow_up_id: followUpId, channel }),

    sessionStarted: ({ provider }: { provider: string }) => metrics.sessionsStarted.inc({ provider }),
    sessionEndAnswered: (which: OfSession, on?: Logger) => say('session:end:answered', session(which), on),
    sessionEnded: ({ provider, reason, sessionId }: { provider: string; reason: string; sessionId?: string }) => {
      metrics.sessionsEnded.inc({ provider, reason })
      say('session:ended', { provider, reason, session_id: sessionId })
    },
  }
}

export type BusinessEvents = ReturnType<typeof createEvents>

const ofProvider = (provider: SessionProvider): Record<string, string> => ({
  [`${provider}:start:request`]: 'conversation asked for',
  [`${provider}:start:response`]: 'conversation created',
  [`${provider}:start:authenticated`]: 'start by a known caller',
  [`${provider}:start:unauthenticated`]: 'start by an anonymous caller',
  [`${provider}:db:tracked`]: 'session tracked',
  [`${provider}:end:request`]: 'end asked for',
  [`${provider}:end:response`]: 'end accepted',
})

/** Constant texts; what varies is in the fields. */
const messages: Record<string, string> = {
  ...ofProvider('tavus'),
  ...ofProvider('elevenlabs'),
  'auth:login:success': 'login',
  'auth:login:failed': 'login refused',
  'auth:refresh:reused': 'a used refresh token came again: its family is revoked',
  'jwt:valid': 'token accepted',
  'jwt:invalid_token': 'token not accepted, treated as absent',
  'access:denied': 'role or scope not allowed',
  'rate_limit:hit': 'request refused by a limit',
  'rate_limit:memory': 'redis failed: limits count in memory',
  'rate_limit:redis': 'limits count in redis again',
  'custom_llm:prewarm:start': 'prewarm started',
  'custom_llm:prewarm:success': 'prewarm succeeded',
  'custom_llm:prewarm:failed': 'prewarm failed, the call goes on',
  'custom_llm:prewarm:skipped': 'prewarm skipped',
  'resolve_user:found': 'user found',
  'resolve_user:not_found': 'user not found',
  'follow_up:tried': 'follow-up given to its provider',
  'follow_up:unknown': 'a follow-up ended without anybody knowing whether it was sent',
  'session:end:answered': 'end answered',
  'session:ended': 'session ended',
}
