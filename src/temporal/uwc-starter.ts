import type { UwcJobInput } from '../../workflows/messages.js'

type JobToStart = Pick<UwcJobInput, 'id' | 'tenantId' | 'kind' | 'requestId'>

export interface UwcStarterDeps {
  unstarted: (limit: number, staleSeconds: number) => Promise<JobToStart[]>
  started: (ids: readonly string[]) => Promise<void>
  start: (job: JobToStart) => Promise<void>
  /** Between two looks, in milliseconds. */
  everyMs: number
  /** A job that is open for longer has lost its workflow. */
  staleSeconds: number
  log: { warn: (fields: object, message: string) => void }
}

/** So many in one look. */
const batch = 100

/**
 * Starts the workflows of jobs that are only rows yet: those that recordings and transcripts made, and those whose workflow
 * could not be started when they were asked for. A timer of each worker and no workflow: a look that finds nothing is one
 * query by a small index, and a start twice is the same start.
 */
export function createUwcStarter({ unstarted, started, start, everyMs, staleSeconds, log }: UwcStarterDeps) {
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> = Promise.resolve()
  let stopped = true

  async function startOne(job: JobToStart): Promise<void> {
    await start(job)
    await started([job.id])
  }

  async function look(): Promise<void> {
    let found = batch
    while (found === batch && !stopped) {
      const jobs = await unstarted(batch, staleSeconds)
      for (const job of jobs) await startOne(job)
      found = jobs.length
    }
  }

  /** The next look begins when the last one is done. */
  function schedule(delayMs: number): void {
    if (stopped) return
    timer = setTimeout(() => {
      looking = look()
        .catch((error: unknown) => log.warn({ err: error }, 'jobs of the ML partner wait for their workflows'))
        .finally(() => schedule(everyMs))
    }, delayMs)
  }

  return {
    startOne,
    run(): void {
      if (!stopped) return
      stopped = false
      schedule(0)
    },
    async stop(): Promise<void> {
      stopped = true
      clearTimeout(timer)
      await looking
    },
  }
}

export type UwcStarter = ReturnType<typeof createUwcStarter>
