import { ProviderError } from '../src/domain/errors.js'
import { conversationName } from '../src/domain/session.js'
import type { TavusClient, TavusConversation } from '../src/providers/tavus/client.js'
import type { ConversationProvider, CreatedConversation } from './conversation-provider.js'
import { findBySession } from './find-conversation.js'
import { tavusBody, type TavusDefaults } from './tavus-body.js'
import { createTavusReader, type TavusReaderDeps } from './tavus-reader.js'

export interface TavusConversationDeps extends TavusReaderDeps {
  installation: string
  tavus: TavusClient
  defaults: TavusDefaults
  now?: () => number
}

/** Sessions at Tavus: billed from creation, and found again by their name. */
export function createTavusConversations(deps: TavusConversationDeps): ConversationProvider {
  const { tavus, installation, defaults, now = Date.now } = deps

  const created = (conversation: TavusConversation): CreatedConversation => ({
    conversationId: conversation.conversation_id,
    conversationUrl: conversation.conversation_url ?? '',
    status: conversation.status,
    createdAt: conversation.created_at ?? new Date(now()).toISOString(),
    ...(conversation.meeting_token ? { meetingToken: conversation.meeting_token } : {}),
  })

  /** One that the provider does not know any more is over. */
  async function known(conversationId: string, signal: AbortSignal): Promise<TavusConversation> {
    try {
      return await tavus.get(conversationId, { signal })
    } catch (error) {
      if (!(error instanceof ProviderError && error.code === 'provider_not_found')) throw error
      return { conversation_id: conversationId, status: 'ended' }
    }
  }

  return {
    configured: tavus.configured,
    async create(input, signal) {
      const name = conversationName(installation, input.sessionId, input.request.conversation_name)
      return created(await tavus.create(tavusBody(defaults, input, name), signal))
    },
    /** Tavus has no idempotency key and bills from creation: after an unknown result, look before creating again. */
    async find(sessionId, signal) {
      const [existing] = await findBySession(tavus, installation, sessionId, signal)
      if (!existing) return undefined
      return created(existing.conversation_url ? existing : await tavus.get(existing.conversation_id, { signal }))
    },
    resume: async ({ conversationId }, _request, signal) => created(await known(conversationId, signal)),
    end: (conversationId, signal) => tavus.end(conversationId, signal),
    async endBySession(sessionId, signal) {
      const left = await findBySession(tavus, installation, sessionId, signal)
      for (const conversation of left) await tavus.end(conversation.conversation_id, signal)
      return left.length
    },
    read: createTavusReader(deps),
  }
}
