import type { IncomingHttpHeaders } from 'node:http'
import type { FieldError } from '../../domain/errors.js'
import type { Delivery } from '../../domain/webhook.js'
import { headerOf, isPlain, wrongFields } from '../body.js'
import { keptHeaders } from '../kept-headers.js'
import { readJsonObject } from '../raw-body.js'
import { type Fields, fieldsOf } from '../json.js'
import { bothForms, type RouteDocumentation, type WebhookProvider } from '../provider.js'
import { createStandardVerifier, decodedKey } from '../standard-webhooks.js'
import { identityChange } from './events.js'

export interface ClerkWebhookConfig {
  /** whsec_…, one of each endpoint: any verifies. */
  webhookSecrets: readonly string[]
  acceptUnsigned: boolean
  /** Milliseconds since the epoch. */
  now?: () => number
}

const documentation: RouteDocumentation = {
  summary: 'Users, organisations and memberships of Clerk',
  signature: {
    'svix-id': 'The message; the same in every attempt',
    'svix-timestamp': 'Seconds since the epoch; at most 300 off',
    'svix-signature':
      'v1,<base64> of HMAC-SHA256 over "<svix-id>.<svix-timestamp>.<body>"; several, with blanks between',
  },
}

/** Clerk's webhooks, which Svix delivers (clerk.com/docs/guides/development/webhooks/overview). */
export function createClerkWebhooks({ webhookSecrets, acceptUnsigned, now }: ClerkWebhookConfig): WebhookProvider {
  const keys = webhookSecrets.flatMap((secret) => decodedKey(secret) ?? [])
  const verify = createStandardVerifier({ keys, now })
  const open = acceptUnsigned && webhookSecrets.length === 0
  return {
    name: 'clerk',
    routes: [{ name: 'clerk', paths: bothForms('/webhooks/clerk'), documentation }],
    configured: keys.length > 0 || open,
    verify(rawBody, headers) {
      if (open) return { ok: true }
      // Only svix-*: the unbranded names are another scheme's, which Clerk does not send.
      return verify({
        id: headerOf(headers, 'svix-id'),
        timestamp: headerOf(headers, 'svix-timestamp'),
        signature: headerOf(headers, 'svix-signature'),
        rawBody,
      })
    },
    parse: (rawBody, headers) => deliveryOf(rawBody, headers),
    effects: ({ kind, payload }) => ({
      target: 'identity',
      provider: 'clerk',
      ...identityChange(kind, JSON.parse(payload.toString('utf8'))),
    }),
  }
}

/** The organisation that an event is of; a user's own names none. */
function organizationOf(type: string, data: Fields): string | undefined {
  const own = type.startsWith('organization.') ? data.id : undefined
  return [own, fieldsOf(data.organization).id, data.organization_id].find(isPlain)
}

function deliveryOf(rawBody: Buffer, headers: IncomingHttpHeaders): Delivery {
  const body = readJsonObject(rawBody)
  const { type } = body
  const data = fieldsOf(body.data)
  // The entity's own id comes last: every change of one user has the same.
  const key = [body.event_id, headerOf(headers, 'svix-id'), data.id].find(isPlain)
  const errors: FieldError[] = []
  if (!isPlain(type)) errors.push({ pointer: '/type', detail: 'must be the type of an event' })
  if (key === undefined) errors.push({ pointer: '/data/id', detail: 'must be the id of what the event is about' })
  if (!isPlain(type) || key === undefined) throw wrongFields(errors)
  const eventId = `${type}/${key}`
  return {
    provider: 'clerk',
    kind: type,
    externalId: isPlain(data.id) ? data.id : key,
    deliveryKey: `clerk/${eventId}`,
    eventId,
    account: organizationOf(type, data),
    payload: rawBody,
    headers: keptHeaders(headers, ['svix-id', 'svix-timestamp']),
  }
}
