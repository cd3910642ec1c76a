import { ProviderError } from '../../domain/errors.js'
import { fieldsOf } from '../json.js'
import type { ProviderDownload, Transport } from '../request.js'
import { type AgentConversation, agentConversation } from './conversation.js'
import { elevenLabsError } from './failure.js'

export interface ElevenLabsConfig {
  apiKey: string | undefined
  baseUrl: string
}

/** Milliseconds. Somebody waits for a start; for an answer about a conversation nobody does. */
const startTimeoutMs = 5000
const requestTimeoutMs = 15_000
const audioTimeoutMs = 120_000

/** An address at which one conversation can begin, once. */
export interface SignedUrl {
  conversationId: string
  url: string
}

/** Calls of ElevenLabs' agents API, key in xi-api-key (elevenlabs.io/docs/api-reference). */
export function createElevenLabsClient(config: ElevenLabsConfig, transport: Transport) {
  const request = (path: string, timeoutMs: number, signal: AbortSignal | undefined) => {
    if (config.apiKey === undefined)
      throw new ProviderError('provider_not_configured', 'ELEVENLABS_API_KEY is not set', 'elevenlabs', undefined)
    const url = `${config.baseUrl}/v1/convai/${path}`
    return { method: 'GET' as const, url, headers: { 'xi-api-key': config.apiKey }, timeoutMs, signal }
  }
  async function get(operation: string, path: string, timeoutMs: number, signal: AbortSignal | undefined) {
    const response = await transport.send(operation, request(path, timeoutMs, signal))
    if (response.status !== 200) throw elevenLabsError(operation, response)
    return { status: response.status, body: bodyOf(response.body) }
  }

  return {
    configured: config.apiKey !== undefined,
    /**
     * A signed URL with its conversation's id, which makes it good for one use (include_conversation_id). It costs nothing
     * until somebody connects, so asking again after a lost answer does no harm.
     * @throws ProviderError provider_not_found for an agent that the account does not have
     */
    async signedUrl(agentId: string, signal?: AbortSignal): Promise<SignedUrl> {
      const query = new URLSearchParams({ agent_id: agentId, include_conversation_id: 'true' })
      const path = `conversation/get-signed-url?${query.toString()}`
      const { status, body } = await get('signed_url', path, startTimeoutMs, signal)
      const signed = signedUrlOf(body)
      if (signed) return signed
      const detail = 'elevenlabs answered signed_url without the id of a conversation'
      throw new ProviderError('provider_failed', detail, 'elevenlabs', status)
    },
    /** @throws ProviderError provider_not_found for an id that the account does not have */
    async getConversation(id: string, signal?: AbortSignal): Promise<AgentConversation> {
      const path = `conversations/${encodeURIComponent(id)}`
      const { status, body } = await get('get_conversation', path, requestTimeoutMs, signal)
      const conversation = agentConversation(body)
      if (conversation) return conversation
      const detail = 'elevenlabs answered get_conversation with something that is no conversation'
      throw new ProviderError('provider_failed', detail, 'elevenlabs', status)
    },
    /**
     * The recording as MP3, piece by piece.
     * @throws ProviderError provider_not_found where there is none
     */
    async *audio(id: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
      const path = `conversations/${encodeURIComponent(id)}/audio`
      const response = await transport.download('get_audio', request(path, audioTimeoutMs, signal))
      if (response.status !== 200)
        throw elevenLabsError('get_audio', { ...response, body: await beginningOf(response) })
      for await (const chunk of response.body) yield chunk as Buffer
    },
  }
}

export type ElevenLabsClient = ReturnType<typeof createElevenLabsClient>

function bodyOf(text: string): Record<string, unknown> {
  try {
    return fieldsOf(JSON.parse(text))
  } catch {
    return {}
  }
}

const conversationId = /^[A-Za-z0-9_-]{1,120}$/

/** The id stands beside the URL, or in it. */
function signedUrlOf({ signed_url: url, conversation_id: beside }: Record<string, unknown>): SignedUrl | undefined {
  if (typeof url !== 'string' || !/^wss?:\/\//.test(url) || !URL.canParse(url)) return undefined
  const id = typeof beside === 'string' ? beside : new URL(url).searchParams.get('conversation_id')
  return id !== null && conversationId.test(id) ? { conversationId: id, url } : undefined
}

async function beginningOf({ body }: ProviderDownload): Promise<string> {
  let text = ''
  for await (const chunk of body) {
    text += String(chunk)
    if (text.length > 2000) break
  }
  return text
}
