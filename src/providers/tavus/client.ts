import { type ProviderErrorCode, ProviderError } from '../../domain/errors.js'
import { type ProviderResponse, retryAfterSeconds, type Transport } from '../request.js'

export interface TavusConfig {
  apiKey: string | undefined
  baseUrl: string
  requestTimeoutMs: number
}

/** A conversation as Tavus answers it; fields beyond these are kept out (docs.tavus.io create-conversation). */
export interface TavusConversation {
  conversation_id: string
  conversation_name?: string | undefined
  conversation_url?: string | undefined
  status: string
  created_at?: string | undefined
  updated_at?: string | undefined
  meeting_token?: string | undefined
  /** Only with verbose: every callback so far. */
  events?: unknown[]
}

type Body = Record<string, unknown>

/** Calls of the Tavus API, paths under /v2, key in x-api-key (docs.tavus.io authentication). */
export function createTavusClient(config: TavusConfig, transport: Transport) {
  async function call(operation: string, method: 'GET' | 'POST', path: string, json?: unknown, signal?: AbortSignal) {
    if (!config.apiKey)
      throw new ProviderError('provider_not_configured', 'TAVUS_API_KEY is not set', 'tavus', undefined)
    const response = await transport.send(operation, {
      method,
      url: `${config.baseUrl}/v2${path}`,
      headers: { 'x-api-key': config.apiKey },
      json,
      timeoutMs: config.requestTimeoutMs,
      signal,
    })
    if (response.status >= 200 && response.status < 300) return response
    throw tavusError(operation, response)
  }

  return {
    configured: Boolean(config.apiKey),
    /** Not idempotent and billed from the answer on: look the name up before a second try. */
    async create(body: Body, signal?: AbortSignal): Promise<TavusConversation> {
      return conversation('create', await call('create', 'POST', '/conversations', body, signal))
    },
    async get(id: string, options: { verbose?: boolean; signal?: AbortSignal } = {}): Promise<TavusConversation> {
      const path = `/conversations/${encodeURIComponent(id)}${options.verbose ? '?verbose=true' : ''}`
      return conversation('get', await call('get', 'GET', path, undefined, options.signal))
    },
    /** Ends a conversation; one that has ended already, or is unknown, is no error. */
    async end(id: string, signal?: AbortSignal): Promise<void> {
      try {
        await call('end', 'POST', `/conversations/${encodeURIComponent(id)}/end`, undefined, signal)
      } catch (error) {
        if (!(error instanceof ProviderError && error.code === 'provider_not_found')) throw error
      }
    },
    /** One page of live conversations; `total` is the provider's count of all of them. */
    async listActive(
      page: number,
      limit: number,
      signal?: AbortSignal,
    ): Promise<{ items: TavusConversation[]; total: number }> {
      const response = await call(
        'list',
        'GET',
        `/conversations?status=active&limit=${limit}&page=${page}`,
        undefined,
        signal,
      )
      const body = parse('list', response)
      const items = Array.isArray(body.data) ? body.data.flatMap((row) => (isConversation(row) ? [row] : [])) : []
      return { items, total: typeof body.total_count === 'number' ? body.total_count : items.length }
    },
  }
}

export type TavusClient = ReturnType<typeof createTavusClient>

const isConversation = (value: unknown): value is TavusConversation =>
  typeof value === 'object' && value !== null && typeof (value as Body).conversation_id === 'string'

function parse(operation: string, response: ProviderResponse): Body {
  try {
    const body: unknown = JSON.parse(response.body)
    if (typeof body === 'object' && body !== null) return body as Body
  } catch {
    // Falls through: an answer that cannot be read is a failure of the provider, result unknown.
  }
  throw new ProviderError(
    'provider_failed',
    `tavus answered ${operation} with something that is not JSON`,
    'tavus',
    response.status,
  )
}

function conversation(operation: string, response: ProviderResponse): TavusConversation {
  const body = parse(operation, response)
  if (isConversation(body)) return { ...body, status: typeof body.status === 'string' ? body.status : 'active' }
  throw new ProviderError(
    'provider_failed',
    `tavus answered ${operation} without a conversation_id`,
    'tavus',
    response.status,
  )
}

/** Tavus says what went wrong in `error` or in `message`, and the status alone does not tell (create-conversation, errors). */
export function tavusError(operation: string, response: ProviderResponse): ProviderError {
  const said = providerText(response.body)
  const code = errorCode(response.status, said)
  return new ProviderError(
    code,
    `tavus answered ${operation} with ${response.status}${said ? `: ${said}` : ''}`,
    'tavus',
    response.status,
    {
      retryAfterSeconds: retryAfterSeconds(response.headers['retry-after']),
    },
  )
}

function errorCode(status: number, said: string): ProviderErrorCode {
  const text = said.toLowerCase()
  if (text.includes('maximum concurrent')) return 'provider_at_capacity'
  if (status === 402 || text.includes('conversational credits')) return 'provider_out_of_credits'
  if (status === 401 || status === 403) return 'provider_credentials'
  if (status === 404 || text.includes('invalid conversation_id')) return 'provider_not_found'
  if (status === 429) return 'provider_rate_limited'
  if (status >= 500 || status === 408) return 'provider_failed'
  return 'provider_rejected'
}

function providerText(body: string): string {
  try {
    const parsed = JSON.parse(body) as Body
    const said = parsed.error ?? parsed.message
    if (typeof said === 'string') return said.slice(0, 300)
    return said === undefined ? '' : JSON.stringify(said).slice(0, 300)
  } catch {
    return ''
  }
}
