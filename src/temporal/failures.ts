import { ApplicationFailure } from '@temporalio/common'
import {
  idempotencyKeyReused,
  ParleyError,
  ProviderError,
  type ProviderErrorCode,
  providerProblems,
  UnavailableError,
  unknownSession,
} from '../domain/errors.js'

interface Details {
  retryAfterSeconds?: number
  providerStatus?: number
}

/** The failure of a workflow's update in the API's words. */
export function problemOf(cause: unknown, provider: string): ParleyError {
  if (!(cause instanceof ApplicationFailure))
    return new UnavailableError('the session could not be started', 'session_start_failed')
  const details = (cause.details?.[0] ?? {}) as Details
  if (cause.type && cause.type in providerProblems)
    return new ProviderError(cause.type as ProviderErrorCode, cause.message, provider, details.providerStatus, {
      retryAfterSeconds: details.retryAfterSeconds,
    })
  switch (cause.type) {
    case 'SessionNotFound':
      return unknownSession()
    case 'IdempotencyKeyReused':
      return idempotencyKeyReused()
    case 'SessionEnded':
      return new ParleyError('session_ended', 409, 'Conflict', 'the session was ended before it began')
    case 'SessionCancelled':
      return new UnavailableError('the start was cancelled by an operator', 'session_cancelled')
    default:
      return new UnavailableError('the session could not be started', 'session_start_failed')
  }
}
