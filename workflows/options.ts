import type { ActivityOptions, LocalActivityOptions } from '@temporalio/workflow'

// Time limits and retries by class of activity. A user waits for the first two; the others may take as long as it takes.

/**
 * One quick, idempotent database step on the path of a request that waits this long at most. Two tries share the time: a
 * number and not scheduleToCloseTimeout, since a local activity whose time runs out between two attempts never settles
 * (SDK 1.24.0).
 */
export const quickStore = (withinMs: number): LocalActivityOptions => ({
  startToCloseTimeout: Math.ceil(withinMs / 2),
  retry: { initialInterval: '50ms', maximumAttempts: 2 },
})

/** One try of a question that is mostly answered at once, well within the time of a workflow task. */
export const quickAnswer: LocalActivityOptions = {
  startToCloseTimeout: '1s',
  retry: { maximumAttempts: 1 },
}

/** A database step for which waits: until the database is back. */
export const patientStore: ActivityOptions = {
  startToCloseTimeout: '20s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
}

/** Ending a paid conversation: a day of tries, then the sweep still finds it. */
export const endCall: ActivityOptions = {
  startToCloseTimeout: '40s',
  heartbeatTimeout: '5s',
  scheduleToCloseTimeout: '24h',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '60s' },
}

/** What reaches a person: never tried again by the engine, whatever becomes of it. */
export const reachPerson: ActivityOptions = {
  startToCloseTimeout: '60s',
  heartbeatTimeout: '5s',
  retry: { maximumAttempts: 1 },
}

/** Asking the provider how a conversation stands. */
export const askProvider: ActivityOptions = {
  startToCloseTimeout: '40s',
  heartbeatTimeout: '5s',
  scheduleToCloseTimeout: '10m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '60s' },
}
