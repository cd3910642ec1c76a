import Table from 'cli-table3'
import type { PartResult } from './parts.js'

export interface RunnerOptions {
  parts: readonly string[]
  /** Runs a part to its end, and gives its exit status. */
  run: (part: string) => Promise<number>
  out: (text: string) => void
  /** Milliseconds. */
  now?: () => number
}

/** Runs every part, a failed one or not, and closes with a table. @returns the exit status, 1 when a part failed */
export async function runParts({ parts, run, out, now = Date.now }: RunnerOptions): Promise<number> {
  const results: PartResult[] = []
  for (const name of parts) {
    out(`== ${name}`)
    const began = now()
    const status = await run(name)
    results.push({ name, status, seconds: Math.round((now() - began) / 1000) })
  }
  const failed = results.filter(({ status }) => status !== 0)
  out(tableOf(results))
  out(`${results.length - failed.length} passed, ${failed.length} failed`)
  return failed.length > 0 ? 1 : 0
}

function tableOf(results: readonly PartResult[]): string {
  const table = new Table({ head: ['part', 'result', 'seconds'], style: { head: [], border: [], compact: true } })
  for (const { name, status, seconds } of results)
    table.push([name, status === 0 ? 'passed' : `FAILED (${status})`, seconds])
  return table.toString()
}
