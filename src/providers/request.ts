import type { Readable } from 'node:stream'
import { Agent, type Dispatcher, request } from 'undici'
import { ProviderError } from '../domain/errors.js'

/** A provider's answer, body read. */
export interface ProviderResponse {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
}

/** A provider's answer whose body is still to come: read to its end, or destroyed. */
export type ProviderDownload = Omit<ProviderResponse, 'body'> & { body: Readable }

export interface ProviderRequest {
  method: 'GET' | 'POST' | 'DELETE'
  url: string
  headers?: Record<string, string>
  json?: unknown
  /** In the place of json: fields as a form writes them. */
  form?: Readonly<Record<string, string>>
  timeoutMs: number
  signal?: AbortSignal | undefined
}

export type Observe = (labels: { provider: string; operation: string; status: string }, durationMs: number) => void

/**
 * One function does transport, time limit and the failure of both; clients above it only name calls.
 * @throws ProviderError provider_timeout or provider_unreachable, both with unknown result
 */
export function createTransport({
  provider,
  observe,
  dispatcher,
}: {
  provider: string
  observe?: Observe
  dispatcher?: Dispatcher
}) {
  const agent = dispatcher ?? new Agent({ connections: 64, keepAliveTimeout: 10_000 })
  async function observed<R extends { status: number }>(
    operation: string,
    options: ProviderRequest,
    work: () => Promise<R>,
  ): Promise<R> {
    const started = performance.now()
    let status = 'none'
    try {
      const response = await work()
      status = String(response.status)
      return response
    } catch (error) {
      throw transportError(provider, operation, error, options)
    } finally {
      observe?.({ provider, operation, status }, performance.now() - started)
    }
  }
  return {
    send: (operation: string, options: ProviderRequest): Promise<ProviderResponse> =>
      observed(operation, options, async () => {
        const response = await exchange(options, agent)
        return { ...response, body: await response.body.text() }
      }),
    /** The same for a body that is too large to be held; the time limit is that of the whole of it. */
    download: (operation: string, options: ProviderRequest): Promise<ProviderDownload> =>
      observed(operation, options, () => exchange(options, agent)),
    close: () => agent.close(),
  }
}

export type Transport = ReturnType<typeof createTransport>

async function exchange(options: ProviderRequest, dispatcher: Dispatcher) {
  const timeout = AbortSignal.timeout(options.timeoutMs)
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout
  const response = await request(options.url, {
    method: options.method,
    ...bodyOf(options),
    signal,
    dispatcher,
    // undici's own limits are longer than ours: the signal decides.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  return { status: response.statusCode, headers: response.headers, body: response.body }
}

function bodyOf({ json, form, headers }: ProviderRequest) {
  if (form)
    return {
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(form).toString(),
    }
  if (json === undefined) return { headers: { ...headers }, body: null }
  return { headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(json) }
}

/** Before a connection stood: nothing of the request was sent. */
const beforeConnection: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Whether a failed request never left this machine, so that it had no effect for certain. */
export function neverLeft(error: unknown): boolean {
  const cause = error instanceof ProviderError ? (error.cause as { code?: unknown } | undefined) : undefined
  return beforeConnection.has(cause?.code)
}

function transportError(provider: string, operation: string, error: unknown, options: ProviderRequest): unknown {
  if (options.signal?.aborted) return error
  const name = error instanceof Error ? error.name : ''
  if (name === 'TimeoutError' || name === 'AbortError')
    return new ProviderError(
      'provider_timeout',
      `${provider} did not answer ${operation} within ${options.timeoutMs} ms`,
      provider,
      undefined,
      { cause: error },
    )
  return new ProviderError(
    'provider_unreachable',
    `${provider} could not be reached for ${operation}`,
    provider,
    undefined,
    { cause: error },
  )
}

/** Seconds of a Retry-After header, in its number or its date form; undefined when absent or unreadable. */
export function retryAfterSeconds(header: string | string[] | undefined, now = Date.now()): number | undefined {
  const value = Array.isArray(header) ? header[0] : header
  if (value === undefined || value.trim() === '') return undefined
  const seconds = Number(value)
  if (Number.isFinite(seconds)) return Math.max(0, seconds)
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1000))
}
