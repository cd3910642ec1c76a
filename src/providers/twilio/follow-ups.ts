import { type Dispatch, type Errand, type Lookup, reasonOfTwilio } from '../../domain/follow-up.js'
import { reachableBase } from '../callback-address.js'
import { textOf } from '../fields.js'
import { type FollowUpCarrier, unclearUnless } from '../follow-up-carrier.js'
import { fieldsOfText } from '../json.js'
import { type ProviderResponse, retryAfterSeconds } from '../request.js'
import { markOf, markParameter } from './follow-up-mark.js'
import type { TwilioMessage, TwilioMessages } from './messages-client.js'

export interface TwilioFollowUpConfig {
  baseUrl: string
  /** The installation's number, for companies without one of their own. */
  fromNumber: string | undefined
  publicUrl: string
}

/** Retried by Twilio as far as it goes: all of it happens within 15 s (webhooks/webhooks-connection-overrides). */
const overrides = 'rc=3&rp=5xx,ct,rt'
/** Our clock may be this much behind Twilio's. Milliseconds. */
const clockSkewMs = 120_000

/** Text messages by Twilio. */
export function createTwilioFollowUps(config: TwilioFollowUpConfig, messages: TwilioMessages): FollowUpCarrier {
  const base = reachableBase(config.publicUrl, config.baseUrl)
  const from = (errand: Errand) => errand.from ?? config.fromNumber ?? ''
  const path = ({ tenantId, id }: Pick<Errand, 'tenantId' | 'id'>) =>
    `/webhooks/twilio/sms?${markParameter}=${markOf({ tenantId, followUpId: id })}`

  return {
    provider: 'twilio',
    configured: (own) => messages.configured && (own ?? config.fromNumber) !== undefined,

    async send(errand, signal): Promise<Dispatch> {
      const form = {
        To: errand.to,
        From: from(errand),
        Body: errand.body,
        ...(base === undefined ? {} : { StatusCallback: `${base}${path(errand)}#${overrides}` }),
      }
      try {
        return dispatchOf(await messages.create(form, signal), from(errand))
      } catch (error) {
        return unclearUnless(error)
      }
    },

    async find(errand, { since, isOthers }, signal): Promise<Lookup> {
      const listed = await messages.sentTo({ to: errand.to, from: from(errand), since: since - clockSkewMs }, signal)
      const taken = await isOthers(listed.map(({ sid }) => sid))
      const candidates = listed.filter(({ sid, direction }) => !taken.has(sid) && direction !== 'inbound')
      const [ours] = candidates.filter((message) => hasText(message, errand.body))
      if (ours) return { state: 'found', externalId: ours.sid, from: from(errand) }
      // Twilio may have changed the text on its way: what nobody else sent may be ours.
      return { state: candidates.length > 0 ? 'ambiguous' : 'absent' }
    },

    /** The message as its status callback says it. */
    async report(errand, externalId, signal) {
      const message = await messages.get(externalId, signal)
      const status = textOf(message.status)
      if (status === undefined || waiting.has(status)) return undefined
      const form = new URLSearchParams({
        MessageSid: externalId,
        AccountSid: messages.accountSid ?? '',
        MessageStatus: status,
        From: textOf(message.from) ?? from(errand),
        To: textOf(message.to) ?? errand.to,
      })
      const code = textOf(message.error_code)
      if (code !== undefined) form.set('ErrorCode', code)
      return { path: path(errand), body: Buffer.from(form.toString()) }
    },
  }
}

/** Statuses that are not called back either. */
const waiting: ReadonlySet<string> = new Set(['accepted', 'scheduled', 'queued', 'sending'])

const squeezed = (text: string) => text.replace(/\s+/g, ' ').trim()

/** A trial account puts a sentence of its own before the text. */
const hasText = ({ body }: TwilioMessage, text: string) =>
  typeof body === 'string' && squeezed(body).endsWith(squeezed(text))

function dispatchOf({ status, headers, body }: ProviderResponse, from: string): Dispatch {
  const fields = fieldsOfText(body)
  const sid = textOf(fields.sid)
  if (status >= 200 && status < 300)
    return sid === undefined ? { state: 'unclear' } : { state: 'accepted', externalId: sid, from }
  const wait = retryAfterSeconds(headers['retry-after'])
  if (status === 429) return { state: 'not_accepted', retryAfterSeconds: wait }
  if (status === 401 || status === 403)
    return { state: 'refused', reason: 'provider_credentials', errorCode: textOf(fields.code) }
  if (status >= 400 && status < 500 && status !== 408) {
    const errorCode = textOf(fields.code)
    return { state: 'refused', reason: reasonOfTwilio(errorCode, 'rejected'), errorCode }
  }
  return { state: 'unclear', retryAfterSeconds: wait }
}
