import type { Logger } from './logger.js'
import type { Metrics } from './metrics.js'

interface Person {
  userId: string
  tenantId?: string | undefined
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
  const tavus = (sessionId?: string, conversationId?: string) => ({
    provider: 'tavus',
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

    tavusStartRequested: ({ sessionId, attempt }: { sessionId: string; attempt?: number }) =>
      say('tavus:start:request', { ...tavus(sessionId), attempt }),
    tavusStartResponded: ({ sessionId, conversationId }: { sessionId: string; conversationId: string }) =>
      say('tavus:start:response', tavus(sessionId, conversationId)),
    tavusStartAuthenticated: ({ sessionId, ...who }: Person & { sessionId: string }, on?: Logger) =>
      say('tavus:start:authenticated', { ...tavus(sessionId), ...person(who) }, on),
    tavusStartUnauthenticated: ({ sessionId }: { sessionId: string }, on?: Logger) =>
      say('tavus:start:unauthenticated', tavus(sessionId), on),
    userFound: (who: Person & { by?: 'email' | 'sub' }) => say('resolve_user:found', { ...person(who), by: who.by }),
    userNotFound: ({ reason }: { reason?: string } = {}) => say('resolve_user:not_found', { reason }),
    tavusTracked: ({ sessionId, dbTracking }: { sessionId: string; dbTracking: string }) =>
      say('tavus:db:tracked', { ...tavus(sessionId), db_tracking: dbTracking }),
    tavusEndRequested: ({ conversationId }: { conversationId: string }) =>
      say('tavus:end:request', tavus(undefined, conversationId)),
    tavusEndResponded: ({ conversationId }: { conversationId: string }) =>
      say('tavus:end:response', tavus(undefined, conversationId)),

    followUpTried: ({ tenantId, followUpId, provider, state }: FollowUpSaid & { provider: string; state: string }) =>
      say('follow_up:tried', { tenant_id: tenantId, follow_up_id: followUpId, provider, state }),
    /** Nobody will ever know whether it was taken. */
    followUpUnclear: ({ tenantId, followUpId, channel }: FollowUpSaid & { channel: string }) =>
      warn('follow_up:unknown', { tenant_id: tenantId, follow_up_id: followUpId, channel }),

    sessionStarted: ({ provider }: { provider: string }) => metrics.sessionsStarted.inc({ provider }),
    sessionEndAnswered: ({ sessionId, conversationId }: { sessionId: string; conversationId: string }, on?: Logger) =>
      say('session:end:answered', tavus(sessionId, conversationId), on),
    sessionEnded: ({ provider, reason, sessionId }: { provider: string; reason: string; sessionId?: string }) => {
      metrics.sessionsEnded.inc({ provider, reason })
      say('session:ended', { provider, reason, session_id: sessionId })
    },
  }
}

export type BusinessEvents = ReturnType<typeof createEvents>

/** Constant texts; what varies is in the fields. */
const messages: Record<string, string> = {
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
  'tavus:start:request': 'conversation asked for',
  'tavus:start:response': 'conversation created',
  'tavus:start:authenticated': 'start by a known caller',
  'tavus:start:unauthenticated': 'start by an anonymous caller',
  'resolve_user:found': 'user found',
  'resolve_user:not_found': 'user not found',
  'tavus:db:tracked': 'session tracked',
  'tavus:end:request': 'end asked for',
  'tavus:end:response': 'end accepted',
  'follow_up:tried': 'follow-up given to its provider',
  'follow_up:unknown': 'a follow-up ended without anybody knowing whether it was sent',
  'session:end:answered': 'end answered',
  'session:ended': 'session ended',
}
