import { fileURLToPath } from 'node:url'
import type { ChildSpec } from './supervised-child.js'

type Environment = Record<string, string | undefined>

/** Of the build, also when a test runs this file from its source. */
const program = (path: string) => {
  const built = import.meta.url.endsWith('.js') ? '../' : '../../dist/src/'
  return fileURLToPath(new URL(built + path, import.meta.url))
}

const answersOk = async (url: string) => (await fetch(url, { signal: AbortSignal.timeout(2_000) })).status === 200

interface Common {
  env: Environment
  onLine: ChildSpec['onLine']
}

/** What a request leaves behind is dead before the collector looks twice; with the usual 16 MiB it is copied. */
const roomForYouth = '--max-semi-space-size=32'

function nodeProgram(
  spec: Common & { name: string; file: string; args?: string[]; graceMs: number; readyUrl: string },
): ChildSpec {
  const { name, file, args = [], env, graceMs, readyUrl, onLine } = spec
  return {
    name,
    kind: 'node',
    command: process.execPath,
    args: [roomForYouth, program(file), ...args],
    env,
    graceMs,
    isReady: () => answersOk(readyUrl),
    readyTimeoutMs: 60_000,
    pollMs: 200,
    onLine,
  }
}

export interface SimulatorProgramOptions extends Common {
  port: number
  dataDir: string
  /** Where the application takes webhooks. */
  webhookTarget: string
  /** The same as providers know it; Twilio signs it. */
  webhookSignedBase?: string | undefined
  seed?: number | undefined
}

/** The providers' stand-in. Its environment has the same secrets as the application's. */
export function simulatorProgram(options: SimulatorProgramOptions): ChildSpec {
  const { port, dataDir, webhookTarget, webhookSignedBase = webhookTarget, seed, ...common } = options
  const url = `http://127.0.0.1:${port}`
  const args = [
    ...['--port', String(port), '--data-dir', dataDir, '--public-url', url],
    ...['--webhook-target', webhookTarget, '--webhook-signed-base', webhookSignedBase],
    ...(seed === undefined ? [] : ['--seed', String(seed)]),
  ]
  return nodeProgram({
    ...common,
    name: 'simulator',
    file: 'simulator/main.js',
    args,
    graceMs: 5_000,
    readyUrl: `${url}/__sim/health`,
  })
}

export interface ApplicationOptions extends Common {
  /** API and worker in two processes instead of one. */
  split: boolean
  url: string
  workerMetricsPort: number
  shutdownGraceMs: number
}

/** The application: one process, or the API and the worker apart. */
export function applicationPrograms({
  split,
  url,
  workerMetricsPort,
  shutdownGraceMs,
  ...common
}: ApplicationOptions): ChildSpec[] {
  // Beyond its own deadline, so that it is never cut off while it still finishes in time.
  const graceMs = 2 * shutdownGraceMs + 12_000
  if (!split)
    return [nodeProgram({ ...common, name: 'application', file: 'app.js', graceMs, readyUrl: `${url}/ready` })]
  const worker = nodeProgram({
    ...common,
    env: { ...common.env, PARLEY_WORKER_METRICS_PORT: String(workerMetricsPort) },
    name: 'worker',
    file: 'worker.js',
    graceMs,
    // The API is ready once every queue is polled.
    readyUrl: `${url}/ready`,
  })
  return [worker, nodeProgram({ ...common, name: 'api', file: 'server.js', graceMs, readyUrl: `${url}/ready` })]
}
