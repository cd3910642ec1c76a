import { setTimeout as sleep } from 'node:timers/promises'
import { isTaken, takeLock, type FileLock } from './file-lock.js'
import { Refusal } from './refusal.js'

/** A start that was just ended may not have noticed yet: npm is gone before its child is. */
const noticeMs = 1_500
const stoppingMs = 60_000
const stopping = 'stopping'

export interface CheckoutLock {
  /** Tells a second start where this one answers. */
  running: (url: string) => void
  stopping: () => void
  release: () => void
}

/** One start per data directory; a second is told where the first one answers. */
export async function lockCheckout(file: string, say: (message: string) => void): Promise<CheckoutLock> {
  const began = Date.now()
  for (let told = false; ;) {
    const lock = takeLock(file)
    if (!isTaken(lock)) return handle(lock)
    const ends = lock.note === stopping
    if (ends && !told) say(`process ${lock.pid} is still stopping: waiting for it`)
    told ||= ends
    if (Date.now() - began > (ends ? stoppingMs : noticeMs)) {
      const where = lock.note && !ends ? ` at ${lock.note}` : ''
      throw new Refusal(
        `Parley already runs here${where} (process ${lock.pid}): use that one, or end it with: kill ${lock.pid}`,
      )
    }
    await sleep(100)
  }
}

const handle = (lock: FileLock): CheckoutLock => ({
  running: (url) => lock.annotate(url),
  stopping: () => lock.annotate(stopping),
  release: () => lock.release(),
})
