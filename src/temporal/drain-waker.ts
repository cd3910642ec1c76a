export interface DrainWakerOptions {
  wake: () => Promise<void>
  /** The drain is at work in this process: it takes by itself what comes. */
  isBusy?: () => boolean
  /** A signal costs the engine as much as a dozen receipts cost the drain. */
  everyMs?: number
  maxPauseMs?: number
}

/** Wakes the drain, at most once in a while, and until it has worked: the engine may be away. */
export function createDrainWaker({ wake, isBusy = () => false, everyMs = 250, maxPauseMs = 5000 }: DrainWakerOptions) {
  let timer: NodeJS.Timeout | undefined
  let wanted = false
  let sending = false
  let stopped = false
  let pauseMs = everyMs
  let notBefore = 0

  function schedule(): void {
    if (timer || sending || stopped) return
    timer = setTimeout(() => void send(), Math.max(0, notBefore - Date.now()))
  }

  async function send(): Promise<void> {
    timer = undefined
    wanted = false
    sending = true
    try {
      await wake()
      pauseMs = everyMs
    } catch {
      wanted = true
      pauseMs = Math.min(pauseMs * 2, maxPauseMs)
    }
    sending = false
    notBefore = Date.now() + pauseMs
    if (wanted) schedule()
  }

  return {
    wake(): void {
      if (isBusy()) return
      wanted = true
      schedule()
    },
    stop(): void {
      stopped = true
      clearTimeout(timer)
    },
  }
}

export type DrainWaker = ReturnType<typeof createDrainWaker>
