import { NetworkFailure, Problem } from './problem.js'

const NETWORK_TRIES = 3
const NETWORK_PAUSE_MS = 1500
const BUSY_PAUSE_MS = 2000
const BUSY_LIMIT_MS = 60_000

/** A key for one click; `randomUUID` exists in secure contexts only. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Whether nobody knows if the start had an effect; then a retry must carry the same key, else it may start a second call. */
export function isUncertain(error) {
  return (
    error instanceof NetworkFailure ||
    (error instanceof Problem && (error.status === 409 || (error.status >= 500 && !error.definite)))
  )
}

/**
 * One start, asked for again under the same key while its result is unknown.
 * @param {{ start: (key: string, signal: AbortSignal) => Promise<import('./api.js').StartAnswer>, key: string, signal: AbortSignal }} attempt
 */
export async function startConversation({ start, key, signal }) {
  const giveUpAt = Date.now() + BUSY_LIMIT_MS
  for (let failures = 0; ;) {
    try {
      return await start(key, signal)
    } catch (error) {
      const busy = error instanceof Problem && error.status === 409
      if (!busy) failures++
      const again = busy ? Date.now() < giveUpAt : error instanceof NetworkFailure && failures < NETWORK_TRIES
      if (!again || signal.aborted) throw error
      await pause(busy ? (error.retryAfterSeconds ?? 0) * 1000 || BUSY_PAUSE_MS : NETWORK_PAUSE_MS * failures, signal)
    }
  }
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}
