import { sessionIdOfName } from '../src/domain/session.js'
import type { TavusClient, TavusConversation } from '../src/providers/tavus/client.js'

const pageSize = 100
/** Far above any account's concurrency; a bound all the same. */
const maxPages = 200

/** Every live conversation at the provider, page by page; one that moves between pages meanwhile may come twice. */
export async function* liveConversations(tavus: TavusClient, signal?: AbortSignal): AsyncGenerator<TavusConversation> {
  for (let page = 1; page <= maxPages; page++) {
    const { items, total } = await tavus.listActive(page, pageSize, signal)
    yield* items
    if (items.length === 0 || page * pageSize >= total) return
  }
}

/** The live conversations that carry the session's mark in their name. */
export async function findBySession(tavus: TavusClient, installation: string, sessionId: string, signal?: AbortSignal) {
  const found = new Map<string, TavusConversation>()
  for await (const conversation of liveConversations(tavus, signal))
    if (sessionIdOfName(installation, conversation.conversation_name) === sessionId)
      found.set(conversation.conversation_id, conversation)
  return [...found.values()]
}
