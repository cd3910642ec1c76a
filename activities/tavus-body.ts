import type { ConversationRequest } from './conversation-provider.js'

export interface TavusDefaults {
  replicaId: string | undefined
  personaId: string | undefined
  participantLeftTimeoutSeconds: number
  participantAbsentTimeoutSeconds: number
  recording: { bucket: string; region: string; roleArn: string } | undefined
  /** Where the session's callbacks go, its token included. */
  callbackUrl: (sessionId: string) => string
}

/** The body of a create call. All three timers are always set: Tavus bills a room that nobody left. */
export function tavusBody(defaults: TavusDefaults, input: ConversationRequest, name: string): Record<string, unknown> {
  const { request } = input
  const recording = input.recording ? defaults.recording : undefined
  return defined({
    replica_id: request.replica_id ?? defaults.replicaId,
    persona_id: request.persona_id ?? defaults.personaId,
    conversation_name: name,
    conversational_context: request.conversational_context,
    custom_greeting: request.custom_greeting,
    callback_url: defaults.callbackUrl(input.sessionId),
    properties: defined({
      max_call_duration: input.maxSeconds,
      participant_left_timeout: defaults.participantLeftTimeoutSeconds,
      participant_absent_timeout: defaults.participantAbsentTimeoutSeconds,
      enable_closed_captions: false,
      enable_recording: recording !== undefined,
      recording_s3_bucket_name: recording?.bucket,
      recording_s3_bucket_region: recording?.region,
      aws_assume_role_arn: recording?.roleArn,
      language: request.language,
    }),
  })
}

const defined = (fields: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
