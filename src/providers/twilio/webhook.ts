import { keptHeaders } from '../kept-headers.js'
import { usable } from '../hmac.js'
import {
  bothForms,
  type ProviderAnswer,
  type Verification,
  type WebhookProvider,
  type WebhookRoute,
} from '../provider.js'
import { callEffect, recordingEffect } from './call-effect.js'
import { identify, type TwilioRoute } from './events.js'
import { markHeader, markParameter, readMark } from './follow-up-mark.js'
import { type BodyForm, readFields, storedFields } from './fields.js'
import { messageEffect } from './message-effect.js'
import { accountOf } from './tenant.js'
import { bodyHashOf, whyNotSigned } from './signature.js'

export interface TwilioWebhookConfig {
  /** Any of them verifies. */
  authTokens: readonly string[]
  /** Base of the addresses that Twilio is given: they are part of what is signed. */
  publicUrl: string
  acceptUnsigned: boolean
}

const nothingToDo: ProviderAnswer = {
  status: 200,
  description: 'TwiML that asks for nothing',
  contentType: 'text/xml',
  body: '<?xml version="1.0" encoding="UTF-8"?><Response/>',
}

/**
 * An incoming call or message asks what to do, and text that is no TwiML is an error or is sent to the person; status
 * callbacks take the same answer. A recording's status asks for nothing (twilio.com/docs/api/errors/15003).
 */
const answers: Readonly<Record<TwilioRoute, ProviderAnswer>> = {
  call: nothingToDo,
  sms: nothingToDo,
  recording: { status: 204, description: 'Nothing: a status callback asks for no answer' },
}

const summaries: Readonly<Record<TwilioRoute, string>> = {
  call: 'An incoming call of Twilio, or the status of a call',
  sms: 'An incoming text message of Twilio, or the status of one',
  recording: 'The status of a recording of Twilio',
}

const route = (name: TwilioRoute): WebhookRoute => ({
  name: `twilio${name[0]?.toUpperCase()}${name.slice(1)}`,
  paths: bothForms(`/webhooks/twilio/${name}`),
  documentation: {
    summary: summaries[name],
    // JSON comes with the hash of its body in the address (bodySHA256).
    contentTypes: ['application/x-www-form-urlencoded', 'application/json'],
    signature: {
      'X-Twilio-Signature':
        'Base64 HMAC-SHA1 over the address as Twilio has it, and each field’s name and value, sorted by name',
    },
  },
  answer: answers[name],
})

/** Twilio's calls, recordings and text messages; none of them has an id of its own (twilio.com/docs/usage/webhooks). */
export function createTwilioWebhooks(config: TwilioWebhookConfig): WebhookProvider {
  const authTokens = usable(config.authTokens)
  const { publicUrl, acceptUnsigned } = config
  return {
    name: 'twilio',
    routes: [route('call'), route('sms'), route('recording')],
    configured: authTokens.length > 0 || acceptUnsigned,
    verify(rawBody, headers, url, target = url.pathname + url.search): Verification {
      if (authTokens.length === 0 && acceptUnsigned) return { ok: true }
      const signature = headers['x-twilio-signature']
      if (typeof signature !== 'string') return { ok: false, reason: 'no_signature' }
      const reason = whyNotSigned({ rawBody, signature, publicUrl, target, authTokens })
      return reason === undefined ? { ok: true } : { ok: false, reason }
    },
    parse(rawBody, headers, url) {
      const form = formOf(url)
      const fields = readFields(rawBody, form)
      const { kind, externalId, key } = identify(routeOf(url), fields, rawBody)
      const eventId = `${kind}/${key}`
      return {
        provider: 'twilio',
        kind,
        externalId,
        deliveryKey: `twilio/${eventId}`,
        eventId,
        account: accountOf(kind, fields),
        payload: rawBody,
        headers: {
          ...keptHeaders(headers, ['i-twilio-idempotency-token']),
          'content-type': form,
          ...(kind === 'sms.status' ? markOf(url) : {}),
        },
      }
    },
    effects(stored) {
      const fields = storedFields(stored.payload, stored.headers['content-type'])
      if (stored.kind.startsWith('sms.'))
        return messageEffect(stored.kind, stored.externalId, fields, readMark(stored.headers[markHeader]))
      return stored.kind === 'recording' ? recordingEffect(stored, fields) : callEffect(stored, fields)
    },
  }
}

/** The follow-up that the address names: all of it is signed. */
function markOf(url: URL): Record<string, string> {
  const value = url.searchParams.get(markParameter)
  return value !== null && readMark(value) ? { [markHeader]: value } : {}
}

/** As it was verified, whatever the header says. */
const formOf = (url: URL): BodyForm =>
  bodyHashOf(url.search) === undefined ? 'application/x-www-form-urlencoded' : 'application/json'

function routeOf(url: URL): TwilioRoute {
  const last = url.pathname.replace(/\/+$/, '').split('/').at(-1)
  return last === 'sms' || last === 'recording' ? last : 'call'
}
