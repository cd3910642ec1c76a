import { setTimeout as sleep } from 'node:timers/promises'
import type { Supervisor } from '../supervisor.js'

/** What breaks, at which share of the day. */
export const outages = [
  { at: 0.1, what: 'API: SIGKILL' },
  { at: 0.2, what: 'Temporal: SIGKILL, back after 60 s' },
  { at: 0.45, what: 'PostgreSQL: restart' },
  { at: 0.8, what: 'API: SIGKILL' },
] as const

const temporalAwayMs = 60_000

/** A gate that keeps Temporal from coming back before its time. */
export function createTemporalGate() {
  let opensAt = 0
  return {
    closeFor: (ms: number) => void (opensAt = Date.now() + ms),
    pass: () => sleep(Math.max(0, opensAt - Date.now())),
  }
}

export type TemporalGate = ReturnType<typeof createTemporalGate>

/** Breaks one part after the other while the day goes on; resolves when the last one has been broken and is back. */
export async function breakThings(options: {
  supervisor: Supervisor
  gate: TemporalGate
  dayMs: number
  say: (message: string) => void
}): Promise<void> {
  const { supervisor, gate, dayMs, say } = options
  const began = Date.now()
  let back = began
  for (const { at, what } of outages) {
    await sleep(Math.max(0, began + at * dayMs - Date.now()))
    say(`  ${Math.round((Date.now() - began) / 1000)} s: ${what}`)
    if (what.startsWith('Temporal')) {
      gate.closeFor(temporalAwayMs)
      back = Date.now() + temporalAwayMs
      kill(supervisor, 'temporal', 'SIGKILL')
    } else if (what.startsWith('PostgreSQL')) kill(supervisor, 'postgres', 'SIGINT')
    else kill(supervisor, 'api', 'SIGKILL')
  }
  await sleep(Math.max(0, back - Date.now()))
}

function kill(supervisor: Supervisor, part: string, signal: 'SIGKILL' | 'SIGINT'): void {
  // Of a foreign program the last process is the program itself, the first its holder.
  const target = supervisor.processes(part).at(-1)
  if (!target) throw new Error(`${part} does not run`)
  process.kill(target.pid, signal)
}
