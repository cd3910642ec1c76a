import { createRequire } from 'node:module'
import { hostname } from 'node:os'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import { core, node, resources, tracing } from '@opentelemetry/sdk-node'
import { lineExporter } from './line-exporter.js'
import { privateExporter } from './private-spans.js'

export interface TelemetryOptions {
  serviceName: string
  version: string
  traces: { exporter: 'console' } | { exporter: 'otlp'; endpoint: string; protocol: 'http/protobuf' | 'http/json' }
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void }
}

export interface Telemetry {
  resource: resources.Resource
  /** Takes spans that were made elsewhere: in a workflow's sandbox. */
  spanProcessor: tracing.SpanProcessor
  /** Sends what is left; gives up on a collector that does not answer. */
  stop(): Promise<void>
}

/** Asked every few seconds by machines. */
const untraced = /^\/(?:health|livez|ready|readyz|metrics)\/?(?:\?|$)/
const stopWithinMs = 3000
const failuresEveryMs = 60_000

/**
 * Traces this process from now on: its requests, its statements, its calls of providers. What it changes, it changes in
 * place (prototypes and channels of Node), so that it matters nothing what was loaded before.
 */
export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const exporter = privateExporter(await exporterOf(options), failureLog(options.log))
  const spanProcessor = new tracing.BatchSpanProcessor(exporter)
  const resource = resourceOf(options)
  const provider = new node.NodeTracerProvider({ resource, spanProcessors: [spanProcessor] })
  // Without baggage: what a caller sends of it would go on to every provider.
  provider.register({ propagator: new core.W3CTraceContextPropagator() })
  instrument()
  return {
    resource,
    spanProcessor,
    async stop() {
      const late = new Promise<void>((resolve) => setTimeout(resolve, stopWithinMs).unref())
      await Promise.race([provider.shutdown().catch(() => undefined), late])
    },
  }
}

function instrument(): void {
  registerInstrumentations({
    instrumentations: [
      new HttpInstrumentation({
        ignoreIncomingRequestHook: ({ url = '' }) => untraced.test(url),
        requireParentforOutgoingSpans: true,
      }),
      new PgInstrumentation({ requireParentSpan: true }),
      new UndiciInstrumentation({ requireParentforSpans: true }),
    ],
  })
  // Instrumentations change a module when somebody requires it; the application imports.
  const require = createRequire(import.meta.url)
  for (const name of ['http', 'pg']) require(name)
}

function resourceOf({ serviceName, version }: TelemetryOptions): resources.Resource {
  const own = resources.resourceFromAttributes({
    'service.name': serviceName,
    'service.version': version,
    'service.instance.id': `${process.pid}@${hostname()}`,
  })
  return resources.detectResources({ detectors: [resources.envDetector] }).merge(own)
}

async function exporterOf({ traces, log }: TelemetryOptions): Promise<tracing.SpanExporter> {
  if (traces.exporter === 'console') return lineExporter(log)
  const { OTLPTraceExporter } =
    traces.protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto')
  return new OTLPTraceExporter({ url: `${traces.endpoint}/v1/traces` })
}

/** Once a minute at most: a collector that is away is away for each batch. */
function failureLog(log: TelemetryOptions['log']): (error: unknown) => void {
  let quietUntil = 0
  return (error) => {
    if (Date.now() < quietUntil) return
    quietUntil = Date.now() + failuresEveryMs
    log.warn({ event: 'trace:lost', err: error }, 'spans could not be delivered')
  }
}
