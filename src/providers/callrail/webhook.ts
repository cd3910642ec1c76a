import type { Delivery } from '../../domain/webhook.js'
import { digest, requireId } from '../delivery-key.js'
import { isSignedByAny, usable } from '../hmac.js'
import { type Fields, fieldsOf } from '../json.js'
import { keptHeaders } from '../kept-headers.js'
import {
  bothForms,
  type RouteDocumentation,
  type Verification,
  type WebhookProvider,
  type WebhookRoute,
} from '../provider.js'
import { readJsonObject, storedJson } from '../raw-body.js'
import { accountsOfCall, callEffect } from './call-effect.js'
import { callFields, isMessage } from './fields.js'
import { accountsOfMessage, messageEffect } from './message-effect.js'

export interface CallrailWebhookConfig {
  /** Signing keys of the companies, as text: any verifies. */
  webhookSecrets: readonly string[]
  acceptUnsigned: boolean
}

const kinds = ['pre-call', 'call-complete', 'call-modified'] as const
type CallKind = (typeof kinds)[number]
const message = 'text-message'

const documented = (summary: string): RouteDocumentation => ({
  summary,
  signature: { Signature: 'Base64 HMAC-SHA1 over the body' },
})

const routes: Readonly<Record<CallKind, WebhookRoute>> = {
  'pre-call': {
    name: 'callrailPreCall',
    paths: bothForms('/webhooks/callrail/pre-call'),
    documentation: documented('A call of CallRail that rings'),
  },
  'call-complete': {
    name: 'callrailCallComplete',
    paths: bothForms('/webhooks/callrail/call-complete'),
    documentation: documented('A call of CallRail that is over, or a text message'),
  },
  'call-modified': {
    name: 'callrailCallModified',
    paths: bothForms('/webhooks/callrail/call-modified'),
    documentation: documented('What somebody changed of a call of CallRail'),
  },
}

/**
 * CallRail's calls. An event has neither a name nor an id of its own, and no time of its sending: its `timestamp` is when
 * the call began, so that no window can be held against it (apidocs.callrail.com/#validating-payloads).
 */
export function createCallrailWebhooks(config: CallrailWebhookConfig): WebhookProvider {
  const secrets = usable(config.webhookSecrets)
  return {
    name: 'callrail',
    routes: Object.values(routes),
    configured: secrets.length > 0 || config.acceptUnsigned,
    verify(rawBody, headers): Verification {
      if (secrets.length === 0 && config.acceptUnsigned) return { ok: true }
      const { signature } = headers
      if (typeof signature !== 'string') return { ok: false, reason: 'no_signature' }
      const signed = isSignedByAny({ algorithm: 'sha1', encoding: 'base64', secrets, rawBody, signature })
      return signed ? { ok: true } : { ok: false, reason: 'wrong_signature' }
    },
    // The query doubles some of the fields, unsigned: nobody reads it.
    parse(rawBody, headers, url): Delivery {
      const body = readJsonObject(rawBody)
      const kind = kindOf(url, body)
      const { id } = fieldsOf(body.call)
      const externalId = requireId('/resource_id', id, body.call_id, body.resource_id, body.id)
      const eventId = kind === 'call-modified' ? `${kind}/${externalId}:${digest(rawBody)}` : `${kind}/${externalId}`
      return {
        provider: 'callrail',
        kind,
        externalId,
        deliveryKey: `callrail/${eventId}`,
        eventId,
        account: accountOf(kind, body),
        payload: rawBody,
        headers: keptHeaders(headers),
      }
    },
    effects(stored) {
      const body = storedJson(stored.payload)
      return stored.kind === message ? messageEffect(stored.externalId, body) : callEffect(stored, body)
    },
  }
}

/** The first account by which its company is looked for. */
function accountOf(kind: CallKind | typeof message, body: Fields): string | undefined {
  return (kind === message ? accountsOfMessage(body) : accountsOfCall(callFields(body)))[0]
}

/** By the address, and by what only the other event has, should both be sent to one address. */
function kindOf(url: URL, body: Fields): CallKind | typeof message {
  if (isMessage(body)) return message
  const last = url.pathname.replace(/\/+$/, '').split('/').at(-1)
  const kind = kinds.find((name) => name === last) ?? 'call-complete'
  return kind === 'call-complete' && Array.isArray(body.changes) ? 'call-modified' : kind
}
