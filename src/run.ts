import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import closeWithGrace from 'close-with-grace'
import { type ApplicationOptions, startApplication } from './application.js'
import { type Config, ConfigError, loadConfig } from './config.js'
import { createLogger, type LoggerOptions } from './observability/logger.js'
import type { Telemetry, TelemetryOptions } from './telemetry/start.js'

/** Runs one of the processes from its configuration to its end by a signal. */
export async function runProcess(parts: Pick<ApplicationOptions, 'api' | 'worker'>): Promise<void> {
  const config = configuration()
  const { logLevel, redactPii, apiServiceName, workerServiceName } = config.observability
  const service = parts.api ? apiServiceName : workerServiceName
  const log = createLogger({ service, level: logLevel, redactPii, destination: await terminal(config) })
  const { root, version } = project()
  const telemetry = await tracing(config, { serviceName: service, version, log })
  const application = await startApplication({
    ...parts,
    config,
    log,
    telemetry,
    version,
    workflowBundlePath: join(root, 'dist/workflow-bundle.js'),
    onFatal: (error) => {
      log.fatal({ err: error }, 'cannot go on')
      process.exit(1)
    },
  })
  if (application.url) log.info({ url: application.url }, 'API listens')
  // The API's grace, then the worker's.
  closeWithGrace({ delay: 2 * config.shutdownGraceMs + 10_000, logger: false }, async ({ err, signal }) => {
    if (err) log.fatal({ err }, 'uncaught failure')
    else log.info({ signal }, 'stopping')
    await application.stop()
    await telemetry?.stop()
    log.info('stopped')
  })
}

/** Loaded only when somebody wants traces. */
async function tracing(
  { observability: { traces } }: Config,
  options: Omit<TelemetryOptions, 'traces'>,
): Promise<Telemetry | undefined> {
  if (!traces) return undefined
  const { startTelemetry } = await import('./telemetry/start.js')
  return await startTelemetry({ ...options, traces })
}

/** A person reads colours and columns. A production install has nothing that makes them, and nobody looks at it. */
async function terminal({ production }: Config): Promise<LoggerOptions['destination']> {
  if (production || !process.stdout.isTTY) return undefined
  const { createLogOutput } = await import('./dev/output.js')
  const output = createLogOutput()
  return { write: (line) => output(line.trimEnd()) }
}

/** Only npm start has a database of its own: a process alone must be given one, or it would take whichever runs here. */
const databaseMissing = { variable: 'DATABASE_URL', message: 'is required; only npm start brings up a database itself' }

function configuration() {
  try {
    const config = loadConfig()
    if (config.database.url === undefined) throw new ConfigError([databaseMissing])
    return config
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}

/** The folder of package.json, from src and from dist alike. */
function project(): { root: string; version: string } {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    try {
      const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
      return { root: folder, version }
    } catch (error) {
      if (folder === dirname(folder)) throw error
    }
  }
}
