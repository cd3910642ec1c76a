import { ProviderError } from '../src/domain/errors.js'
import type { ElevenLabsClient } from '../src/providers/elevenlabs/client.js'
import type { SessionRequest } from '../workflows/messages.js'
import type { ConversationProvider, CreatedConversation } from './conversation-provider.js'
import { elevenLabsClientData } from './elevenlabs-client-data.js'
import { createElevenLabsReader, type ElevenLabsReaderDeps } from './elevenlabs-reader.js'

export interface ElevenLabsConversationDeps extends ElevenLabsReaderDeps {
  elevenlabs: ElevenLabsClient
  /** For starts that name none. */
  agentId: string | undefined
}

/**
 * Sessions with agents of ElevenLabs. A signed URL costs nothing until somebody connects, and nobody can end a
 * conversation from here: so nothing is looked for at the provider and nothing ended there. What an earlier attempt handed
 * out is in the row and nowhere else.
 */
export function createElevenLabsConversations(deps: ElevenLabsConversationDeps): ConversationProvider {
  const { elevenlabs, agentId, now = Date.now } = deps

  function agentOf({ agent_id: asked }: SessionRequest): string {
    const agent = asked ?? agentId
    if (agent !== undefined) return agent
    const detail = 'ELEVENLABS_AGENT_ID is not set, and the request names no agent_id'
    throw new ProviderError('provider_not_configured', detail, 'elevenlabs', undefined)
  }

  return {
    configured: elevenlabs.configured,
    async create({ sessionId, request }, signal): Promise<CreatedConversation> {
      const createdAt = new Date(now()).toISOString()
      const { conversationId, url } = await elevenlabs.signedUrl(agentOf(request), signal)
      const clientData = elevenLabsClientData(sessionId, request)
      return { conversationId, conversationUrl: url, status: 'active', createdAt, clientData }
    },
    resume({ sessionId, conversationId, conversationUrl, createdAt }, request): Promise<CreatedConversation> {
      // Over or not, is for whoever asks about it to say: a talk outlives the address that it began at.
      return Promise.resolve({
        conversationId,
        conversationUrl: conversationUrl ?? '',
        status: 'active',
        createdAt: createdAt.toISOString(),
        clientData: elevenLabsClientData(sessionId, request),
      })
    },
    read: createElevenLabsReader(deps),
  }
}
