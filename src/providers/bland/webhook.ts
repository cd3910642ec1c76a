import type { Delivery } from '../../domain/webhook.js'
import { digest, keyPart, requireId } from '../delivery-key.js'
import { listOf, textOf, wordOf } from '../fields.js'
import { isSignedByAny, usable } from '../hmac.js'
import { type Fields, fieldsOf } from '../json.js'
import { keptHeaders } from '../kept-headers.js'
import { bothForms, type RouteDocumentation, type Verification, type WebhookProvider } from '../provider.js'
import { readJsonObject, storedJson } from '../raw-body.js'
import { callEffect } from './call-effect.js'
import { outcomeOf } from './outcome.js'

export interface BlandWebhookConfig {
  /** Any of them verifies. */
  webhookSecrets: readonly string[]
  acceptUnsigned: boolean
}

const documentation: RouteDocumentation = {
  summary: 'Calls of Bland that are over, and what corrects them',
  signature: { 'X-Webhook-Signature': 'Hexadecimal HMAC-SHA256 over the body' },
}

/** What comes after the end, once of each (docs.bland.ai/tutorials/post-call-webhooks). */
const followUps = new Set(['citations', 'post_transfer_transcript', 'live_translation_transcript', 'multiple'])

/** Bland's calls; nothing that is signed tells a repetition from a replay (docs.bland.ai/tutorials/webhook-signing). */
export function createBlandWebhooks(config: BlandWebhookConfig): WebhookProvider {
  const secrets = usable(config.webhookSecrets)
  return {
    name: 'bland',
    routes: [{ name: 'bland', paths: bothForms('/webhooks/bland'), documentation }],
    configured: secrets.length > 0 || config.acceptUnsigned,
    verify(rawBody, headers): Verification {
      if (secrets.length === 0 && config.acceptUnsigned) return { ok: true }
      const signature = headers['x-webhook-signature']
      if (typeof signature !== 'string') return { ok: false, reason: 'no_signature' }
      const signed = isSignedByAny({ algorithm: 'sha256', encoding: 'hex', secrets, rawBody, signature })
      return signed ? { ok: true } : { ok: false, reason: 'wrong_signature' }
    },
    parse(rawBody, headers): Delivery {
      const body = readJsonObject(rawBody)
      const externalId = requireId('/call_id', body.call_id, body.session_id)
      const { kind, once } = kindOf(body)
      const eventId = once ? `${kind}/${externalId}` : `${kind}/${externalId}:${digest(rawBody)}`
      return {
        provider: 'bland',
        kind,
        externalId,
        deliveryKey: `bland/${eventId}`,
        eventId,
        account: textOf(fieldsOf(body.metadata).tenant_id)?.slice(0, 200),
        payload: rawBody,
        headers: keptHeaders(headers),
      }
    },
    effects: (stored) => callEffect(stored, storedJson(stored.payload)),
  }
}

/** `once`: a call has one event of this kind. Of the others two may differ in nothing but their content. */
function kindOf(body: Fields): { kind: string; once: boolean } {
  const type = textOf(body.event_type)
  if (type !== undefined) {
    const word = wordOf(type) ?? ''
    // What nobody documented is a live event until it says how the call came out.
    return followUps.has(word) ? { kind: word, once: true } : { kind: other(body, type), once: false }
  }
  if (outcomeOf(body) === undefined) return { kind: 'live', once: false }
  return { kind: isCorrected(body) ? 'correction' : 'post-call', once: true }
}

const other = (body: Fields, type: string) => (outcomeOf(body) === undefined ? 'live' : keyPart(type))

/** The second delivery has what the first one has not yet. */
const isCorrected = (body: Fields) =>
  listOf(body.corrected_transcript) !== undefined || listOf(body.citations) !== undefined
