import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Supervisor } from '../../src/dev/supervisor.js'

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It ended meanwhile.
  }
}

/** The program itself: of a foreign one the last process, the first is its holder. */
function programOf(supervisor: Supervisor, name: string): number {
  const pid = supervisor.processes(name).at(-1)?.pid
  if (pid === undefined) throw new Error(`${name} does not run`)
  return pid
}

const childrenOf = (pid: number) =>
  execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child ?? 0)

/** Takes a program without a word; its supervisor brings it up again. */
export const killProgram = (supervisor: Supervisor, name: string) => signal(programOf(supervisor, name), 'SIGKILL')

/** Stops PostgreSQL as a restart does; its supervisor brings it up again. */
export const restartPostgres = (supervisor: Supervisor) => signal(programOf(supervisor, 'postgres'), 'SIGINT')

/** A program that takes connections and says nothing, until it is killed. */
export const freezeProgram = (supervisor: Supervisor, name: string) => signal(programOf(supervisor, name), 'SIGSTOP')

/** A PostgreSQL that accepts connections and says nothing, as one whose disk hangs. @returns how it goes on */
export function freezePostgres(supervisor: Supervisor): () => void {
  const postmaster = programOf(supervisor, 'postgres')
  // The postmaster first, so that it makes no more children.
  signal(postmaster, 'SIGSTOP')
  const all = [...childrenOf(postmaster), postmaster]
  for (const pid of all) signal(pid, 'SIGSTOP')
  return () => {
    for (const pid of all) signal(pid, 'SIGCONT')
  }
}

/** Kills a foreign program, and every life that its supervisor gives it. @returns how it comes back for good */
export function holdDown(supervisor: Supervisor, name: string): () => Promise<void> {
  let held = true
  const holding = (async () => {
    while (held) {
      const [, program] = supervisor.processes(name)
      if (program) signal(program.pid, 'SIGKILL')
      await sleep(10)
    }
  })()
  return async () => {
    held = false
    await holding
  }
}
