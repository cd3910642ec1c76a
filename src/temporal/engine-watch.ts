import type { Client, Connection } from '@temporalio/client'
import { UnavailableError } from '../domain/errors.js'

export interface EngineWatchOptions {
  client: Client
  /** A call that takes longer than this makes the engine suspect. Milliseconds. */
  afterMs?: number
  /** The engine's time to say that it is there. Milliseconds. */
  pingMs?: number
  /** So many in a row without an answer: away. */
  pings?: number
}

/**
 * Long calls wait for a person's session and may take a minute; the client keeps trying an absent engine for as long. So
 * a call that has not answered soon is accompanied by pings, and given up once they find nobody.
 */
export function createEngineWatch({ client, afterMs = 1000, pingMs = 1000, pings = 2 }: EngineWatchOptions) {
  const { connection } = client
  const ping = () =>
    connection.withDeadline(Date.now() + pingMs, () => (connection as Connection).workflowService.getSystemInfo({}))

  async function untilAway(signal: AbortSignal): Promise<never> {
    let missed = 0
    while (missed < pings) {
      await pause(afterMs, signal)
      missed = await ping().then(
        () => 0,
        () => missed + 1,
      )
    }
    throw new UnavailableError('the workflow engine does not answer', 'engine_unavailable')
  }

  /**
   * @param work is aborted once the engine is given up, so that the client does not ask again behind our back
   * @throws UnavailableError some 3 s after the engine went away; what `work` asked for may still happen
   */
  return async function watched<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const over = new AbortController()
    const aborts = signal ? AbortSignal.any([signal, over.signal]) : over.signal
    try {
      return await Promise.race([client.withAbortSignal(aborts, work), untilAway(over.signal)])
    } finally {
      over.abort()
    }
  }
}

/** Never settles once it is aborted: nobody waits for it any more. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  })
}
