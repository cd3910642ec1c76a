import {
  CancellationScope,
  condition,
  isCancellation,
  log,
  proxyActivities,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow'
import type { UwcActivities } from '../activities/uwc.js'
import { isOver, timedOut } from '../src/domain/partner-job.js'
import { failureOf, isTimeout } from './failures.js'
import { jobOverSignal, type UwcJobInput, uwcJobQuery, type UwcJobState } from './messages.js'
import { patientStore } from './options.js'

/** The pause between two questions grows to so many times the first. */
const longestPause = 15

/**
 * One job of the ML partner: sent until it is taken, then awaited. The job's row is the truth, whatever wrote it: the signal
 * of a webhook only says that it is worth a look, and without one the partner is asked.
 */
export async function uwcJob(input: UwcJobInput): Promise<UwcJobState> {
  const { id, tenantId, limits, providerQueue: taskQueue } = input
  const job = { id, tenantId }
  const deadline = Date.now() + limits.timeoutMs
  const left = () => Math.max(0, deadline - Date.now())
  let news = 0
  let state: UwcJobState = { status: 'queued', submitted: false }
  setHandler(jobOverSignal, () => void news++)
  setHandler(uwcJobQuery, () => state)
  // Longer than a question to the partner may take.
  const store = proxyActivities<UwcActivities>({ ...patientStore, startToCloseTimeout: '150s', taskQueue })

  /** Ends early when a webhook has told the end while the answer to the sending is still awaited. */
  async function submitted(): Promise<UwcJobState> {
    const scope = new CancellationScope()
    const sending = scope.run(() => sender(taskQueue, left(), limits.pollMs).submitUwcJob(job))
    sending.catch(() => undefined)
    for (;;) {
      const seen = news
      const taken = await Promise.race([sending, condition(() => news > seen).then(() => undefined)])
      const known = taken ?? (await store.checkUwcJob({ ...job, ask: false }))
      if (taken || isOver(known.status)) {
        scope.cancel()
        return known
      }
    }
  }

  /** Until the row says that the job is over, or the partner does not know it any more. */
  async function awaited(): Promise<UwcJobState> {
    let pauseMs = limits.pollMs
    let seen = 0
    while (!isOver(state.status) && state.submitted && left() > 0) {
      const told = await condition(() => news > seen, Math.min(pauseMs, Math.max(1, left())))
      seen = news
      state = await store.checkUwcJob({ ...job, ask: !told })
      pauseMs = Math.min(pauseMs * 2, limits.pollMs * longestPause)
    }
    return state
  }

  try {
    while (!isOver(state.status) && left() > 0) {
      setCurrentDetails('being sent')
      state = await submitted()
      setCurrentDetails('awaited')
      state = await awaited()
    }
    if (!isOver(state.status)) state = await store.endUwcJob({ ...job, error: timedOut })
  } catch (error) {
    if (isCancellation(error)) {
      await CancellationScope.nonCancellable(() => store.endUwcJob({ ...job, error: 'cancelled' }))
      throw error
    }
    state = await store.endUwcJob({ ...job, ...endOf(error) })
  }
  setCurrentDetails(state.status)
  log.info('job of the partner is over', { job_id: id, status: state.status })
  return state
}

/** Tried again and again until it is taken, refused, or nobody would wait for it any more. */
const sender = (taskQueue: string, withinMs: number, longestMs: number) =>
  proxyActivities<UwcActivities>({
    taskQueue,
    startToCloseTimeout: '150s',
    heartbeatTimeout: '15s',
    scheduleToCloseTimeout: Math.max(1, withinMs),
    cancellationType: 'TRY_CANCEL',
    retry: { initialInterval: Math.min(1000, longestMs), backoffCoefficient: 2, maximumInterval: longestMs },
  })

/** The refusal; what another try might have mended only ran out of time, and why it was tried so long is kept. */
function endOf(error: unknown): { error: string; detail?: string | undefined } {
  const { type, message, nonRetryable } = failureOf(error)
  const refused = !isTimeout(error) && nonRetryable === true
  return { error: refused ? (type ?? 'refused') : timedOut, detail: message }
}
