import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { destination } from 'pino'
import type { RequestState } from '../../http/context.js'
import { createLogger } from '../../observability/logger.js'
import { startTelemetry } from '../../telemetry/start.js'
import { build, type LayerParts, layers } from './platform-layers.js'

/** What the process is told: how many of the layers are on, and what they work with. */
export interface PlatformServerOptions extends Omit<LayerParts, 'log'> {
  count: number
  logFile: string
  collectorUrl: string
}

// A process of its own for each number of layers: traces, once on, are on for the whole process.
const options = JSON.parse(process.argv[2] ?? '{}') as PlatformServerOptions
const on = layers.slice(0, options.count)
const log = createLogger({
  service: 'bench',
  level: on.some(({ logs }) => logs) ? 'info' : 'silent',
  redactPii: true,
  destination: destination({ dest: options.logFile, sync: true }),
})
if (on.some(({ traces }) => traces))
  await startTelemetry({
    serviceName: 'bench',
    version: '0',
    log,
    traces: { exporter: 'otlp', endpoint: options.collectorUrl, protocol: 'http/protobuf' },
  })
const app = new Koa<RequestState>()
build(app, on, { ...options, log })
const handle = app.callback()
const server = createServer((request, response) => void handle(request, response))
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`)
})
