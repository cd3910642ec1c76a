export interface BurstGaugeOptions {
  /** So many deliveries at once are a burst. */
  from?: number
  /** Receipts that are only kept, until it is over. */
  limit?: number
  /** Without so many at once for this long, it is over. Milliseconds. */
  restMs?: number
  now?: () => number
}

/** A batch between two large ones may be small. Milliseconds. */
const togetherMs = 100

/**
 * A burst is answered first: keeping a receipt costs a third of processing it, and who is not answered sends again. What
 * lasts longer is processed as it is answered, so that the backlog has a bound however long it lasts.
 */
export function createBurstGauge({ from = 24, limit = 4096, restMs = 1000, now = Date.now }: BurstGaugeOptions = {}) {
  let kept = 0
  let largeAt = Number.NEGATIVE_INFINITY
  let keptAt = Number.NEGATIVE_INFINITY

  return {
    /** Whether the next batch, of so many, is only to be kept. */
    keeps(count: number): boolean {
      const at = now()
      if (at - largeAt > restMs) kept = 0
      if (count >= from) largeAt = at
      if (at - largeAt > togetherMs || kept + count > limit) return false
      kept += count
      keptAt = at
      return true
    },
    /** Whoever else works on receipts should leave the machine to the answers. */
    atWork: () => now() - keptAt <= togetherMs,
  }
}

export type BurstGauge = ReturnType<typeof createBurstGauge>
