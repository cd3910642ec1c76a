export interface EngineGateOptions {
  /** More workflows at once make every one of them slower than the drain is. */
  maxInflight: number
  /** After a failed start the engine is left alone for this long. */
  restMs?: number
  now?: () => number
}

/** Whether the next event gets a workflow of its own, or is left to the drain. */
export function createEngineGate({ maxInflight, restMs = 1000, now = Date.now }: EngineGateOptions) {
  let inflight = 0
  let closedUntil = 0
  return {
    /** Takes a place; whoever got one gives it back with `leave`. */
    enter(): boolean {
      if (inflight >= maxInflight || now() < closedUntil) return false
      inflight++
      return true
    },
    leave(): void {
      inflight--
    },
    /** The engine did not take a start. */
    close(): void {
      closedUntil = now() + restMs
    },
    get inflight(): number {
      return inflight
    },
  }
}

export type EngineGate = ReturnType<typeof createEngineGate>
