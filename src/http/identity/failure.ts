import { ParleyError, UnauthorizedError } from '../../domain/errors.js'
import type { Caller } from '../../domain/identity.js'

/** Why what a request carries does not say who calls. */
export interface CredentialFailure {
  /** For the log. */
  reason: string
  /** What a route that needs a caller answers. */
  error: ParleyError
  /** Answered as well where a caller is optional: a wrong key is a mistake of the server that sent it. */
  always?: boolean
}

export type Identified = { caller: Caller } | { failure: CredentialFailure }

/** A bearer token that is not accepted; the answer does not say why. */
export const invalidToken = (reason: string): Identified => ({
  failure: { reason, error: new UnauthorizedError('the token is not valid', 'token_invalid') },
})

export const expiredToken = (reason: string): Identified => ({
  failure: { reason, error: new UnauthorizedError('the token has expired', 'token_expired') },
})

export const invalidKey = (reason: string): Identified => ({
  failure: { reason, error: new UnauthorizedError('the API key is not valid', 'key_invalid'), always: true },
})

/** What was thrown on the way: a refusal of ours, such as a part that is away, as it stands; anything else is the token's. */
export function failureOf(error: unknown): Identified {
  const reason = error instanceof Error ? error.message : String(error)
  if (error instanceof ParleyError) return { failure: { reason, error } }
  return error instanceof Error && error.name === 'TokenExpiredError' ? expiredToken(reason) : invalidToken(reason)
}
