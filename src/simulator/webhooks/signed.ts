import type { WebhookAccounts } from './accounts.js'
import type { OutgoingWebhook, WebhookSender } from './event.js'
import type { Marks } from './record.js'
import {
  signBland,
  signCallrail,
  signElevenlabs,
  signLivekit,
  signStandard,
  signTwilio,
  signUwcLegacy,
  twilioSignedUrl,
  wrongKey,
} from './sign.js'

export interface Signing {
  webhook: OutgoingWebhook
  marks: Marks
  accounts: WebhookAccounts
  /** The address as the provider has it. */
  url: string
  /** Epoch milliseconds. */
  now: number
}

interface Parts extends Signing {
  /** At least one. */
  secrets: readonly [string, ...string[]]
  /** Unix seconds. */
  at: number
}

/** The headers that prove where a webhook comes from, or, by its marks, fail to. */
export function signatureHeaders(provider: WebhookSender, signing: Signing): Record<string, string> {
  const { marks, accounts, webhook } = signing
  const { secrets, at } = {
    secrets: accounts.secrets[provider],
    at: Math.floor(signing.now / 1000) + marks.skew_seconds,
  }
  const keys = marks.forged === 'bad_signature' ? secrets.map(wrongKey) : secrets
  const [first, ...others] = keys
  // The ids of Svix and Standard Webhooks are there with or without a proof.
  if (first === undefined || marks.forged === 'unsigned') return idHeaders(provider, webhook, at)
  return signers[provider]({ ...signing, secrets: [first, ...others], at })
}

const signers: Record<WebhookSender, (parts: Parts) => Record<string, string>> = {
  elevenlabs: ({ webhook, secrets, at }) => ({ 'elevenlabs-signature': signElevenlabs(webhook.body, secrets[0], at) }),
  livekit: ({ webhook, accounts, secrets, at }) => ({
    authorization: signLivekit(webhook.body, { key: accounts.livekitKey, secret: secrets[0], at }),
  }),
  twilio: ({ webhook, url, secrets }) => ({
    'x-twilio-signature': signTwilio(twilioSignedUrl(url, !webhook.path.endsWith('/sms')), webhook.body, secrets[0]),
  }),
  callrail: ({ webhook, secrets }) => ({ signature: signCallrail(webhook.body, secrets[0]) }),
  clerk: (parts) =>
    standard('svix', { ...parts, secrets: [decoded(parts.secrets[0]), ...parts.secrets.slice(1).map(decoded)] }),
  bland: ({ webhook, secrets }) => ({ 'x-webhook-signature': signBland(webhook.body, secrets[0]) }),
  uwc: (parts) => (parts.marks.legacy_signature ? legacy(parts) : standard('webhook', parts)),
}

/** Clerk's are base64 with or without the prefix; the partner's may be plain text. */
const decoded = (secret: string) => (secret.startsWith('whsec_') ? secret : `whsec_${secret}`)

/** With every secret, as while they are rotated. */
const standard = (prefix: 'svix' | 'webhook', { webhook, secrets, at }: Parts) => ({
  ...prefixed(prefix, webhook, at),
  [`${prefix}-signature`]: signStandard(webhook.body, { secrets, id: idOf(webhook), at }),
})

const legacy = ({ webhook, secrets, at }: Parts) => ({
  'x-uwc-timestamp': String(at),
  'x-uwc-signature': signUwcLegacy(webhook.body, secrets[0], at),
})

const idOf = ({ eventId, externalId }: OutgoingWebhook) => eventId ?? externalId

const prefixed = (prefix: string, webhook: OutgoingWebhook, at: number) => ({
  [`${prefix}-id`]: idOf(webhook),
  [`${prefix}-timestamp`]: String(at),
})

const idHeaders = (provider: WebhookSender, webhook: OutgoingWebhook, at: number): Record<string, string> =>
  provider === 'clerk' ? prefixed('svix', webhook, at) : provider === 'uwc' ? prefixed('webhook', webhook, at) : {}
