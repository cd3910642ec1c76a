import { type ProviderErrorCode, ProviderError } from '../../domain/errors.js'
import { type ProviderResponse, retryAfterSeconds } from '../request.js'

/** A bad answer as a failure: its status, and neither its words nor what was sent, which are a company's own. */
export function uwcFailure(operation: string, { status, headers }: ProviderResponse): ProviderError {
  return new ProviderError(codeOf(status), `uwc answered ${operation} with ${status}`, 'uwc', status, {
    retryAfterSeconds: retryAfterSeconds(headers['retry-after']),
  })
}

/** An answer that cannot be read is a failure of the partner, its result unknown. */
export const unreadable = (operation: string, status: number) =>
  new ProviderError('provider_failed', `uwc answered ${operation} with something that cannot be read`, 'uwc', status)

function codeOf(status: number): ProviderErrorCode {
  if (status === 401 || status === 403) return 'provider_credentials'
  if (status === 402) return 'provider_out_of_credits'
  if (status === 404) return 'provider_not_found'
  if (status === 429) return 'provider_rate_limited'
  // 425: too early, by RFC 8470 worth another try. A redirect is no answer of an API.
  return status >= 500 || status < 400 || status === 408 || status === 425 ? 'provider_failed' : 'provider_rejected'
}
