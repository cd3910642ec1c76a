import type { SessionEvent } from '../src/domain/event.js'
import type { SessionFacts } from '../src/domain/session.js'
import type { TavusClient, TavusConversation } from '../src/providers/tavus/client.js'
import type { IngestEvents } from '../src/store/receipt-ingest.js'
import type { ProviderEventMessage } from '../workflows/messages.js'
import type { AskedConversation, ConversationReading } from './conversation-provider.js'

export interface TavusReaderDeps {
  tavus: Pick<TavusClient, 'get'>
  /** What a provider's event says, in the common vocabulary. */
  normalise: (event: unknown) => SessionEvent
  /** Takes events in as their webhooks would have been, each once. */
  ingest: IngestEvents
  record: (input: { sessionId: string; conversationId?: string; facts: SessionFacts }) => Promise<unknown>
}

/** How many conversations the reader remembers as unchanged; a forgotten one costs one transaction. */
const remembered = 20_000

/** Asks Tavus for a conversation and everything that it has called back about it. */
export function createTavusReader({ tavus, normalise, ingest, record }: TavusReaderDeps) {
  const unchanged = new Map<string, number>()

  async function takeIn(sessionId: string, conversation: TavusConversation, events: unknown[]): Promise<void> {
    const conversationId = conversation.conversation_id
    if (events.length > 0 && unchanged.get(conversationId) !== events.length)
      await ingest({ provider: 'tavus', sessionId, conversationId, events })
    unchanged.delete(conversationId)
    unchanged.set(conversationId, events.length)
    if (unchanged.size > remembered) unchanged.delete(unchanged.keys().next().value ?? '')
  }

  return async function read(
    { sessionId, conversationId }: AskedConversation,
    signal: AbortSignal,
  ): Promise<ConversationReading> {
    const conversation = await tavus.get(conversationId, { verbose: true, signal })
    const events = conversation.events ?? []
    await takeIn(sessionId, conversation, events)
    const kinds = new Set(events.map((event) => normalise(event).kind).filter(isMessageKind))
    const live = conversation.status !== 'ended'
    if (!live && !kinds.has('shutdown')) {
      // Over, and no event says when: the time of its last change is the best there is.
      const endedAt = conversation.updated_at ?? new Date().toISOString()
      await record({ sessionId, conversationId, facts: { endedAt, foundByReconcile: true } })
      kinds.add('shutdown')
    }
    return { live, kinds: [...kinds] }
  }
}

const isMessageKind = (kind: SessionEvent['kind']): kind is ProviderEventMessage['kind'] =>
  kind === 'shutdown' || kind === 'transcript' || kind === 'recording' || kind === 'participant_joined'
