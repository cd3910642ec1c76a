import { z } from 'zod'

const text = z.string().max(100_000)
const seconds = z.int().min(0)
const url = z
  .string()
  .max(4000)
  .refine((value) => /^https?:$/.test(protocolOf(value)), 'must be a URL')

function protocolOf(value: string): string {
  try {
    return new URL(value).protocol
  } catch {
    return ''
  }
}

const recordingStorage = z.discriminatedUnion('provider', [
  z.looseObject({
    provider: z.literal('s3'),
    bucket_name: text,
    bucket_region: text,
    assume_role_arn: text,
    external_id: text.optional(),
  }),
  z.looseObject({ provider: z.literal('gcs'), bucket_name: text }),
  z.looseObject({ provider: z.literal('azure_blob'), storage_account: text, container: text }),
])

const properties = z.looseObject({
  max_call_duration: seconds.optional(),
  participant_left_timeout: seconds.optional(),
  participant_absent_timeout: seconds.optional(),
  enable_recording: z.boolean().optional(),
  enable_closed_captions: z.boolean().optional(),
  apply_greenscreen: z.boolean().optional(),
  language: text.optional(),
  languages: z.array(text).optional(),
  recording_storage: recordingStorage.optional(),
  recording_s3_bucket_name: text.optional(),
  recording_s3_bucket_region: text.optional(),
  aws_assume_role_arn: text.optional(),
  require_auth: z.boolean().optional(),
})

/** POST /v2/conversations (docs.tavus.io create-conversation); both spellings of personas and replicas. */
export const createRequest = z.looseObject({
  replica_id: text.optional(),
  face_id: text.optional(),
  persona_id: text.optional(),
  pal_id: text.optional(),
  audio_only: z.boolean().optional(),
  callback_url: url.optional(),
  conversation_name: text.optional(),
  conversational_context: text.optional(),
  custom_greeting: text.optional(),
  enable_dynamic_greeting: z.boolean().optional(),
  memory_stores: z.array(text).optional(),
  document_ids: z.array(text).optional(),
  document_tags: z.array(text).optional(),
  document_retrieval_strategy: z.enum(['speed', 'quality', 'balanced']).optional(),
  test_mode: z.boolean().optional(),
  require_auth: z.boolean().optional(),
  max_participants: z.int().min(2).optional(),
  meeting_url: url.optional(),
  policy: z.literal('eu').optional(),
  properties: properties.optional(),
})

export type CreateRequest = z.output<typeof createRequest>
