import { ProviderError } from '../../domain/errors.js'
import { badAnswer } from '../failure.js'
import { type Fields, fieldsOf, fieldsOfText } from '../json.js'
import type { ProviderResponse, Transport } from '../request.js'

export interface BlandConfig {
  apiKey: string | undefined
  baseUrl: string
  /** Of one request, in milliseconds. */
  timeoutMs: number
}

/** A call as the API gives it; the list leaves most fields out (docs.bland.ai/api-v1/get/calls, calls-id). */
export type BlandCall = Fields & { call_id: string }

const listed = 100

/** Calls of Bland's API, key in the header authorization (docs.bland.ai/api-v1). */
export function createBlandClient({ apiKey, baseUrl, timeoutMs }: BlandConfig, transport: Transport) {
  async function call(
    operation: string,
    path: string,
    more: { json?: unknown; signal?: AbortSignal | undefined },
  ): Promise<ProviderResponse> {
    if (apiKey === undefined)
      throw new ProviderError('provider_not_configured', 'BLAND_API_KEY is not set', 'bland', undefined)
    return await transport.send(operation, {
      method: more.json === undefined ? 'GET' : 'POST',
      url: `${baseUrl}/v1${path}`,
      headers: { authorization: apiKey },
      timeoutMs,
      ...more,
    })
  }

  return {
    configured: apiKey !== undefined,
    /** Not idempotent: the answer is given as it came, for its status says what happened. */
    create: (json: Fields, signal?: AbortSignal) => call('create_call', '/calls', { json, signal }),

    /** @throws ProviderError provider_not_found for an id that the account does not have */
    async get(id: string, signal?: AbortSignal): Promise<BlandCall> {
      const response = await call('get_call', `/calls/${encodeURIComponent(id)}`, { signal })
      const found = response.status === 200 ? fieldsOfText(response.body) : undefined
      if (!isCall(found)) throw badAnswer('bland', 'get_call', response)
      return found
    },

    /**
     * Calls to a number that were asked for at `since` (epoch milliseconds) or later, newest first.
     * @throws ProviderError provider_failed when there are more than one page of them
     */
    async dispatchedTo(number: string, since: number, signal?: AbortSignal): Promise<BlandCall[]> {
      const query = new URLSearchParams({
        to_number: number,
        limit: String(listed),
        ascending: 'false',
        sort_by: 'created_at',
      })
      const response = await call('list_calls', `/calls?${query.toString()}`, { signal })
      const { calls } = response.status === 200 ? fieldsOfText(response.body) : { calls: undefined }
      if (!Array.isArray(calls)) throw badAnswer('bland', 'list_calls', response)
      const recent = calls.filter(isCall).filter(({ created_at }) => !(madeAt(created_at) < since))
      if (recent.length >= listed)
        throw new ProviderError('provider_failed', 'bland lists more calls to the number than fit a page', 'bland', 200)
      return recent
    },
  }
}

export type BlandClient = ReturnType<typeof createBlandClient>

const madeAt = (value: unknown) => (typeof value === 'string' ? Date.parse(value) : Number.NaN)

const isCall = (value: unknown): value is BlandCall => typeof fieldsOf(value).call_id === 'string'
