import { createServer } from 'node:net'
import { type Logger as TemporalLogger, type LogLevel, type LogMetadata, Runtime } from '@temporalio/worker'

/** The part of pino that the SDK's logger needs. */
interface Sink {
  trace(fields: object, message: string): void
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The queue of provider calls has activities only. */
const asIntended: ReadonlySet<string> = new Set(['No workflows registered, not polling for workflow tasks'])

class SinkLogger implements TemporalLogger {
  constructor(private readonly sink: Sink) {}
  log(level: LogLevel, message: string, meta: LogMetadata = {}) {
    const { error, ...fields } = meta as Record<string, unknown>
    // What every worker start and stop says is of use to a developer of the SDK.
    const quiet = level === 'INFO' || asIntended.has(message)
    const shown = quiet ? 'debug' : (level.toLowerCase() as keyof Sink)
    this.sink[shown](error === undefined ? fields : { ...fields, err: error }, message)
  }
  trace(message: string, meta?: LogMetadata) {
    this.log('TRACE', message, meta)
  }
  debug(message: string, meta?: LogMetadata) {
    this.log('DEBUG', message, meta)
  }
  info(message: string, meta?: LogMetadata) {
    this.log('INFO', message, meta)
  }
  warn(message: string, meta?: LogMetadata) {
    this.log('WARN', message, meta)
  }
  error(message: string, meta?: LogMetadata) {
    this.log('ERROR', message, meta)
  }
}

/**
 * Installs the SDK's runtime, once and before any native connection; signals stay ours, so that shutdown has one order.
 * @returns a source of the SDK's own metrics in Prometheus text
 */
export async function installRuntime(log: Sink): Promise<() => Promise<string>> {
  const port = await freePort()
  Runtime.install({
    logger: new SinkLogger(log),
    shutdownSignals: [],
    telemetryOptions: {
      logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } },
      metrics: {
        prometheus: {
          bindAddress: `127.0.0.1:${port}`,
          countersTotalSuffix: true,
          unitSuffix: true,
          useSecondsForDurations: true,
        },
      },
    },
  })
  return async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(500) })
    return await answer.text()
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no free port')),
      )
    })
  })
}
