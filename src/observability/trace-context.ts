import { isSpanContextValid, trace } from '@opentelemetry/api'

/** Trace id of what runs now, 32 hexadecimal digits; undefined while nobody traces. */
export function activeTraceId(): string | undefined {
  const known = trace.getActiveSpan()?.spanContext()
  return known && isSpanContextValid(known) ? known.traceId : undefined
}

/** Gives the span of the request that is being answered the name of its route. */
export function nameServerSpan(method: string, route: string): void {
  const span = trace.getActiveSpan()
  if (!span?.isRecording()) return
  span.updateName(`${method} ${route}`)
  span.setAttribute('http.route', route)
}
