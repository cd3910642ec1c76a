import { STATUS_CODES } from 'node:http'
import { z } from 'zod'
import { type FieldError, ParleyError, TooManyRequestsError, UnauthorizedError } from '../domain/errors.js'
import type { AppContext } from './context.js'

/** RFC 9457, with what helps to find the request in the logs. */
export const problemSchema = z
  .object({
    type: z.string().meta({ description: 'Identifies the kind of problem; ends in its code' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().meta({ description: 'Path of the request' }),
    code: z.string().meta({ description: 'Stable, machine-readable' }),
    trace_id: z.string(),
    errors: z
      .array(z.object({ pointer: z.string(), detail: z.string() }))
      .optional()
      .meta({ description: 'Each wrong field: a JSON pointer into the body, or query/…, params/…, headers/…' }),
    retry_after: z.int().optional().meta({ description: 'Seconds' }),
  })
  .meta({
    id: 'Problem',
    description: 'RFC 9457 problem details',
    example: {
      type: 'https://parley.dev/problems/invalid_request',
      title: 'Unprocessable Content',
      status: 422,
      detail: 'the request is not valid',
      instance: '/auth/login',
      code: 'invalid_request',
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
      errors: [{ pointer: '/email', detail: 'Invalid email address' }],
    },
  })

export type Problem = z.output<typeof problemSchema>

export const problemTypeBase = 'https://parley.dev/problems/'
const rateLimitType = 'https://tools.ietf.org/html/rfc6585#section-4'

const typeOf = (error: ParleyError) =>
  error instanceof TooManyRequestsError ? rateLimitType : `${problemTypeBase}${error.code}`

/** Answers an error as problem details. Nothing leaves but what the error says on purpose. */
export function renderProblem(ctx: AppContext, error: ParleyError): void {
  const body = problemOf(error, { instance: ctx.path, traceId: ctx.state.traceId })
  ctx.status = body.status
  if (body.retry_after !== undefined) ctx.set('Retry-After', String(body.retry_after))
  if (error instanceof UnauthorizedError) ctx.set('WWW-Authenticate', challengeOf(error))
  ctx.set('Cache-Control', 'no-store')
  ctx.body = JSON.stringify(body)
  ctx.type = 'application/problem+json'
}

/** The problem details of an error. */
export function problemOf(error: ParleyError, request: { instance: string; traceId: string }): Problem {
  const retryAfter = error.retryAfterSeconds
  return {
    type: typeOf(error),
    title: error.title,
    status: error.status,
    detail: error.message,
    instance: request.instance,
    code: error.code,
    trace_id: request.traceId,
    ...(error.errors === undefined ? {} : { errors: error.errors satisfies FieldError[] }),
    ...(retryAfter === undefined ? {} : { retry_after: Math.max(1, Math.ceil(retryAfter)) }),
  }
}

/** RFC 6750: a request without a token is told no error, only how to authenticate. */
function challengeOf({ code, message }: UnauthorizedError): string {
  if (!code.startsWith('token_') || code === 'token_missing') return 'Bearer'
  return `Bearer error="invalid_token", error_description="${message.replace(/["\\]/g, '')}"`
}

/** Whatever was thrown, as an error that may leave; what nobody meant to answer becomes a bare 500. */
export function toParleyError(error: unknown): ParleyError {
  if (error instanceof ParleyError) return error
  const status = clientErrorStatus(error)
  // Koa's own words may quote files or the request: the status says enough.
  if (status)
    return new ParleyError(`http_${status}`, status, STATUS_CODES[status] ?? 'Error', 'the request was refused')
  return new ParleyError('internal_error', 500, 'Internal Server Error', 'an unexpected error occurred', {
    cause: error,
  })
}

/** Status of an error that Koa or one of its middleware threw at the client. */
function clientErrorStatus(error: unknown): number | undefined {
  const { status, expose } = (error ?? {}) as { status?: unknown; expose?: unknown }
  return expose === true && typeof status === 'number' && status >= 400 && status < 500 ? status : undefined
}
