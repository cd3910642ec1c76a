import type { Client } from '@temporalio/client'
import type { NativeConnection } from '@temporalio/worker'
import { createApp } from './http/app.js'
import { productRoutes } from './http/product-routes.js'
import { createHttpServer } from './http/server.js'
import type { Config } from './config.js'
import { UnavailableError } from './domain/errors.js'
import { createActivities } from '../activities/index.js'
import { createLogger, type Logger } from './observability/logger.js'
import { createMetrics, type Metrics } from './observability/metrics.js'
import { createServices, type Services } from './services.js'
import { createTemporalClient, lazyConnection, registerSearchAttributes } from './temporal/connection.js'
import { installRuntime } from './temporal/runtime.js'
import { connectNative, startWorkers } from './temporal/worker.js'
import type { Telemetry } from './telemetry/start.js'
import type { TemporalTracing } from './temporal/tracing.js'
import { serveWorkerEndpoint } from './worker-endpoint.js'

export interface ApplicationOptions {
  config: Config
  /** Which halves this process is: both by default in development, one each in production. */
  api: boolean
  worker: boolean
  workflowBundlePath: string
  version: string
  log?: Logger
  /** Absent: nothing is traced. */
  telemetry?: Telemetry | undefined
  /** A part that cannot go on: the process should end and be started anew. */
  onFatal: (error: unknown) => void
}

export interface Application {
  services: Services
  /** Address that the API listens on; undefined without one. */
  url: string | undefined
  stop(): Promise<void>
}

/**
 * Composes and starts the API, the worker, or both. The API serves while Temporal or the database is still away:
 * what needs them answers so, and webhooks are kept.
 */
export async function startApplication(options: ApplicationOptions): Promise<Application> {
  const { config } = options
  const service = options.api ? config.observability.apiServiceName : config.observability.workerServiceName
  const log =
    options.log ??
    createLogger({ service, level: config.observability.logLevel, redactPii: config.observability.redactPii })
  const metrics = createMetrics()
  if (options.worker) metrics.addSource(await installRuntime(log))
  logConfiguration(config, log)
  const connection = lazyConnection(config.temporal)
  const tracing = await temporalTracing(options.telemetry)
  const client = createTemporalClient(connection, config.temporal.namespace, clientInterceptors(tracing))
  const services = createServices({
    config,
    log,
    metrics,
    client,
    version: options.version,
    together: options.api && options.worker,
  })
  const preparation = prepareDatabase(services, log, options.onFatal)
  await preparation.firstTry
  const worker = options.worker ? startWorkerHalf({ ...options, tracing }, services, log) : undefined
  const server = options.api
    ? await createHttpServer(createApp(services, productRoutes(services)), config, services.realtime)
    : undefined
  if (options.api) services.background.start()
  const endpoint = options.api ? undefined : await workerEndpoint(config, metrics, () => worker?.running() ?? false)
  return {
    services,
    url: server?.url,
    async stop() {
      preparation.stop()
      await server?.close()
      await endpoint?.close()
      await services.background.stop()
      await worker?.stop()
      await connection.close()
      await services.close()
    },
  }
}

async function temporalTracing(telemetry: Telemetry | undefined): Promise<TemporalTracing | undefined> {
  if (!telemetry) return undefined
  const { createTemporalTracing } = await import('./temporal/tracing.js')
  return createTemporalTracing(telemetry)
}

const clientInterceptors = (tracing: TemporalTracing | undefined) => (tracing ? { workflow: [tracing.client] } : {})

interface WorkerHalfOptions extends ApplicationOptions {
  tracing: TemporalTracing | undefined
}

/** How long until a database that is away is asked again, in milliseconds. */
const databaseRetryMs = 2000

/** Checks the roles and makes the partitions, now or as soon as the database is there: webhooks are kept without it. */
function prepareDatabase({ database, eventLog }: Services, log: Logger, onFatal: (error: unknown) => void) {
  let timer: NodeJS.Timeout | undefined
  async function prepare(): Promise<void> {
    try {
      await database.assertSafeRole()
      await eventLog.ensurePartitions()
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error
      log.warn({ err: error, retry_ms: databaseRetryMs }, 'the database is not reachable yet')
      timer = setTimeout(() => void prepare().catch(onFatal), databaseRetryMs)
    }
  }
  return { firstTry: prepare(), stop: () => clearTimeout(timer) }
}

function logConfiguration(config: Config, log: Logger): void {
  log.info({ configuration: config.effective }, 'effective configuration')
  if (config.tavus.recording) log.info({ bucket: config.tavus.recording.bucket }, 'recording enabled')
  else log.info('recording disabled')
}

/** The worker's half comes up when Temporal does; until then the API is not kept waiting. */
function startWorkerHalf(options: WorkerHalfOptions, services: Services, log: Logger) {
  let stopped = false
  let workers: Awaited<ReturnType<typeof runWorkers>> | undefined
  const starting = (async () => {
    const connection = await connectNative(options.config.temporal, log)
    if (!stopped) return (workers = await runWorkers(options, services, connection, log))
    await connection.close()
    return undefined
  })().catch((error: unknown) => {
    options.onFatal(error)
    return undefined
  })
  return {
    running: () => workers?.running() ?? false,
    async stop() {
      stopped = true
      const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 1000))
      const running = await Promise.race([starting, late])
      await running?.stop()
    },
  }
}

async function runWorkers(options: WorkerHalfOptions, services: Services, connection: NativeConnection, log: Logger) {
  const { config, tracing } = options
  const native: Client = createTemporalClient(connection, config.temporal.namespace, clientInterceptors(tracing))
  await registerSearchAttributes(native, config.temporal.namespace)
  const workers = await startWorkers({
    connection,
    namespace: config.temporal.namespace,
    taskQueues: config.temporal.taskQueues,
    workflowBundle: { codePath: options.workflowBundlePath },
    maxCachedWorkflows: config.temporal.maxCachedWorkflows,
    activities: createActivities(services.activityDeps),
    shutdownGraceMs: config.shutdownGraceMs,
    observeTask: services.observeTask,
    tracing,
    onFatal: options.onFatal,
  })
  if (options.api) services.webhookClient.useNative(native)
  await services.standing.sweepNow()
  await services.standing.wakeDrain()
  await services.standing.wakeCounting()
  // A worker that cannot make it works all the same, and the next start tries again; with a schedule of an earlier start
  // the engine takes seconds.
  void services.purgeSchedule
    .ensure()
    .catch((error: unknown) => log.warn({ err: error }, 'the daily purge is not scheduled'))
  services.uwc.starter.run()
  log.info({ task_queues: Object.values(config.temporal.taskQueues) }, 'worker polls')
  return {
    running: workers.running,
    async stop() {
      await services.uwc.starter.stop()
      await workers.stop()
      await connection.close()
    },
  }
}

const workerEndpoint = (config: Config, metrics: Metrics, running: () => boolean) =>
  config.observability.workerMetricsPort === 0
    ? undefined
    : serveWorkerEndpoint({ port: config.observability.workerMetricsPort, host: config.server.host, metrics, running })
