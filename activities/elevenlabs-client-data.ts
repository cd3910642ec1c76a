import type { SessionRequest } from '../workflows/messages.js'

/**
 * What the caller's page sends as its first message over the socket: ElevenLabs takes none of it with a signed URL
 * (elevenlabs.io/docs/eleven-agents/customization/personalization). The session's id comes back with the post-call webhook;
 * an agent reads the context where its prompt says {{conversational_context}}.
 */
export function elevenLabsClientData(sessionId: string, request: SessionRequest): Record<string, unknown> {
  const { conversational_context: context, custom_greeting: greeting, language } = request
  const agent = {
    ...(greeting === undefined ? {} : { first_message: greeting }),
    ...(language === undefined ? {} : { language }),
  }
  return {
    type: 'conversation_initiation_client_data',
    ...(Object.keys(agent).length > 0 ? { conversation_config_override: { agent } } : {}),
    dynamic_variables: {
      parley_session_id: sessionId,
      ...(context === undefined ? {} : { conversational_context: context }),
    },
  }
}
