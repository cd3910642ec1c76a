import type { Answer } from './client.js'
import { ensure } from './results.js'

const fields = ['type', 'title', 'status', 'detail', 'instance', 'trace_id']

/** The problem details of an answer. @throws Failure when it has another status, or is no problem of ours */
export function problemOf(answer: Answer, status: number): Record<string, unknown> {
  const { headers, body, seen } = answer
  ensure(answer.status === status, () => seen)
  const type = headers.get('content-type') ?? 'no content type'
  ensure(/^application\/problem\+json\b/.test(type), () => `${seen} as ${type}`)
  const missing = fields.filter((field) => body?.[field] === undefined)
  ensure(body !== undefined && missing.length === 0, () => `${seen} without ${missing.join(', ')}`)
  ensure(body.status === status, () => `${seen}, and the body says ${String(body.status)}`)
  const traceId = headers.get('x-trace-id')
  ensure(body.trace_id === traceId, () => `${seen} with trace_id ${String(body.trace_id)}, and X-Trace-Id ${traceId}`)
  return body
}
