import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow'

/** The activity's own failure, out of its wrapper; a start that ran out of time is the provider's time-out. */
export function failureOf(error: unknown): ApplicationFailure {
  const cause = error instanceof ActivityFailure ? error.cause : error
  if (cause instanceof ApplicationFailure) return cause
  return ApplicationFailure.create({
    type: 'provider_timeout',
    message: cause instanceof Error && cause.message ? cause.message : 'no answer in time',
    nonRetryable: false,
    details: [{ status: 503 }],
  })
}
