import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { endProcess, isRunning, type ProcessIdentity } from './process-identity.js'
import type { ChildSpec, Life } from './supervised-child.js'

interface Recorded {
  name: string
  graceMs: number
  stopSignal: NodeJS.Signals
  processes: ProcessIdentity[]
}

/** Notes which processes run, for the start after a SIGKILL. */
export function writePids(pidFile: string, children: { spec: ChildSpec; life?: Life }[]): void {
  const recorded = children.flatMap(({ spec, life }): Recorded[] =>
    life && !life.isOver()
      ? [
          {
            name: spec.name,
            graceMs: spec.graceMs,
            stopSignal: spec.stopSignal ?? 'SIGTERM',
            processes: life.processes(),
          },
        ]
      : [],
  )
  mkdirSync(dirname(pidFile), { recursive: true })
  writeFileSync(pidFile, `${JSON.stringify(recorded, null, 2)}\n`)
}

function readPids(pidFile: string): Recorded[] {
  try {
    return JSON.parse(readFileSync(pidFile, 'utf8')) as Recorded[]
  } catch {
    // None yet, or the machine went down while it was written: then nothing of it runs any more.
    return []
  }
}

/** Ends what an earlier run left behind: only processes it noted, and only while they are still the same ones. */
export async function endOrphans(pidFile: string, onEnd: (name: string, pid: number) => void): Promise<void> {
  for (const { name, graceMs, stopSignal, processes } of readPids(pidFile).reverse()) {
    // The first is the holder, which ends its program by itself; what is left after it lost its holder.
    for (const [index, known] of processes.entries()) {
      if (!isRunning(known)) continue
      onEnd(name, known.pid)
      await endProcess(known, graceMs, index === 0 ? 'SIGTERM' : stopSignal)
    }
  }
  rmSync(pidFile, { force: true })
}
