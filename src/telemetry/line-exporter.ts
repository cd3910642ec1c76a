import type { tracing } from '@opentelemetry/sdk-node'

interface Log {
  info(fields: object, message: string): void
}

const microseconds = ([seconds, nanoseconds]: readonly [number, number]) => seconds * 1e6 + nanoseconds / 1e3

/** Writes each span as a line of the log. */
export function lineExporter(log: Log): tracing.SpanExporter {
  return {
    export(spans, done) {
      for (const span of spans) {
        const { traceId, spanId } = span.spanContext()
        const fields = {
          event: 'trace:span',
          trace_id: traceId,
          span_id: spanId,
          parent_span_id: span.parentSpanContext?.spanId,
          span: span.name,
          duration_ms: Math.round(microseconds(span.duration)) / 1000,
          attributes: span.attributes,
        }
        log.info(fields, 'span')
      }
      done({ code: 0 })
    },
    shutdown: async () => undefined,
  }
}
