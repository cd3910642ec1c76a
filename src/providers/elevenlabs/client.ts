import { type ProviderErrorCode, ProviderError } from '../../domain/errors.js'
import { type Fields, fieldsOf } from '../json.js'
import { type ProviderResponse, retryAfterSeconds, type Transport } from '../request.js'

export interface ElevenLabsConfig {
  apiKey: string | undefined
  baseUrl: string
}

/** Milliseconds. A background question: nobody waits for it. */
const requestTimeoutMs = 15_000

/** A conversation as the API and the webhook give it; only done and failed are final (elevenlabs-js, GetConversationResponseModel). */
export type ElevenLabsConversation = Fields & { status: string }

/** Calls of ElevenLabs' agents API, key in xi-api-key. */
export function createElevenLabsClient(config: ElevenLabsConfig, transport: Transport) {
  return {
    configured: config.apiKey !== undefined,
    /** @throws ProviderError provider_not_found for an id that the account does not have */
    async getConversation(id: string, signal?: AbortSignal): Promise<ElevenLabsConversation> {
      if (config.apiKey === undefined)
        throw new ProviderError('provider_not_configured', 'ELEVENLABS_API_KEY is not set', 'elevenlabs', undefined)
      const response = await transport.send('get_conversation', {
        method: 'GET',
        url: `${config.baseUrl}/v1/convai/conversations/${encodeURIComponent(id)}`,
        headers: { 'xi-api-key': config.apiKey },
        timeoutMs: requestTimeoutMs,
        signal,
      })
      if (response.status !== 200) throw failureOf(response)
      return conversationOf(response)
    },
  }
}

export type ElevenLabsClient = ReturnType<typeof createElevenLabsClient>

function conversationOf(response: ProviderResponse): ElevenLabsConversation {
  try {
    const body = fieldsOf(JSON.parse(response.body))
    if (typeof body.status === 'string') return body as ElevenLabsConversation
  } catch {
    // Falls through: an answer that cannot be read is a failure of the provider.
  }
  const detail = 'elevenlabs answered get_conversation with something that is no conversation'
  throw new ProviderError('provider_failed', detail, 'elevenlabs', response.status)
}

function failureOf({ status, headers }: ProviderResponse): ProviderError {
  const detail = `elevenlabs answered get_conversation with ${status}`
  return new ProviderError(codeOf(status), detail, 'elevenlabs', status, {
    retryAfterSeconds: retryAfterSeconds(headers['retry-after']),
  })
}

function codeOf(status: number): ProviderErrorCode {
  if (status === 401 || status === 403) return 'provider_credentials'
  if (status === 404) return 'provider_not_found'
  if (status === 429) return 'provider_rate_limited'
  return status >= 500 || status === 408 ? 'provider_failed' : 'provider_rejected'
}
