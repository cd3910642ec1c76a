import { ProviderError, type ProviderErrorCode } from '../../domain/errors.js'
import { badAnswer, codeOfStatus } from '../failure.js'
import type { ProviderResponse } from '../request.js'

/** A bad answer of the partner as a failure. */
export const uwcFailure = (operation: string, response: ProviderResponse): ProviderError =>
  badAnswer('uwc', operation, response, codeOf(response.status))

/** An answer that cannot be read is a failure of the partner, its result unknown. */
export const unreadable = (operation: string, status: number) =>
  new ProviderError('provider_failed', `uwc answered ${operation} with something that cannot be read`, 'uwc', status)

function codeOf(status: number): ProviderErrorCode {
  if (status === 402) return 'provider_out_of_credits'
  // Too early, by RFC 8470 worth another try.
  return status === 425 ? 'provider_failed' : codeOfStatus(status)
}
