import { createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { FieldError } from '../../domain/errors.js'
import type { Delivery, PartnerJobKind } from '../../domain/webhook.js'
import { headerOf, isPlain, wrongFields } from '../body.js'
import { keptHeaders } from '../kept-headers.js'
import { readJsonObject } from '../raw-body.js'
import { bothForms, type Verification, type WebhookProvider } from '../provider.js'
import { createStandardVerifier, isTimely, sameText } from '../standard-webhooks.js'
import { fieldOf, partnerEffect } from './events.js'
import { uwcKey } from './signing.js'

export interface UwcWebhookConfig {
  /** whsec_<base64>, else used as text: any verifies. */
  webhookSecrets: readonly string[]
  acceptUnsigned: boolean
  /** Milliseconds since the epoch. */
  now?: () => number
}

const addresses: readonly [kind: PartnerJobKind, path: string, name: string, summary: string][] = [
  ['asr', 'asr/complete', 'uwcAsrComplete', 'The partner has transcribed a call'],
  ['rag', 'rag/indexed', 'uwcRagIndexed', 'The partner has indexed a document'],
  ['training', 'training/status', 'uwcTrainingStatus', 'How far the partner’s training for a rep is'],
  ['analysis', 'analysis/complete', 'uwcAnalysisComplete', 'The partner has analysed a call'],
  ['followup', 'followup/draft', 'uwcFollowupDraft', 'The partner has drafted a follow-up to a lead'],
]

const headers = {
  otherHeaders: {
    'webhook-id': 'The message; the same in every attempt',
    'webhook-timestamp': 'Seconds since the epoch; at most 300 off',
    'webhook-signature': 'v1,<base64> of HMAC-SHA256 over "<webhook-id>.<webhook-timestamp>.<body>"',
    'X-UWC-Timestamp': 'Of the older form: seconds since the epoch',
    'X-UWC-Signature': 'Of the older form: hexadecimal or base64 HMAC-SHA256 over "<timestamp>.<body>"',
  },
}

/** The ML partner's answers: Standard Webhooks, and the form of X-UWC-Signature that is older. */
export function createUwcWebhooks({
  webhookSecrets,
  acceptUnsigned,
  now = Date.now,
}: UwcWebhookConfig): WebhookProvider {
  const keys = webhookSecrets.flatMap((secret) => uwcKey(secret) ?? [])
  const verifyStandard = createStandardVerifier({ keys, now })
  const open = acceptUnsigned && webhookSecrets.length === 0
  return {
    name: 'uwc',
    routes: addresses.map(([, path, name, summary]) => ({
      name,
      paths: bothForms(`/webhooks/uwc/${path}`),
      documentation: { summary, ...headers },
    })),
    configured: keys.length > 0 || open,
    verify(rawBody, headers) {
      if (open) return { ok: true }
      if (!isStandard(headers)) return verifyOlder(keys, rawBody, headers, now() / 1000)
      return verifyStandard({
        id: headerOf(headers, 'webhook-id'),
        timestamp: headerOf(headers, 'webhook-timestamp'),
        signature: headerOf(headers, 'webhook-signature'),
        rawBody,
      })
    },
    parse: (rawBody, headers, url) => deliveryOf(rawBody, headers, kindOf(url)),
    effects: ({ kind, payload }) => partnerEffect(kind as PartnerJobKind, JSON.parse(payload.toString('utf8'))),
  }
}

/** Only this form signs the id: beside the older signature anybody could put another one, and so repeat an event. */
const isStandard = (headers: IncomingHttpHeaders) => headers['webhook-signature'] !== undefined

function verifyOlder(
  keys: readonly Buffer[],
  rawBody: Buffer,
  headers: IncomingHttpHeaders,
  nowSeconds: number,
): Verification {
  const timestamp = headerOf(headers, 'x-uwc-timestamp')
  const signature = headerOf(headers, 'x-uwc-signature')?.replace(/^sha256=/i, '')
  if (!timestamp || !signature) return { ok: false, reason: 'no_signature' }
  if (!isTimely(timestamp, nowSeconds)) return { ok: false, reason: 'wrong_time' }
  let fits = false
  for (const key of keys) {
    const digest = createHmac('sha256', key).update(`${timestamp}.`).update(rawBody).digest()
    fits = sameText(digest.toString('hex'), signature.toLowerCase()) || fits
    fits = sameText(digest.toString('base64'), signature) || fits
  }
  return fits ? { ok: true } : { ok: false, reason: 'wrong_signature' }
}

function kindOf(url: URL): PartnerJobKind {
  const found = addresses.find(([, path]) => url.pathname.toLowerCase().replace(/\/+$/, '').endsWith(`/uwc/${path}`))
  if (!found) throw new Error('no address of the partner')
  return found[0]
}

function deliveryOf(rawBody: Buffer, headers: IncomingHttpHeaders, kind: PartnerJobKind): Delivery {
  const body = readJsonObject(rawBody)
  const field = (name: string): string | undefined => fieldOf(body, name, isPlain)
  const [jobId, companyId, status] = [field('job_id'), field('company_id'), field('status')]
  const errors: FieldError[] = []
  if (jobId === undefined) errors.push({ pointer: '/job_id', detail: 'must be the id of a job' })
  if (companyId === undefined) errors.push({ pointer: '/company_id', detail: 'must be the id of a company' })
  if (status === undefined) errors.push({ pointer: '/status', detail: 'must be the status of the job' })
  if (jobId === undefined || companyId === undefined || status === undefined) throw wrongFields(errors)
  const signedId = isStandard(headers) ? headerOf(headers, 'webhook-id') : undefined
  const key = [signedId, field('event_id')].find(isPlain) ?? jobId
  const eventId = `${kind}/${key}/${status.toLowerCase()}`
  return {
    provider: 'uwc',
    kind,
    externalId: jobId,
    deliveryKey: `uwc/${eventId}`,
    eventId,
    account: companyId,
    payload: rawBody,
    headers: keptHeaders(headers, ['webhook-id', 'webhook-timestamp', 'x-uwc-timestamp']),
  }
}
