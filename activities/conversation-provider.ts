import type { SessionProvider } from '../src/domain/session.js'
import type { ProviderEventMessage, SessionRequest } from '../workflows/messages.js'

/** A conversation that may be joined, as the workflow keeps it. */
export interface CreatedConversation {
  conversationId: string
  conversationUrl: string
  status: string
  createdAt: string
  meetingToken?: string
  /** What the caller's page has to hand to the provider as it connects. */
  clientData?: Record<string, unknown>
}

/** What is asked of a new conversation. */
export interface ConversationRequest {
  sessionId: string
  request: SessionRequest
  maxSeconds: number
  recording: boolean
}

/** A conversation as a session's row names it. */
export interface RecordedConversation {
  sessionId: string
  conversationId: string
  conversationUrl: string | null
  createdAt: Date
}

/** A conversation that is asked about. */
export interface AskedConversation {
  sessionId: string
  conversationId: string
  /** RFC 3339: it was created no later than this. */
  since?: string | undefined
  /** The recording is missing, and is to be fetched where the provider has it. */
  recording?: boolean | undefined
}

export interface ConversationReading {
  /** The provider says that it runs, or may still begin. */
  live: boolean
  /** What is known of it now, as far as the session's workflow waits for it; of what never comes, that it need not wait. */
  kinds: ProviderEventMessage['kind'][]
}

/** What sessions need of a provider: one object for each, and nobody above asks which it is. */
export interface ConversationProvider {
  /** False while its key is missing. */
  configured: boolean
  create(input: ConversationRequest, signal: AbortSignal): Promise<CreatedConversation>
  /** What an earlier attempt left at the provider, found by the session's mark; absent where nothing is marked. */
  find?(sessionId: string, signal: AbortSignal): Promise<CreatedConversation | undefined>
  /** The one that an earlier attempt wrote into the row, over or not. */
  resume(row: RecordedConversation, request: SessionRequest, signal: AbortSignal): Promise<CreatedConversation>
  /** Ends it; one that is over or unknown is no error. Absent where the provider has no such call. */
  end?(conversationId: string, signal: AbortSignal): Promise<void>
  /** Ends whatever carries the session's mark. */
  endBySession?(sessionId: string, signal: AbortSignal): Promise<number>
  /** Takes in what the provider says of it, as its webhooks would have told. */
  read(asked: AskedConversation, signal: AbortSignal): Promise<ConversationReading>
}

export type ConversationProviders = Readonly<Record<SessionProvider, ConversationProvider>>
