import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { FieldError } from '../../domain/errors.js'
import type { Delivery, SessionEffect } from '../../domain/webhook.js'
import { type ArtefactStore, isFolderName } from '../artefacts.js'
import { headerOf, isPlain, wrongFields } from '../body.js'
import { keptHeaders } from '../kept-headers.js'
import { readJsonObject } from '../raw-body.js'
import { type Fields, fieldsOf } from '../json.js'
import { bothForms, type RouteDocumentation, type WebhookProvider } from '../provider.js'
import { audioLimitBytes } from './audio.js'
import { isKnownType, normaliseElevenLabsEvent } from './events.js'
import { createIntake } from './intake.js'
import { createSignatureCheck } from './signature.js'

export interface ElevenLabsWebhookConfig {
  /** wsec_…, used as text: any verifies. */
  webhookSecrets: readonly string[]
  acceptUnsigned: boolean
  /** Of a body without its audio. */
  bodyLimitBytes: number
  artefacts: ArtefactStore
  /** Milliseconds since the epoch. */
  now?: () => number
}

const documentation: RouteDocumentation = {
  summary: 'Transcript, audio or failed beginning of a conversation of ElevenLabs',
  signature: {
    'ElevenLabs-Signature': 't=<seconds>,v0=<hexadecimal HMAC-SHA256 over "<seconds>.<body>">; at most 30 minutes old',
  },
}

/** Post-call webhooks of ElevenLabs' agents (elevenlabs.io/docs/eleven-agents/workflows/post-call-webhooks): no event id. */
export function createElevenLabsWebhooks(config: ElevenLabsWebhookConfig): WebhookProvider {
  const secrets = config.webhookSecrets.filter(Boolean)
  const open = config.acceptUnsigned && secrets.length === 0
  const check = createSignatureCheck({ secrets, now: config.now })
  const { artefacts, bodyLimitBytes: envelopeLimitBytes, now = Date.now } = config
  return {
    name: 'elevenlabs',
    routes: [{ name: 'elevenLabs', paths: bothForms('/webhooks/elevenlabs'), documentation }],
    configured: secrets.length > 0 || open,
    intake: {
      limitBytes: audioLimitBytes,
      take: createIntake({ check: open ? undefined : check, artefacts, envelopeLimitBytes }),
    },
    verify(rawBody, headers) {
      if (open) return { ok: true }
      const signature = check(headerOf(headers, 'elevenlabs-signature'))
      if ('refused' in signature) return { ok: false, reason: signature.refused }
      signature.update(rawBody)
      return signature.verify()
    },
    parse: (rawBody, headers) => deliveryOf(rawBody, headers),
    effects({ externalId, payload }) {
      const body = fieldsOf(JSON.parse(payload.toString('utf8')))
      return {
        target: 'session',
        conversationId: externalId,
        ...ofAgent(fieldsOf(body.data).agent_id),
        event: normaliseElevenLabsEvent(body),
      }
    },
    /** A conversation, or a recording that was fetched: then `full_audio` is its place here. */
    asDelivery(asked, { sessionId, conversationId }) {
      const data = { ...fieldsOf(asked), conversation_id: conversationId }
      const body = JSON.stringify({
        type: 'full_audio' in data ? 'post_call_audio' : 'post_call_transcription',
        event_timestamp: endOf(data) ?? Math.floor(now() / 1000),
        data,
      })
      return { ...deliveryOf(Buffer.from(body), {}), sessionId }
    },
  }
}

/** A conversation that nobody knows is at least the agent's. */
const ofAgent = (agent: unknown): Pick<SessionEffect, 'tenant'> =>
  isPlain(agent) ? { tenant: { by: 'integration', provider: 'elevenlabs', accounts: [agent] } } : {}

/** The answer to a question has no time of its own; undefined where the conversation does not say when it ended. */
function endOf(data: Fields): number | undefined {
  const { start_time_unix_secs: start, call_duration_secs: seconds } = fieldsOf(data.metadata)
  return typeof start === 'number' && typeof seconds === 'number' ? start + seconds : undefined
}

function deliveryOf(rawBody: Buffer, headers: IncomingHttpHeaders): Delivery {
  const body = readJsonObject(rawBody)
  const { type } = body
  const { conversation_id: id, full_audio: audio, agent_id: agent } = fieldsOf(body.data)
  const errors: FieldError[] = []
  if (!isPlain(type)) errors.push({ pointer: '/type', detail: 'must be the type of an event' })
  if (!isFolderName(id) && (isKnownType(type) || id !== undefined))
    errors.push({ pointer: '/data/conversation_id', detail: 'must be the id of a conversation' })
  if (typeof audio === 'string' && !audio.startsWith('artefact://'))
    errors.push({ pointer: '/data/full_audio', detail: 'must be base64 that could be put away' })
  if (!isPlain(type) || errors.length > 0) throw wrongFields(errors)
  // A type that we do not know need not be about a conversation: then the body is what tells two apart.
  const externalId = isFolderName(id) ? id : createHash('sha256').update(rawBody).digest('hex').slice(0, 32)
  const eventId = `${type}/${externalId}`
  return {
    provider: 'elevenlabs',
    kind: type,
    externalId,
    deliveryKey: `elevenlabs/${eventId}`,
    eventId,
    account: isPlain(agent) ? agent : undefined,
    payload: rawBody,
    headers: keptHeaders(headers),
  }
}
