import { type FieldError, InvalidRequestError } from '../../domain/errors.js'
import type { Delivery } from '../../domain/webhook.js'
import { digest } from '../delivery-key.js'
import { type Fields, fieldsOf } from '../json.js'
import { keptHeaders } from '../kept-headers.js'
import { bothForms, type RouteDocumentation, type Verification, type WebhookProvider } from '../provider.js'
import { readJsonObject } from '../raw-body.js'
import { utcMicroseconds } from '../timestamp.js'
import { verifyCallbackToken } from './callback-token.js'
import { canonicalType, normaliseTavusEvent } from './events.js'
import { withoutPrompt } from './without-prompt.js'

export interface TavusWebhookConfig {
  /** Keys of the callback token: any verifies. */
  callbackSecrets: readonly string[]
  allowUnsigned: boolean
}

const documentation: RouteDocumentation = {
  summary: 'What happens in a conversation of Tavus',
  query: {
    session: 'The session, as the callback’s address that Parley handed out has it',
    token: 'HMAC of the session; Tavus signs nothing',
  },
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** Ids and types end up in keys and workflow ids. */
const plain = /^[\x21-\x7e]{1,200}$/

/** Tavus' callbacks (docs.tavus.io/sections/webhooks-and-callbacks): no signature and no event id of their own. */
export function createTavusWebhooks(config: TavusWebhookConfig): WebhookProvider {
  return {
    name: 'tavus',
    routes: [{ name: 'tavus', paths: ['/tavus/callback', ...bothForms('/webhooks/tavus')], documentation }],
    configured: config.callbackSecrets.length > 0 || config.allowUnsigned,
    verify: (_rawBody, _headers, url) => verify(config, url),
    parse(rawBody, headers, url, { sessionId }) {
      const body = readJsonObject(rawBody)
      const { conversationId, eventType, at } = readEnvelope(body)
      return deliveryOf({
        body,
        kind: canonicalType(eventType),
        conversationId,
        at,
        sessionId,
        secret: url.searchParams.get('token'),
        headers: keptHeaders(headers),
      })
    },
    effects({ externalId, payload }) {
      return {
        target: 'session',
        conversationId: externalId,
        event: normaliseTavusEvent(JSON.parse(payload.toString('utf8'))),
      }
    },
    asDelivery(event, { sessionId, conversationId }) {
      const body = fieldsOf(event)
      const kind =
        typeof body.event_type === 'string' && plain.test(body.event_type) ? canonicalType(body.event_type) : 'unknown'
      const at = utcMicroseconds(body.timestamp) ?? digest(JSON.stringify(event))
      return deliveryOf({
        body: { ...body, conversation_id: conversationId },
        kind,
        conversationId,
        at,
        sessionId,
        secret: null,
        headers: {},
      })
    },
  }
}

function verify(config: TavusWebhookConfig, url: URL): Verification {
  const token = url.searchParams.get('token')
  if (token === null && config.allowUnsigned) return { ok: true }
  const sessionId = url.searchParams.get('session')?.toLowerCase() ?? ''
  if (token === null) return { ok: false, reason: 'no_token' }
  if (!uuid.test(sessionId)) return { ok: false, reason: 'no_session' }
  if (!verifyCallbackToken({ sessionId, token, secrets: config.callbackSecrets }))
    return { ok: false, reason: 'wrong_token' }
  return { ok: true, sessionId }
}

function readEnvelope(body: Fields): { conversationId: string; eventType: string; at: string } {
  const errors: FieldError[] = []
  const { conversation_id: conversationId, event_type: eventType } = body
  const at = utcMicroseconds(body.timestamp)
  if (!isPlain(conversationId)) errors.push({ pointer: '/conversation_id', detail: 'must be the id of a conversation' })
  if (!isPlain(eventType)) errors.push({ pointer: '/event_type', detail: 'must be the type of an event' })
  if (at === undefined)
    errors.push({ pointer: '/timestamp', detail: 'must be a time such as 2026-07-11T06:45:47.472000Z' })
  if (isPlain(conversationId) && isPlain(eventType) && at !== undefined) return { conversationId, eventType, at }
  throw new InvalidRequestError(`${errors.map(({ pointer }) => pointer.slice(1)).join(', ')} missing or wrong`, errors)
}

const isPlain = (value: unknown): value is string => typeof value === 'string' && plain.test(value)

interface Parts {
  body: Fields
  kind: string
  conversationId: string
  at: string
  sessionId: string | undefined
  secret: string | null
  headers: Record<string, string>
}

function deliveryOf({ body, kind, conversationId, at, sessionId, secret, headers }: Parts): Delivery {
  const eventId = `${kind}/${conversationId}:${at}`
  // The session too: an event under another session's token must not take the place of the real one.
  const deliveryKey = `tavus/${kind}/${sessionId ?? 'unsigned'}:${conversationId}:${at}`
  return {
    provider: 'tavus',
    kind,
    externalId: conversationId,
    deliveryKey,
    eventId,
    sessionId,
    payload: redacted(body, secret),
    headers,
  }
}

/** The body echoes the address that it was sent to, and that carries our token. */
function redacted(body: Fields, secret: string | null): Buffer {
  const { webhook_url: _echo, callback_url: _too, ...rest } = body
  const text = serialised(withoutPrompt(rest))
  return Buffer.from(secret ? text.replaceAll(secret, 'REDACTED') : text)
}

function serialised(body: Fields): string {
  try {
    return JSON.stringify(body)
  } catch (error) {
    if (error instanceof RangeError)
      throw new InvalidRequestError('the body is nested too deeply', [{ pointer: '', detail: 'is nested too deeply' }])
    throw error
  }
}
