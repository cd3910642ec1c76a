import { ProviderError } from '../domain/errors.js'
import type { Dispatch, Errand, Lookup } from '../domain/follow-up.js'
import { neverLeft } from './request.js'

/** What is known besides the errand when a provider is asked for it. */
export interface Search {
  /** When it was tried; epoch milliseconds. */
  since: number
  /** Which of these ids are known to be another follow-up's. */
  isOthers: (externalIds: readonly string[]) => Promise<ReadonlySet<string>>
}

/** A provider that brings follow-ups to people. */
export interface FollowUpCarrier {
  readonly provider: 'twilio' | 'bland'
  /** Whether it could send for a company with this number of its own. */
  configured(ownNumber: string | undefined): boolean
  /** One try; what came of it is never thrown, but for an abort by the caller. */
  send(errand: Errand, signal?: AbortSignal): Promise<Dispatch>
  /**
   * Whether a try that had no clear answer was taken.
   * @throws ProviderError when the provider cannot be asked
   */
  find(errand: Errand, search: Search, signal?: AbortSignal): Promise<Lookup>
  /**
   * What its webhook says, or would have said, with the path that it comes to; undefined while there is nothing to say.
   * @throws ProviderError when the provider cannot be asked
   */
  report(errand: Errand, externalId: string, signal?: AbortSignal): Promise<{ path: string; body: Buffer } | undefined>
}

/** What a request without an answer came to. */
export function unclearUnless(error: unknown): Dispatch {
  if (!(error instanceof ProviderError)) return { state: 'unclear' }
  if (error.code === 'provider_not_configured') return { state: 'refused', reason: 'provider_not_configured' }
  return neverLeft(error) ? { state: 'not_accepted' } : { state: 'unclear' }
}
