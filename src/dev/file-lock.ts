import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { identify, isRunning, type ProcessIdentity } from './process-identity.js'

/** What the holder of a lock says of itself. */
export interface LockNote extends ProcessIdentity {
  note?: string
}

export interface FileLock {
  annotate: (note: string) => void
  release: () => void
}

function read(path: string): LockNote | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LockNote
  } catch {
    return undefined
  }
}

/** Linked, not written in place: whoever sees the lock sees all of it. */
function create(path: string, lock: LockNote): boolean {
  const own = `${path}.${process.pid}`
  writeFileSync(own, JSON.stringify(lock))
  try {
    linkSync(own, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(own, { force: true })
  }
}

/** Of several that find the same dead holder one wins the rename; who got a fresh lock by it puts that back. */
function removeStale(path: string, dead: LockNote | undefined): void {
  const aside = `${path}.stale.${process.pid}`
  try {
    renameSync(path, aside)
    if (JSON.stringify(read(aside)) !== JSON.stringify(dead)) linkSync(aside, path)
  } catch {
    // Another was faster.
  }
  rmSync(aside, { force: true })
}

/** Takes the lock, also from a holder that no longer runs; answers who has it when somebody does. */
export function takeLock(path: string): FileLock | LockNote {
  mkdirSync(dirname(path), { recursive: true })
  const own = identify(process.pid) ?? { pid: process.pid, startedAt: '' }
  for (;;) {
    if (create(path, own)) {
      return {
        annotate: (note) => {
          writeFileSync(`${path}.${process.pid}`, JSON.stringify({ ...own, note }))
          renameSync(`${path}.${process.pid}`, path)
        },
        release: () => {
          if (read(path)?.pid === process.pid) rmSync(path, { force: true })
        },
      }
    }
    const holder = read(path)
    if (holder && isRunning(holder)) return holder
    removeStale(path, holder)
  }
}

export const isTaken = (lock: FileLock | LockNote): lock is LockNote => 'pid' in lock
