import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { endProcess, identify, killProcess, type ProcessIdentity } from './process-identity.js'
import { ChildFailure } from './refusal.js'

/** One program to keep running. */
export interface ChildSpec {
  name: string
  command: string
  args: string[]
  env: Record<string, string | undefined>
  cwd?: string
  uid?: number
  gid?: number
  /** Our own Node programs end with us by a preloaded lifeline; anything else runs in the hands of a small holder. */
  kind: 'node' | 'foreign'
  stopSignal?: NodeJS.Signals
  /** Time between the polite signal and SIGKILL. */
  graceMs: number
  /** Clears what a killed predecessor left behind. */
  beforeStart?: () => Promise<void>
  isReady: () => Promise<boolean>
  readyTimeoutMs: number
  /** Pause between two looks; a program that logs every one is looked at less often. */
  pollMs?: number
  onLine: (line: string, stream: 'stdout' | 'stderr') => void
}

/** One life of a program. */
export interface Life {
  /** The process itself and, of a foreign program, its holder. */
  processes: () => ProcessIdentity[]
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  isOver: () => boolean
  lastLines: () => string
  stop: () => Promise<void>
  /** Without grace. */
  kill: () => void
  /** What the program sees when we die: it ends by itself. */
  letGo: () => void
}

const beside = (file: string) => fileURLToPath(new URL(file, import.meta.url))

function launch(spec: ChildSpec): ChildProcess {
  // Detached: a Ctrl-C in the terminal reaches us alone, and we end the children in order.
  const { command, args, env, cwd, uid, gid, graceMs } = spec
  const options = { detached: true, env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] as ('ignore' | 'pipe' | 'ipc')[] }
  if (spec.kind === 'node')
    return spawn(command, ['--import', new URL('lifeline.mjs', import.meta.url).href, ...args], { ...options, cwd })
  const held = { command, args, cwd: cwd ?? '/', uid, gid, graceMs, stopSignal: spec.stopSignal ?? 'SIGTERM' }
  return spawn(process.execPath, [beside('holder.mjs'), JSON.stringify(held)], options)
}

function follow(child: ChildProcess, spec: ChildSpec): () => string {
  const recent: string[] = []
  for (const stream of ['stdout', 'stderr'] as const) {
    const input = child[stream]
    if (!input) continue
    createInterface({ input, crlfDelay: Infinity }).on('line', (line) => {
      recent.push(line)
      if (recent.length > 30) recent.shift()
      spec.onLine(line, stream)
    })
  }
  return () => recent.join('\n')
}

/** Starts the program once and follows it to its end. */
export function startLife(spec: ChildSpec, onProcess: () => void = () => undefined): Life {
  const child = launch(spec)
  const known: ProcessIdentity[] = []
  const know = (pid: number | undefined) => {
    const identity = pid === undefined ? undefined : identify(pid)
    if (!identity) return
    known.push(identity)
    onProcess()
  }
  know(child.pid)
  child.on('message', (message) => know((message as { pid?: number }).pid))
  const lastLines = follow(child, spec)
  let over = false
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('error', () => resolve({ code: 127, signal: null }))
    child.once('exit', (code, signal) => resolve({ code, signal }))
  }).then(async (end) => {
    over = true
    // A holder that was killed leaves its program behind.
    await Promise.all(known.slice(1).map((identity) => endProcess(identity, spec.graceMs, spec.stopSignal)))
    return end
  })
  const stop = async () => {
    if (!over) child.kill('SIGTERM')
    // A holder needs a moment beyond the grace to kill its program and report.
    const late = setTimeout(() => child.kill('SIGKILL'), spec.graceMs + 1_000)
    await ended
    clearTimeout(late)
  }
  // The program, not its holder: that one is to report the end.
  const kill = () => {
    const last = known.at(-1)
    if (!over && last) killProcess(last)
  }
  return { processes: () => known, ended, isOver: () => over, lastLines, stop, kill, letGo: () => child.disconnect() }
}

/** Waits until the program answers; throws with its last words when it ends or takes too long. */
export async function untilReady(spec: ChildSpec, life: Life): Promise<void> {
  const end = Date.now() + spec.readyTimeoutMs
  while (!(await spec.isReady().catch(() => false))) {
    if (life.isOver()) throw new ChildFailure(`${spec.name} ended before it was ready\n${life.lastLines()}`)
    if (Date.now() > end)
      throw new ChildFailure(`${spec.name} was not ready after ${spec.readyTimeoutMs / 1000} s\n${life.lastLines()}`)
    await sleep(spec.pollMs ?? 30)
  }
}
