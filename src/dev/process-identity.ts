import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A process that cannot be mistaken for a later one with the same id. */
export interface ProcessIdentity {
  pid: number
  startedAt: string
}

// /proc before ps: slim images have no ps. Field 22 is the start time; the name before it may hold spaces.
function startTime(pid: number): string | undefined {
  if (process.platform === 'linux') {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  }
  const [command, args] =
    process.platform === 'win32'
      ? (['powershell', ['-NoProfile', '-Command', `(Get-Process -Id ${pid}).StartTime.Ticks`]] as const)
      : (['ps', ['-o', 'lstart=', '-p', String(pid)]] as const)
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || undefined
}

/** The identity of a running process; undefined when there is none of this id. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const startedAt = startTime(pid)
    return startedAt === undefined ? undefined : { pid, startedAt }
  } catch {
    return undefined
  }
}

/** Whether exactly this process still runs. */
export const isRunning = (known: ProcessIdentity) => identify(known.pid)?.startedAt === known.startedAt

function signal(known: ProcessIdentity, name: NodeJS.Signals): void {
  try {
    if (isRunning(known)) process.kill(known.pid, name)
  } catch {
    // It ended meanwhile.
  }
}

/** Ends a process without grace. */
export const killProcess = (known: ProcessIdentity) => signal(known, 'SIGKILL')

async function waitForEnd(known: ProcessIdentity, limitMs: number): Promise<boolean> {
  const end = Date.now() + limitMs
  while (isRunning(known)) {
    if (Date.now() > end) return false
    await sleep(25)
  }
  return true
}

/** Ends a process: the polite signal, then SIGKILL after the grace. */
export async function endProcess(
  known: ProcessIdentity,
  graceMs: number,
  polite: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  signal(known, polite)
  if (await waitForEnd(known, graceMs)) return
  signal(known, 'SIGKILL')
  await waitForEnd(known, 5_000)
}
