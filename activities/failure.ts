import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common'
import { ParleyError, ProviderError } from '../src/domain/errors.js'

/** What the workflow and the API need of a failure: no cause, no stack, nothing of a person. */
export interface FailureDetails {
  status: number
  title?: string
  retryAfterSeconds?: number | undefined
  providerStatus?: number | undefined
  /** Nothing happened at the provider. */
  effectless?: boolean | undefined
}

/** Turns an error of a client or store into retry or stop; `type` is the failure's code. */
export function toFailure(error: unknown, more: { effectless?: boolean } = {}): unknown {
  if (error instanceof ParleyError) return parleyFailure(error, more)
  const sqlState = (error as { code?: unknown } | null)?.code
  // Class 22 and 23: the row itself is refused, and will be refused again.
  if (typeof sqlState === 'string' && /^2[23]\w{3}$/.test(sqlState))
    return ApplicationFailure.nonRetryable(`the database refused the row (${sqlState})`, 'database_refused', {
      status: 500,
    })
  return error
}

function parleyFailure(error: ParleyError, more: { effectless?: boolean }): ApplicationFailure {
  const retryable = error instanceof ProviderError ? error.retryable : error.status === 503
  const details: FailureDetails = {
    status: error.status,
    title: error.title,
    retryAfterSeconds: error.retryAfterSeconds,
    providerStatus: error instanceof ProviderError ? error.providerStatus : undefined,
    ...more,
  }
  return ApplicationFailure.create({
    type: error.code,
    message: error.message,
    nonRetryable: !retryable,
    category: ApplicationFailureCategory.BENIGN,
    details: [details],
    ...(retryable && error.retryAfterSeconds ? { nextRetryDelay: error.retryAfterSeconds * 1000 } : {}),
  })
}
