import { randomBytes } from 'node:crypto'
import type { Config } from './config.js'
import type { Conversation, Step, Storage, Traits } from './conversation.js'
import type { CreateRequest } from './create-request.js'
import { meetingToken } from './meeting-token.js'
import type { Random } from './random.js'

/** Defaults of docs.tavus.io create-conversation. */
const defaultAbsentSeconds = 300
const longestCallSeconds = 3600

/** `c` and 11 hex digits, as seen; never repeated, not even by the same seed on another day. */
const newId = () => `c${randomBytes(6).toString('hex').slice(1)}`

/** Both spellings of docs.tavus.io conversation-recordings; the flat one is S3. */
function storageOf({ properties = {} }: CreateRequest): Storage | null {
  if (properties.enable_recording !== true) return null
  const { recording_storage: storage, recording_s3_bucket_name: flat } = properties
  if (storage === undefined) return flat === undefined ? null : { provider: 's3', bucket: flat }
  return {
    provider: storage.provider,
    bucket: storage.provider === 'azure_blob' ? storage.container : storage.bucket_name,
  }
}

const drawTraits = (random: Random, config: Config): Traits => ({
  renamed: random.chance(0.5),
  reachedSuffix: random.chance(0.5),
  transcriptFirst: random.chance(0.3),
  floatTimestamps: random.chance(0.5),
  verboseReason: random.chance(0.5),
  perception: random.chance(config.perception_rate),
})

export interface NewConversation {
  request: CreateRequest
  seq: number
  createdAt: number
  random: Random
  config: Config
}

/** A conversation as it is right after its creation. */
export function newConversation({ request, seq, createdAt, random, config }: NewConversation): Conversation {
  const id = newId()
  const { properties = {} } = request
  const absentSeconds = properties.participant_absent_timeout ?? defaultAbsentSeconds
  const isPrivate = request.require_auth === true || properties.require_auth === true
  return {
    seq,
    id,
    name: request.conversation_name ?? null,
    request,
    callbackUrl: request.callback_url ?? null,
    replicaId: request.face_id ?? request.replica_id ?? 'r0default0000',
    personaId: request.pal_id ?? request.persona_id ?? 'p0default0000',
    recording: storageOf(request),
    absentSeconds,
    leftSeconds: properties.participant_left_timeout ?? 0,
    // Lives as long as the room waits for somebody (docs.tavus.io private-rooms).
    meetingToken: isPrivate ? meetingToken(id, absentSeconds, config.api_key) : null,
    traits: drawTraits(random, config),
    status: request.test_mode === true ? 'ended' : 'active',
    createdAt,
    updatedAt: createdAt,
    joinedAt: null,
    humanJoinedAt: null,
    participants: [],
    endedAt: request.test_mode === true ? createdAt : null,
    shutdownReason: null,
    endCalls: 0,
    deletedAt: null,
    due: {},
    events: [],
    deliveries: [],
  }
}

/** The first steps, in milliseconds from creation; both time limits count from there. */
export function firstSteps(conversation: Conversation, random: Random, config: Config): Partial<Record<Step, number>> {
  const { properties = {} } = conversation.request as CreateRequest
  // A longer call than the plan allows is cut without an error.
  const maxSeconds = Math.min(properties.max_call_duration ?? longestCallSeconds, longestCallSeconds)
  return {
    join: config.callback_before_answer ? 0 : random.between(config.join_delay_ms),
    absent: conversation.absentSeconds * 1000,
    max: maxSeconds * 1000,
  }
}
