import type { IncomingHttpHeaders } from 'node:http'
import { type FieldError, InvalidRequestError } from '../../domain/errors.js'
import { type Fields, fieldsOf } from '../json.js'
import { bothForms, type RouteDocumentation, type WebhookProvider } from '../provider.js'
import { accountOf, livekitEffect } from './events.js'
import { timeFrom } from './proto-json.js'
import { createLivekitVerifier } from './verify.js'

export interface LivekitWebhookConfig {
  /** Issuer of the webhooks' tokens. */
  apiKey: string | undefined
  /** Secrets of the key: any verifies. */
  webhookSecrets: readonly string[]
  /** Without a secret everything is taken for authentic; never in production. */
  acceptUnsigned: boolean
}

const documentation: RouteDocumentation = {
  summary: 'Rooms, participants and recordings of LiveKit, from which the outcome of a call is computed',
  contentTypes: ['application/webhook+json', 'application/json'],
  signature: {
    Authorization: 'The bare JWT, HS256, issued by the API key; its claim sha256 is the base64 SHA-256 of the body',
  },
}

const eventName = /^[\w.-]{1,100}$/
/** Ids end up in keys and workflow ids. */
const plain = /^[\x21-\x7e]{1,200}$/
/** Holds when an event without a time of its own came. */
const receivedAtHeader = 'parley-received-at'

/** Webhooks of LiveKit (docs.livekit.io/home/server/webhooks; measured with livekit-server 1.13.5). */
export function createLivekitWebhooks(config: LivekitWebhookConfig, now: () => number = Date.now): WebhookProvider {
  const { apiKey = '', webhookSecrets: secrets, acceptUnsigned } = config
  const verify = createLivekitVerifier({ apiKey, secrets, now })
  const unsigned = secrets.length === 0 && acceptUnsigned
  return {
    name: 'livekit',
    routes: [
      { name: 'livekit', paths: ['/api/webhooks/call_completed', ...bothForms('/webhooks/livekit')], documentation },
    ],
    configured: (apiKey !== '' && secrets.length > 0) || unsigned,
    verify: (rawBody, headers) => (unsigned ? { ok: true } : verify({ rawBody, token: headers.authorization })),
    parse(rawBody, headers) {
      const body = readBody(rawBody)
      const { event, id } = readEnvelope(body)
      const timed = timeFrom(body.createdAt, 'seconds') !== undefined
      return {
        provider: 'livekit',
        kind: event,
        externalId: id,
        deliveryKey: `livekit/${event}/${id}`,
        eventId: id,
        account: accountOf(body),
        payload: withoutTurnPassword(rawBody),
        headers: { ...keptHeaders(headers), ...(!timed && { [receivedAtHeader]: new Date(now()).toISOString() }) },
      }
    },
    effects: ({ kind, externalId, payload, headers }) =>
      livekitEffect({
        event: kind,
        id: externalId,
        receivedAt: headers[receivedAtHeader],
        fields: fieldsOf(JSON.parse(payload.toString('utf8'))),
      }),
  }
}

function readBody(rawBody: Buffer): Fields {
  let body: unknown
  try {
    body = JSON.parse(rawBody.toString('utf8'))
  } catch {
    throw new InvalidRequestError('the body is not JSON', [{ pointer: '', detail: 'is not JSON' }], 400)
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Fields
  throw new InvalidRequestError('the body is not an object', [{ pointer: '', detail: 'must be an object' }])
}

function readEnvelope({ event, id }: Fields): { event: string; id: string } {
  const errors: FieldError[] = []
  if (!is(eventName, event)) errors.push({ pointer: '/event', detail: 'must be the name of an event' })
  if (!is(plain, id)) errors.push({ pointer: '/id', detail: 'must be the id of an event' })
  if (is(eventName, event) && is(plain, id)) return { event, id }
  throw new InvalidRequestError(`${errors.map(({ pointer }) => pointer.slice(1)).join(', ')} missing or wrong`, errors)
}

const is = (pattern: RegExp, value: unknown): value is string => typeof value === 'string' && pattern.test(value)

const turnPassword = /("turnPassword"\s*:\s*)"(?:[^"\\]|\\.)*"/g

/** Every full room object carries the password of the relay: all else stays as it came. */
function withoutTurnPassword(rawBody: Buffer): Buffer {
  const text = rawBody.toString('utf8')
  return text.includes('"turnPassword"') ? Buffer.from(text.replaceAll(turnPassword, '$1""')) : rawBody
}

function keptHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of ['content-type', 'user-agent', 'date'] as const) {
    const value = headers[name]
    if (typeof value === 'string') kept[name] = value.slice(0, 300)
  }
  return kept
}
