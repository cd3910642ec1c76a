import { CancellationScope, condition, isCancellation, proxyActivities, setHandler, sleep } from '@temporalio/workflow'
import type { FollowUpActivities, FollowUpCarrierActivities } from '../activities/follow-ups.js'
import { type FollowUpInput, followUpChangedSignal } from './messages.js'
import { askProvider, patientStore, reachPerson } from './options.js'

const store = proxyActivities<FollowUpActivities>(patientStore)

const longestDraftPauseMs = 60_000
/** After a step that failed for good: what is wrong may be mended meanwhile. */
const mendMs = 30_000

/**
 * One call or text message to a lead. Its row says whether it may be sent and whether it was; this decides when to look.
 * A try is never repeated by the engine: after one without a clear answer the provider is asked first.
 */
export async function followUp(input: FollowUpInput): Promise<void> {
  const { tenantId, followUpId } = input
  const ref = { tenantId, followUpId }
  const asking = proxyActivities<FollowUpCarrierActivities>({ ...askProvider, taskQueue: input.providerQueue })
  const sending = proxyActivities<FollowUpCarrierActivities>({ ...reachPerson, taskQueue: input.providerQueue })
  let changes = 0
  let failures = 0
  setHandler(followUpChangedSignal, () => void changes++)

  /** Until then, or until it was called off. */
  async function rest(ms: number): Promise<void> {
    const seen = changes
    await condition(() => changes !== seen, Math.max(ms, 1))
  }

  try {
    const { state, needsDraft } = await store.beginFollowUp(ref)
    if (state === 'over') return
    if (needsDraft && !(await drafted())) return
    if (await brought()) await watch()
  } catch (error) {
    if (!isCancellation(error)) throw error
    await CancellationScope.nonCancellable(() => store.withdrawFollowUp({ ...ref, end: { status: 'cancelled' } }))
    throw error
  }

  async function drafted(): Promise<boolean> {
    const until = Date.now() + input.limits.draftMs
    for (let pauseMs = input.limits.draftPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestDraftPauseMs)) {
      const { state } = await asking.draftFollowUp(ref).catch(waiting)
      if (state === 'ready') return true
      if (state === 'over') return false
      if (state === 'failed' || Date.now() >= until) {
        await store.withdrawFollowUp({ ...ref, end: { status: 'failed', reason: 'draft_failed' } })
        return false
      }
      await rest(pauseMs)
    }
  }

  /** @returns whether the provider has taken it */
  async function brought(): Promise<boolean> {
    for (;;) {
      const step = await attempt()
      if (step.state === 'over') return false
      if (step.state === 'sent') return true
      if (step.state === 'wait') await rest(step.until - Date.now())
      else if (step.state === 'again') await rest(step.afterMs)
    }
  }

  async function attempt() {
    const tried = await sending.sendFollowUp(ref).catch(broken)
    if (tried.state === 'answered') {
      const { dispatch } = tried
      const notBefore = Date.now() + 1000 * (dispatch.state === 'unclear' ? (dispatch.retryAfterSeconds ?? 0) : 0)
      const standing = await store.recordFollowUp({ ...ref, dispatch }).catch(broken)
      return standing.state === 'unresolved' ? await resolved(notBefore) : standing
    }
    return tried.state === 'unresolved' ? await resolved(Date.now() + pauseOf(failures)) : tried
  }

  /** A step that failed itself, and not its provider, is paced: nothing else would. */
  function broken(error: unknown) {
    if (isCancellation(error)) throw error
    failures++
    return { state: 'unresolved' } as const
  }

  /** Asks the provider until it is clear, or until it is clear that it never will be; another try is not before. */
  async function resolved(notBefore: number) {
    for (;;) {
      const found = await asking.resolveFollowUp(ref).catch(later)
      if (found.state === 'again') return { ...found, afterMs: Math.max(found.afterMs, notBefore - Date.now()) }
      if (found.state !== 'ask_again') return found
      await sleep(found.afterMs)
    }
  }

  /** What came of it: webhooks tell, and where they do not, the provider is asked. */
  async function watch(): Promise<void> {
    let pauseMs = input.limits.resultMs
    for (let asked = 0; asked < input.limits.resultAsks; asked++, pauseMs *= 2) {
      await sleep(pauseMs)
      const { over } = await asking.askForResult(ref).catch(notYet)
      if (over) return
    }
  }
}

/** A failure of the step itself, but never of a cancellation. */
const unlessCancelled =
  <T>(value: T) =>
  (error: unknown): T => {
    if (isCancellation(error)) throw error
    return value
  }

/** Longer each time, from nothing. Milliseconds. */
const pauseOf = (failures: number) => (failures === 0 ? 0 : Math.min(1000 * 2 ** failures, 300_000))

const later = unlessCancelled({ state: 'ask_again', afterMs: mendMs } as const)
const waiting = unlessCancelled({ state: 'pending' } as const)
const notYet = unlessCancelled({ over: false })
