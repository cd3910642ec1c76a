import { setTimeout as sleep } from 'node:timers/promises'

export interface LoadResult {
  sent: number
  errors: number
  /** Milliseconds, sorted. */
  latencies: number[]
  elapsedMs: number
  firstError?: string | undefined
}

/** Times requests and counts those that fail. */
function createMeasurement() {
  const latencies: number[] = []
  const errors: string[] = []
  const began = performance.now()
  return {
    began,
    async run(send: () => Promise<void>): Promise<void> {
      const sent = performance.now()
      try {
        await send()
        latencies.push(performance.now() - sent)
      } catch (error) {
        errors.push(error instanceof Error ? error.message : String(error))
      }
    },
    result: (sent: number): LoadResult => ({
      sent,
      errors: errors.length,
      latencies: latencies.sort((a, b) => a - b),
      elapsedMs: performance.now() - began,
      firstError: errors[0],
    }),
  }
}

/** Sends at a fixed rate whatever the answers take: a slow server must not slow its own load down. */
export async function atRate(
  { perSecond, count }: { perSecond: number; count: number },
  send: (index: number) => Promise<void>,
): Promise<LoadResult> {
  const measured = createMeasurement()
  const { began } = measured
  const running: Promise<void>[] = []
  for (let index = 0; index < count; index++) {
    const due = began + (index * 1000) / perSecond
    const early = due - performance.now()
    if (early > 1) await sleep(early)
    running.push(measured.run(() => send(index)))
  }
  await Promise.all(running)
  return measured.result(count)
}

/** As many at once as there are connections, until the count or the time is reached. */
export async function inParallel(
  {
    connections,
    count = Number.POSITIVE_INFINITY,
    seconds = Number.POSITIVE_INFINITY,
  }: {
    connections: number
    count?: number
    seconds?: number
  },
  send: (index: number) => Promise<void>,
): Promise<LoadResult> {
  const measured = createMeasurement()
  const { began } = measured
  let next = 0
  const lane = async () => {
    while (next < count && performance.now() - began < seconds * 1000) {
      const index = next++
      await measured.run(() => send(index))
    }
  }
  await Promise.all(Array.from({ length: connections }, lane))
  return measured.result(next)
}

/** The value below which a share of the sorted values lies. */
export function percentile(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
