import { randomUUID } from 'node:crypto'
import type { Logger } from '../../observability/logger.js'
import { activeTraceId, nameServerSpan } from '../../observability/trace-context.js'
import { type AppMiddleware, routeLabel } from '../context.js'

const validRequestId = /^[A-Za-z0-9._-]{1,128}$/
// Later versions of the format may append fields; version ff and ids of zeros are invalid (W3C Trace Context).
const traceparent = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/

/** Gives each request its id, its trace id and its log; both ids are returned. The trace is the span's, if there is one. */
export function requestContext({ log }: { log: Logger }): AppMiddleware {
  return async function requestContextMiddleware(ctx, next) {
    const given = ctx.get('X-Request-Id')
    const requestId = validRequestId.test(given) ? given : randomUUID()
    const traceId = activeTraceId() ?? traceOf(ctx.get('traceparent')) ?? randomUUID().replaceAll('-', '')
    ctx.state = { requestId, traceId, log: log.child({ trace_id: traceId, request_id: requestId }) }
    ctx.set('X-Request-Id', requestId)
    ctx.set('X-Trace-Id', traceId)
    await next()
    nameServerSpan(ctx.method, routeLabel(ctx))
  }
}

const traceOf = (given: string): string | undefined => traceparent.exec(given)?.[2]
