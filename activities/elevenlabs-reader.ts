import { ProviderError } from '../src/domain/errors.js'
import type { SessionFacts } from '../src/domain/session.js'
import type { Logger } from '../src/observability/logger.js'
import type { ElevenLabsClient } from '../src/providers/elevenlabs/client.js'
import type { AgentConversation } from '../src/providers/elevenlabs/conversation.js'
import type { IngestEvents } from '../src/store/receipt-ingest.js'
import type { AskedConversation, ConversationReading } from './conversation-provider.js'

export interface ElevenLabsReaderDeps {
  elevenlabs: Pick<ElevenLabsClient, 'getConversation' | 'audio'>
  /** What the facts of a conversation are, as its webhook would have told them. */
  factsOf: (conversation: AgentConversation['raw']) => SessionFacts
  /** Takes events in as their webhooks would have been, each once. */
  ingest: IngestEvents
  record: (input: { sessionId: string; conversationId: string; facts: SessionFacts }) => Promise<unknown>
  /** Puts a recording away; answers its place. */
  keepAudio: (conversationId: string, audio: AsyncIterable<Buffer>) => Promise<string>
  /** How long a signed URL can begin a conversation. */
  joinMs: number
  log: Pick<Logger, 'warn'>
  now?: () => number
}

/** Beyond the provider's own limit: its clock is not ours. Milliseconds. */
const clockSkewMs = 5000
/** How many conversations the reader remembers as known to run; a forgotten one costs one transaction. */
const remembered = 20_000

/** Asks ElevenLabs for a conversation: a webhook that comes after all is then a duplicate. */
export function createElevenLabsReader(deps: ElevenLabsReaderDeps) {
  const { elevenlabs, factsOf, ingest, record, keepAudio, joinMs, log, now = Date.now } = deps
  const running = new Set<string>()

  /** Undefined where the provider knows none, which is so until somebody connects. */
  async function find(conversationId: string, signal: AbortSignal): Promise<AgentConversation | undefined> {
    return await elevenlabs.getConversation(conversationId, signal).catch((error: unknown) => {
      if (error instanceof ProviderError && error.code === 'provider_not_found') return undefined
      throw error
    })
  }

  async function notBegun({ sessionId, conversationId, since }: AskedConversation): Promise<ConversationReading> {
    const expiresAt = since === undefined ? Infinity : Date.parse(since) + joinMs
    if (now() < expiresAt + clockSkewMs) return { live: true, kinds: [] }
    const endedAt = new Date(expiresAt).toISOString()
    await record({ sessionId, conversationId, facts: { endedAt, neverBegan: true, foundByReconcile: true } })
    return { live: false, kinds: ['shutdown', 'transcript', 'recording'] }
  }

  async function begun({ sessionId, conversationId }: AskedConversation, joinedAt: string | undefined) {
    if (joinedAt === undefined || running.has(conversationId)) return
    await record({ sessionId, conversationId, facts: { joinedAt } })
    running.add(conversationId)
    if (running.size > remembered) running.delete(running.values().next().value ?? '')
  }

  async function over(asked: AskedConversation, conversation: AgentConversation, signal: AbortSignal) {
    const { sessionId, conversationId } = asked
    const named = { sessionId, conversationId }
    running.delete(conversationId)
    const settled = await ingest({ provider: 'elevenlabs', ...named, events: [conversation.raw] })
    // Its webhook has come, or came to nothing: the row says the same in any case.
    if (settled.length === 0) await record({ ...named, facts: factsOf(conversation.raw) })
    const kinds: ConversationReading['kinds'] = ['participant_joined', 'shutdown', 'transcript']
    const complete = !conversation.hasAudio || (asked.recording === true && (await fetchAudio(asked, signal)))
    return { live: false, kinds: complete ? [...kinds, 'recording' as const] : kinds }
  }

  async function fetchAudio({ sessionId, conversationId }: AskedConversation, signal: AbortSignal): Promise<boolean> {
    try {
      const full_audio = await keepAudio(conversationId, elevenlabs.audio(conversationId, signal))
      await ingest({ provider: 'elevenlabs', sessionId, conversationId, events: [{ full_audio }] })
      return true
    } catch (error) {
      // Asked for again with the next question; all else that is known counts.
      log.warn({ err: error, session_id: sessionId, provider: 'elevenlabs' }, 'a recording could not be fetched')
      return false
    }
  }

  return async function read(asked: AskedConversation, signal: AbortSignal): Promise<ConversationReading> {
    const conversation = await find(asked.conversationId, signal)
    if (!conversation || conversation.state === 'waiting') return await notBegun(asked)
    if (conversation.state === 'over') return await over(asked, conversation, signal)
    await begun(asked, conversation.startedAt)
    return { live: true, kinds: ['participant_joined'] }
  }
}
