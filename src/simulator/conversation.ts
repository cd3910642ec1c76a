/** What is still to come in the life of a conversation. */
export type Step = 'join' | 'absent' | 'left' | 'max' | 'shutdown' | 'transcript' | 'recording' | 'perception'

export interface CallbackEvent {
  message_type: 'system' | 'application'
  event_type: string
  conversation_id: string
  webhook_url: string | null
  timestamp: string
  properties: Record<string, unknown>
}

/** One attempt to hand over a callback, with its retries. */
export interface Delivery {
  event_type: string
  timestamp: string
  sent_at: string
  /** Of the last attempt; null when there was none, or no answer. */
  status: number | null
  attempts: number
  lost: boolean
  duplicated: boolean
  forged: boolean
  delayed_ms: number
  duration_ms: number | null
  error: string | null
}

/** What was decided at creation, so that a restart decides nothing anew. */
export interface Traits {
  /** Of the account: personas and replicas became PALs and faces in 2026, answers have either. */
  renamed: boolean
  reachedSuffix: boolean
  transcriptFirst: boolean
  floatTimestamps: boolean
  /** In ?verbose=true the official example has `reason` where the callback has `shutdown_reason`. */
  verboseReason: boolean
  perception: boolean
}

export interface Storage {
  provider: string
  bucket: string
}

/** Everything about one conversation; times are microseconds since 1970. */
export interface Conversation {
  seq: number
  id: string
  name: string | null
  request: Record<string, unknown>
  callbackUrl: string | null
  replicaId: string
  personaId: string
  recording: Storage | null
  absentSeconds: number
  leftSeconds: number
  meetingToken: string | null
  traits: Traits
  status: 'active' | 'ended'
  createdAt: number
  updatedAt: number
  joinedAt: number | null
  humanJoinedAt: number | null
  participants: string[]
  endedAt: number | null
  shutdownReason: string | null
  endCalls: number
  deletedAt: number | null
  /** When, in milliseconds since 1970, each pending step is taken. */
  due: Partial<Record<Step, number>>
  events: CallbackEvent[]
  deliveries: Delivery[]
}

export type ConversationPatch = Partial<Omit<Conversation, 'seq' | 'id' | 'events' | 'deliveries'>>
