import { setTimeout as sleep } from 'node:timers/promises'
import { writePids } from './pids.js'
import { startLife, untilReady, type ChildSpec, type Life } from './supervised-child.js'

export type SupervisorEvent =
  | { event: 'ended'; child: string; code: number | null; signal: string | null; restartInMs: number }
  | { event: 'restarted'; child: string; attempts: number }
  | { event: 'restart_failed'; child: string; reason: string; restartInMs: number }

export interface SupervisorOptions {
  /** Where the ids of running processes are kept, for the start after a SIGKILL. */
  pidFile?: string
  onEvent?: (event: SupervisorEvent) => void
  /** A short pause hides a one-off crash; a growing one keeps a broken program from burning a core. */
  backoff?: { firstMs: number; maxMs: number; healthyMs: number }
}

interface Kept {
  spec: ChildSpec
  givenUp: AbortController
  life?: Life
  loop?: Promise<void>
}

/** Keeps programs running: restarts what dies, and ends everything in reverse order. */
export function createSupervisor(options: SupervisorOptions = {}) {
  const { pidFile, onEvent = () => undefined } = options
  const backoff = options.backoff ?? { firstMs: 200, maxMs: 10_000, healthyMs: 30_000 }
  const kept: Kept[] = []
  let closed = false

  const record = () => {
    if (pidFile) writePids(pidFile, kept)
  }

  async function begin(child: Kept): Promise<Life> {
    await child.spec.beforeStart?.()
    child.givenUp.signal.throwIfAborted()
    const life = (child.life = startLife(child.spec, record))
    record()
    await untilReady(child.spec, life)
    return life
  }

  async function restart(child: Kept, firstPauseMs: number): Promise<{ life: Life; pauseMs: number } | undefined> {
    const { spec, givenUp } = child
    let pauseMs = firstPauseMs
    for (let attempts = 1; ; attempts++) {
      await sleep(pauseMs, undefined, { signal: givenUp.signal }).catch(() => undefined)
      if (givenUp.signal.aborted) return undefined
      try {
        const life = await begin(child)
        onEvent({ event: 'restarted', child: spec.name, attempts })
        return { life, pauseMs }
      } catch (error) {
        await child.life?.stop()
        if (givenUp.signal.aborted) return undefined
        pauseMs = Math.min(pauseMs * 2, backoff.maxMs)
        const reason = error instanceof Error ? error.message : String(error)
        onEvent({ event: 'restart_failed', child: spec.name, reason, restartInMs: pauseMs })
      }
    }
  }

  async function keep(child: Kept, first: Life): Promise<void> {
    let current: { life: Life; pauseMs: number } | undefined = { life: first, pauseMs: 0 }
    while (current) {
      const readyAt = Date.now()
      const end = await current.life.ended
      if (child.givenUp.signal.aborted) return
      const healthy = current.pauseMs === 0 || Date.now() - readyAt >= backoff.healthyMs
      const pauseMs = healthy ? backoff.firstMs : Math.min(current.pauseMs * 2, backoff.maxMs)
      onEvent({ event: 'ended', child: child.spec.name, ...end, restartInMs: pauseMs })
      current = await restart(child, pauseMs)
    }
  }

  async function giveUp(child: Kept): Promise<void> {
    child.givenUp.abort()
    await child.life?.stop()
    await child.loop
    // A restart may have begun another life while we waited for the first.
    await child.life?.stop()
    const index = kept.indexOf(child)
    if (index >= 0) kept.splice(index, 1)
    record()
  }

  return {
    /** Resolves when the program is ready, and keeps it so; throws with its last words when it never was. */
    async start(spec: ChildSpec): Promise<void> {
      if (closed) throw new Error(`${spec.name} was not started: everything is being stopped`)
      const child: Kept = { spec, givenUp: new AbortController() }
      kept.push(child)
      try {
        child.loop = keep(child, await begin(child))
      } catch (error) {
        await giveUp(child)
        throw error
      }
    },
    /** Ids of a program's running processes: itself or, of a foreign one, its holder first. */
    processes: (name: string) => kept.find((child) => child.spec.name === name)?.life?.processes() ?? [],
    /** Ends one program for good. */
    async stop(name: string): Promise<void> {
      for (const child of kept.filter((one) => one.spec.name === name)) await giveUp(child)
    },
    /** Ends whatever is still being stopped at once. */
    hasten(): void {
      for (const { life } of kept) life?.kill()
    },
    /** Ends every program, the last started first. */
    async stopAll(onStop: (name: string) => void = () => undefined): Promise<void> {
      closed = true
      // All at once first: nothing is to be restarted because what it needs was just stopped.
      for (const child of kept) child.givenUp.abort()
      for (const child of kept.toReversed()) {
        onStop(child.spec.name)
        await giveUp(child)
      }
    },
  }
}

export type Supervisor = ReturnType<typeof createSupervisor>
