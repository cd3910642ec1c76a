export interface EngineGateOptions {
  /** More workflows at once make every one of them slower than the drain is. */
  maxInflight: number
  /** Settled within this time, an event's own workflow keeps up; slower ones make room by going fewer. Milliseconds. */
  targetMs?: number | undefined
  /** After a failed start, and in a flood, the engine is left alone for this long. */
  restMs?: number
  now?: () => number
}

/** A slower engine is not told twice of the same jam. Milliseconds. */
const backoffMs = 50

/** So many turned away within this time is a flood: each workflow would cost it ten events of the drain. Milliseconds. */
const flood = { refused: 200, withinMs: 1000 }

/**
 * Whether the next event gets a workflow of its own, or is left to the drain. How many at once the engine carries is not
 * known beforehand, so it is felt for: one more while they settle in time, half as many when one does not.
 */
export function createEngineGate({ maxInflight, targetMs = 30, restMs = 1000, now = Date.now }: EngineGateOptions) {
  let inflight = 0
  let limit = maxInflight
  let closedUntil = 0
  let slowedAt = Number.NEGATIVE_INFINITY
  let refused = 0
  let floodedUntil = 0
  let refusedSince = Number.NEGATIVE_INFINITY

  function refuse(): false {
    if (now() - refusedSince >= flood.withinMs) {
      refusedSince = now()
      refused = 0
    }
    if (++refused > flood.refused) floodedUntil = closedUntil = Math.max(closedUntil, now() + restMs)
    return false
  }

  function settled(ms: number): void {
    if (ms <= targetMs) limit = Math.min(maxInflight, limit + 0.1)
    else if (now() - slowedAt >= backoffMs) {
      slowedAt = now()
      limit = Math.max(Math.min(2, maxInflight), limit / 2)
    }
  }

  return {
    /** Takes a place; whoever got one gives it back with `leave`. */
    enter(): boolean {
      if (inflight >= Math.floor(limit) || now() < closedUntil) return refuse()
      inflight++
      return true
    },
    /** @param tookMs how long the event's workflow took to settle it; absent when there was none */
    leave(tookMs?: number): void {
      inflight--
      if (tookMs !== undefined) settled(tookMs)
    },
    /** The engine did not take a start. */
    close(): void {
      closedUntil = now() + restMs
    },
    /** More comes in than the engine could ever be given. */
    flooded: () => now() < floodedUntil,
    get inflight(): number {
      return inflight
    },
    /** How many at once the engine is trusted with now. */
    get limit(): number {
      return Math.floor(limit)
    },
  }
}

export type EngineGate = ReturnType<typeof createEngineGate>
