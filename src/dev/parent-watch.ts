import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

const lookEveryMs = 250

/** A field of the parent's shell, where the system shows it. */
function shellsParent(pid: number): string | undefined {
  try {
    const [program = '', flag] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    // Only the shell that npm puts between: the parent of a person's own shell is none of our business.
    if (!/^(sh|dash|bash|ash)$/.test(basename(program)) || flag !== '-c') return undefined
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[1]
  } catch {
    return undefined
  }
}

/**
 * Calls back once when npm is gone. npm passes SIGTERM to its shell, and that ends without a word to us; a SIGKILL of npm
 * tells nobody. Whoever starts us without npm may leave us running.
 */
export function watchNpm(isUnderNpm: boolean, onGone: () => void): void {
  if (!isUnderNpm) return
  const parent = process.ppid
  const grandparent = shellsParent(parent)
  const timer = setInterval(() => {
    const gone = process.ppid !== parent || (grandparent !== undefined && shellsParent(parent) !== grandparent)
    if (!gone) return
    clearInterval(timer)
    onGone()
  }, lookEveryMs)
  timer.unref()
}
