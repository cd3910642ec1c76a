import { createCountdown } from './countdown.js'
import { byId, showText } from './dom.js'
import { wordsOf } from './problem.js'
import { showPanel } from './stage.js'

/** Says what went wrong and offers the way on. */
export function createTroubleView() {
  const retry = byId('trouble-retry')
  const countdown = createCountdown(retry)
  let choice

  retry.addEventListener('click', () => choice?.onRetry())
  byId('trouble-back').addEventListener('click', () => choice?.onBack())

  return {
    /** @param {{ title: string, error: unknown, onRetry: () => void, onBack: () => void }} trouble */
    show(trouble) {
      choice = trouble
      const { error } = trouble
      byId('trouble-title').textContent = trouble.title
      showText(byId('trouble-trace'), error.traceId && `Reference for support: ${error.traceId}`)
      countdown.shut(error.retryAfterSeconds)
      showPanel('trouble')
      byId('trouble-detail').textContent = wordsOf(error)
    },
  }
}
