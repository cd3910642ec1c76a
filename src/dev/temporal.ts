import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { Connection } from '@temporalio/client'
import { foreignEnvironment } from './environment.js'
import { freePort } from './ports.js'
import type { ChildSpec } from './supervised-child.js'
import { createSupervisor, type Supervisor } from './supervisor.js'

export interface TemporalOptions {
  /** Path of the temporal program. */
  binary: string
  port?: number
  /** Without one there is no UI. */
  uiPort?: number
  /** Where workflows survive a restart; without it they live in memory. */
  dbFile?: string
  namespace?: string
  retentionDays?: number
  searchAttributes?: Readonly<Record<string, string>>
  /** Dynamic configuration beside what is set here; values are JSON. */
  tuning?: Readonly<Record<string, string | number | boolean>>
  supervisor?: Supervisor
  log?: (line: string) => void
  /** Waited for before each start of the program. */
  beforeStart?: () => Promise<void>
}

export interface RunningTemporal {
  address: string
  port: number
  uiUrl: string | undefined
  stop: () => Promise<void>
}

// As shipped, the server reads each queue 20 times a second and delays timers by up to a second: fit for a shared
// cluster, but on one machine it is all that a person waits for.
const tuned = {
  'history.transferProcessorMaxPollRPS': 2000,
  'history.timerProcessorMaxPollRPS': 2000,
  'history.timerProcessorMaxTimeShift': '1ms',
  'matching.numTaskqueueReadPartitions': 1,
  'matching.numTaskqueueWritePartitions': 1,
  'system.enableActivityEagerExecution': true,
} as const

/** Brings up a Temporal server on 127.0.0.1. */
export async function startTemporal(options: TemporalOptions): Promise<RunningTemporal> {
  const { supervisor = createSupervisor(), namespace = 'default', retentionDays } = options
  const port = options.port ?? (await freePort())
  const address = `127.0.0.1:${port}`
  if (options.dbFile) mkdirSync(dirname(options.dbFile), { recursive: true })
  const spec = childSpec(options, { port, address, namespace })
  await supervisor.start(spec)
  if (retentionDays !== undefined) await keepHistories(address, namespace, retentionDays)
  const uiUrl = options.uiPort === undefined ? undefined : `http://127.0.0.1:${options.uiPort}`
  return { address, port, uiUrl, stop: () => supervisor.stop(spec.name) }
}

const pairs = (flag: string, values: Readonly<Record<string, string>>) =>
  Object.entries(values).flatMap(([name, value]) => [flag, `${name}=${value}`])

function serverArguments(options: TemporalOptions, { port, namespace }: { port: number; namespace: string }): string[] {
  const { uiPort, dbFile, searchAttributes = {}, tuning = {} } = options
  const dynamic = Object.entries({ ...tuned, ...tuning }).map(([name, value]) => [name, JSON.stringify(value)] as const)
  return [
    ...[
      'server',
      'start-dev',
      '--ip',
      '127.0.0.1',
      '--port',
      String(port),
      '--log-level',
      'error',
      '--log-format',
      'json',
    ],
    ...['--disable-config-file', '--disable-config-env', '--namespace', namespace],
    ...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)]),
    ...(dbFile
      ? ['--db-filename', dbFile, ...pairs('--sqlite-pragma', { journal_mode: 'WAL', synchronous: 'NORMAL' })]
      : []),
    ...pairs('--search-attribute', searchAttributes),
    ...pairs('--dynamic-config-value', Object.fromEntries(dynamic)),
  ]
}

function childSpec(options: TemporalOptions, at: { port: number; address: string; namespace: string }): ChildSpec {
  return {
    name: 'temporal',
    kind: 'foreign',
    command: options.binary,
    args: serverArguments(options, at),
    // Without TEMPORAL_* too: they would point it at another server.
    env: foreignEnvironment(),
    graceMs: 10_000,
    isReady: () => isServing(at.address, at.namespace),
    readyTimeoutMs: 60_000,
    onLine: options.log ?? (() => undefined),
    ...(options.beforeStart ? { beforeStart: options.beforeStart } : {}),
  }
}

async function onServer<T>(address: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address, connectTimeout: 1_000 })
  try {
    return await connection.withDeadline(Date.now() + 5_000, () => work(connection))
  } finally {
    await connection.close()
  }
}

/** grpc.health.v1.HealthCheckResponse.ServingStatus */
const serving = 1

/** Healthy, and the namespace is there: the server is healthy a moment before it has made it. */
function isServing(address: string, namespace: string): Promise<boolean> {
  return onServer(address, async (connection) => {
    const { status } = await connection.healthService.check({
      service: 'temporal.api.workflowservice.v1.WorkflowService',
    })
    await connection.workflowService.describeNamespace({ namespace })
    return Number(status) === serving
  })
}

function keepHistories(address: string, namespace: string, days: number): Promise<unknown> {
  const workflowExecutionRetentionTtl = { seconds: days * 86_400, nanos: 0 }
  return onServer(address, (connection) =>
    connection.workflowService.updateNamespace({ namespace, config: { workflowExecutionRetentionTtl } } as never),
  )
}
