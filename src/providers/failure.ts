import { ProviderError, type ProviderErrorCode } from '../domain/errors.js'
import { type ProviderResponse, retryAfterSeconds } from './request.js'

/** What the status of a bad answer says by HTTP alone; a redirect or a good status is no answer of an API. */
export function codeOfStatus(status: number): ProviderErrorCode {
  if (status === 401 || status === 403) return 'provider_credentials'
  if (status === 404) return 'provider_not_found'
  if (status === 429) return 'provider_rate_limited'
  return status >= 400 && status < 500 && status !== 408 ? 'provider_rejected' : 'provider_failed'
}

/** A bad answer as a failure: its status, and neither its words nor what was sent, which may be somebody's own. */
export function badAnswer(
  provider: string,
  operation: string,
  { status, headers }: Pick<ProviderResponse, 'status' | 'headers'>,
  code: ProviderErrorCode = codeOfStatus(status),
): ProviderError {
  return new ProviderError(code, `${provider} answered ${operation} with ${status}`, provider, status, {
    retryAfterSeconds: retryAfterSeconds(headers['retry-after']),
  })
}
