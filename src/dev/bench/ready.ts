import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { childEnvironment } from '../environment.js'
import { freePort } from '../ports.js'
import type { Row } from './phases.js'

const patienceMs = 180_000

/** How long `npm start` takes until it is ready: the first time on an empty data folder, then on what it left. */
export async function secondStart(dataDir: string): Promise<Row[]> {
  const first = await startOnce(dataDir)
  const second = await startOnce(dataDir)
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
  return [
    { what: 'npm start, first on an empty data folder', value: seconds(first), goal: '', ok: true },
    { what: 'npm start, second', value: seconds(second), goal: '< 10 s', ok: second < 10_000 },
  ]
}

async function startOnce(dataDir: string): Promise<number> {
  const port = await freePort()
  const began = performance.now()
  const child = spawn('npm', ['start'], {
    stdio: 'ignore',
    env: childEnvironment({
      PORT: String(port),
      PARLEY_DATA_DIR: join(dataDir, 'start'),
      PUBLIC_URL: undefined,
    }),
  })
  const ended = once(child, 'exit')
  try {
    await untilReady(`http://127.0.0.1:${port}/ready`)
    return performance.now() - began
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}

async function untilReady(url: string): Promise<void> {
  const giveUpAt = Date.now() + patienceMs
  while (Date.now() < giveUpAt) {
    const ready = await fetch(url, { signal: AbortSignal.timeout(2000) }).then(
      (answer) => answer.ok,
      () => false,
    )
    if (ready) return
    await sleep(50)
  }
  throw new Error(`npm start was not ready after ${patienceMs / 1000} s`)
}
