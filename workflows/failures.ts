import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow'

/** The failure itself; a replay gives that of a local activity without the wrapper that it had at first (SDK 1.24.0). */
const unwrapped = (error: unknown): unknown => (error instanceof ActivityFailure ? error.cause : error)

/** The activity's own failure, out of its wrapper; a start that ran out of time is the provider's time-out. */
export function failureOf(error: unknown): ApplicationFailure {
  const cause = unwrapped(error)
  if (cause instanceof ApplicationFailure) return cause
  return ApplicationFailure.create({
    type: 'provider_timeout',
    message: cause instanceof Error && cause.message ? cause.message : 'no answer in time',
    nonRetryable: false,
    details: [{ status: 503 }],
  })
}

/** The step did not answer in its time; what it does may go on. */
export const isTimeout = (error: unknown): boolean => unwrapped(error) instanceof TimeoutFailure
