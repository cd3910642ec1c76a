import type { ReadySession } from '../../workflows/messages.js'

/**
 * Where API and worker are one process, a start hears of its conversation as soon as the step that made it is done: what
 * the engine adds after that, a workflow task and the update's way back, is a quarter of what a caller would wait.
 * Only the request that began the session is told; every other asks the engine, which compares what was asked for.
 */
export function createReadyNotices() {
  const waiting = new Map<string, (ready: ReadySession) => void>()
  return {
    announce(ready: ReadySession): void {
      waiting.get(ready.startedBy)?.(ready)
    },
    /** Settles with whichever comes first: the notice for the request `startedBy`, or `work`. */
    async first<T>(startedBy: string, work: Promise<T>, answer: (ready: ReadySession) => T): Promise<T> {
      const told = new Promise<T>((resolve) => waiting.set(startedBy, (ready) => resolve(answer(ready))))
      // A failure of `work` that comes after the notice concerns nobody.
      return await Promise.race([work, told]).finally(() => waiting.delete(startedBy))
    },
  }
}

export type ReadyNotices = ReturnType<typeof createReadyNotices>
