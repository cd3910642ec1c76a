import { activityInfo, heartbeat } from '@temporalio/activity'

/** The SDK sends at most one in 80 % of the heartbeat time-out; a short call sends none. Milliseconds. */
const everyMs = 1000

/** Beats while the work runs, so that the engine tries again soon after a worker died; a local activity has no heartbeat. */
export async function withHeartbeat<T>(work: () => Promise<T>): Promise<T> {
  if (activityInfo().isLocal) return await work()
  const timer = setInterval(() => heartbeat(), everyMs)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}
