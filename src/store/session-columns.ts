import { conversationTypes } from '../domain/session.js'

// Expressions over columns that the tables of sessions share.

/** The provider's name. */
export const providerName = `case conversation_type_id when ${conversationTypes.tavus} then 'tavus' else 'elevenlabs' end`

/** As `outcomeOf` gives it: of a conversation that nobody began, the facts name no reason of the provider's. */
export const shutdownReason = `case when facts->>'neverBegan' = 'true' and facts->>'joinedAt' is null
  and facts->>'shutdownAt' is null then 'participant_absent_timeout' else facts->>'shutdownReason' end`
