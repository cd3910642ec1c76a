import { isoMicros, isoOrNull } from './clock.js'
import type { CallbackEvent, Conversation } from './conversation.js'

type Answer = Record<string, unknown>

/** Addresses of a conversation's room, as the create call answers them. */
const addresses = ({ id, request }: Conversation, publicUrl: string): Answer => ({
  conversation_url: `${publicUrl}/room/${id}`,
  ...(request.meeting_url === undefined ? { room_url: `${publicUrl}/hosted/${id}` } : {}),
})

/** As POST /v2/conversations answers. */
export const presentCreated = (conversation: Conversation, publicUrl: string): Answer => ({
  ...described(conversation, publicUrl),
  // Told once, to the one who created it.
  ...(conversation.meetingToken === null ? {} : { meeting_token: conversation.meetingToken }),
})

function described(conversation: Conversation, publicUrl: string): Answer {
  return {
    conversation_id: conversation.id,
    conversation_name: conversation.name ?? `New Conversation ${Math.floor(conversation.createdAt / 1000)}`,
    ...addresses(conversation, publicUrl),
    status: conversation.status,
    callback_url: conversation.callbackUrl ?? '',
    created_at: isoMicros(conversation.createdAt),
  }
}

/** As GET answers: an account in transition writes the one or the other name, never both. */
export function presentConversation(conversation: Conversation, publicUrl: string): Answer {
  const { renamed } = conversation.traits
  return {
    ...described(conversation, publicUrl),
    [renamed ? 'face_id' : 'replica_id']: conversation.replicaId,
    [renamed ? 'pal_id' : 'persona_id']: conversation.personaId,
    updated_at: isoMicros(conversation.updatedAt),
  }
}

/** With every callback so far, also those that were lost on their way. */
export function presentVerbose(conversation: Conversation, publicUrl: string): Answer {
  const { shutdownReason, events, traits } = conversation
  return {
    ...presentConversation(conversation, publicUrl),
    ...(shutdownReason === null ? {} : { shutdown_reason: shutdownReason }),
    events: events.map((event) => (traits.verboseReason ? withReason(event) : event)),
  }
}

function withReason(event: CallbackEvent): CallbackEvent {
  const { shutdown_reason, ...properties } = event.properties
  return event.event_type === 'system.shutdown'
    ? { ...event, properties: { ...properties, reason: shutdown_reason } }
    : event
}

/** A row of the truth without its long parts. */
export function presentSummary(conversation: Conversation) {
  const { createdAt, joinedAt, endedAt } = conversation
  return {
    conversation_id: conversation.id,
    conversation_name: conversation.name,
    status: conversation.status,
    created_at: isoMicros(createdAt),
    joined_at: isoOrNull(joinedAt),
    human_joined_at: isoOrNull(conversation.humanJoinedAt),
    ended_at: isoOrNull(endedAt),
    deleted_at: isoOrNull(conversation.deletedAt),
    shutdown_reason: conversation.shutdownReason,
    duration_seconds: endedAt === null ? null : (endedAt - (joinedAt ?? createdAt)) / 1e6,
    end_calls: conversation.endCalls,
    callback_url: conversation.callbackUrl,
  }
}

export const presentTruth = (conversation: Conversation) => ({
  ...presentSummary(conversation),
  request: conversation.request,
  events: conversation.events,
  deliveries: conversation.deliveries,
})

export type TruthSummary = ReturnType<typeof presentSummary>
/** What really happened to one conversation. */
export type Truth = ReturnType<typeof presentTruth>
