export interface Progress {
  /** Runs a step; one that takes longer than two seconds says so, again and again. */
  step: <T>(name: string, work: (detail: (text: string) => void) => Promise<T>) => Promise<T>
  say: (message: string) => void
}

const firstAfterMs = 2_000
// A line every two seconds for the first ten, then every ten: a build of minutes is no wall of text.
const pauseMs = (elapsedMs: number) => (elapsedMs < 10_000 ? 2_000 : 10_000)

const seconds = (ms: number) => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`

/** Tells a person what a start is doing, in plain lines that suit a terminal and a log alike. */
export function createProgress(write: (line: string) => void): Progress {
  async function step<T>(name: string, work: (detail: (text: string) => void) => Promise<T>): Promise<T> {
    const began = Date.now()
    let detail = ''
    let shown = false
    const tick = () => {
      shown = true
      write(`… ${name}${detail ? `: ${detail}` : ''} ${seconds(Date.now() - began)}`)
      timer = setTimeout(tick, pauseMs(Date.now() - began))
    }
    let timer = setTimeout(tick, firstAfterMs)
    try {
      const result = await work((text) => (detail = text))
      if (shown) write(`✓ ${name} ${seconds(Date.now() - began)}`)
      return result
    } finally {
      clearTimeout(timer)
    }
  }
  return { step, say: write }
}

/** A person may have redirected standard output to a file: what is for a person goes to standard error. */
export const terminalProgress = () => createProgress((line) => process.stderr.write(`${line}\n`))
