import type { tracing } from '@opentelemetry/sdk-node'
import { createRedactor, type Redactor } from '../observability/redact.js'

/** What leaves the process of a span, and nothing else: addresses, queries, headers and memos may name a person. */
const kept = new Set(
  (
    'http.request.method http.response.status_code http.route url.scheme url.full server.address server.port ' +
    'network.protocol.version error.type db.system.name db.namespace db.operation.name db.query.text ' +
    'db.collection.name db.response.status_code exception.type ' +
    'temporalWorkflowId temporalActivityId temporalUpdateId run_id workflowId runId workflowType taskQueue'
  ).split(' '),
)

const longestStatement = 2000

/** A statement's shape: literals of the text are left out, and values were never in it. */
const shapeOf = (sql: string) => sql.replace(/'(?:[^']|'')*'/g, '?').slice(0, longestStatement)

/** The query may carry a token, and a path an address. */
function addressOf(url: string, redactor: Redactor): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { origin, pathname } = new URL(url)
  return redactor.text(origin + pathname)
}

function cleanValue(name: string, value: unknown, redactor: Redactor): unknown {
  if (typeof value !== 'string') return value
  if (name === 'url.full') return addressOf(value, redactor)
  return name === 'db.query.text' ? shapeOf(value) : redactor.text(value)
}

function clean(attributes: Record<string, unknown>, redactor: Redactor): Record<string, unknown> {
  const cleaned: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(attributes))
    if (kept.has(name)) cleaned[name] = cleanValue(name, value, redactor)
  return cleaned
}

/** Where it was thrown, without the message that stands before. */
const placesOf = (stack: unknown) =>
  typeof stack === 'string' ? stack.split('\n').filter((line) => /^\s+at /.test(line)) : []

function cleanEvent(event: tracing.TimedEvent, redactor: Redactor): tracing.TimedEvent {
  const attributes = event.attributes ?? {}
  const places = placesOf(attributes['exception.stacktrace'])
  const stack = places.length > 0 ? { 'exception.stacktrace': places.join('\n') } : {}
  return { ...event, attributes: { ...clean(attributes, redactor), ...stack } }
}

/** The span as it may leave. No message of an error leaves with it: they quote what users sent. */
export function privateSpan(span: tracing.ReadableSpan, redactor: Redactor): tracing.ReadableSpan {
  return Object.create(span, {
    attributes: { value: clean(span.attributes, redactor), enumerable: true },
    events: { value: span.events.map((event) => cleanEvent(event, redactor)), enumerable: true },
    status: { value: { code: span.status.code }, enumerable: true },
    name: { value: redactor.text(span.name), enumerable: true },
  }) as tracing.ReadableSpan
}

/** Hands spans on without personal data; long after the request, in the batch's own time. */
export function privateExporter(
  exporter: tracing.SpanExporter,
  onFailure: (error: unknown) => void,
): tracing.SpanExporter {
  const redactor = createRedactor({ personal: true })
  return {
    export(spans, done) {
      exporter.export(
        spans.map((span) => privateSpan(span, redactor)),
        (result) => {
          // 0: delivered
          if (Number(result.code) !== 0) onFailure(result.error)
          done({ code: 0 })
        },
      )
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  }
}
