import { createHash, createHmac } from 'node:crypto'

// Written from the documented algorithms and not with the libraries that verify: two mistakes would agree.

const hmac = (algorithm: 'sha1' | 'sha256', key: string | Buffer, text: string | Buffer) =>
  createHmac(algorithm, key).update(text)
const base64Url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** How long LiveKit's token is good for, in seconds (github.com/livekit/protocol webhook). */
const livekitTokenSeconds = 300

/** LiveKit's Authorization: a bare JWT, HS256, that carries the SHA-256 of the body; `at` in Unix seconds. */
export function signLivekit(body: string, { key, secret, at }: { key: string; secret: string; at: number }): string {
  const sha256 = createHash('sha256').update(body).digest('base64')
  const claims = { iss: key, exp: at + livekitTokenSeconds, nbf: at, iat: at, sha256 }
  const content = `${base64Url({ alg: 'HS256', typ: 'JWT' })}.${base64Url(claims)}`
  return `${content}.${hmac('sha256', secret, content).digest('base64url')}`
}

/** Twilio's X-Twilio-Signature over the address and every parameter, by name (twilio.com/docs/usage/security). */
export function signTwilio(url: string, form: string, token: string): string {
  const parameters = [...new URLSearchParams(form)].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const text = url + parameters.map(([name, value]) => name + value).join('')
  return hmac('sha1', token, text).digest('base64')
}

/** The address as Twilio signs it: without credentials and fragment, and for voice over https without its port. */
export function twilioSignedUrl(url: string, voice: boolean): string {
  const [, scheme = '', authority = '', rest = ''] = /^(https?):\/\/([^/?#]*)([^#]*)/.exec(url) ?? []
  const host = authority.slice(authority.lastIndexOf('@') + 1)
  return `${scheme}://${voice && scheme === 'https' ? host.replace(/:\d+$/, '') : host}${rest}`
}

/** CallRail's Signature (apidocs.callrail.com, "Validating Payloads"). */
export const signCallrail = (body: string, key: string): string => hmac('sha1', key, body).digest('base64')

/** Bland's X-Webhook-Signature (docs.bland.ai/tutorials/webhook-signing). */
export const signBland = (body: string, secret: string): string => hmac('sha256', secret, body).digest('hex')

/** The header ElevenLabs-Signature; `at` in Unix seconds (elevenlabs.io/docs, post-call webhooks). */
export const signElevenlabs = (body: string, secret: string, at: number): string =>
  `t=${at},v0=${hmac('sha256', secret, `${at}.${body}`).digest('hex')}`

/** What is decoded of a secret: after whsec_ it is base64, else it is the text itself. */
export const standardKey = (secret: string): Buffer =>
  secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret)

/** Standard Webhooks and Svix: one signature for each secret, so that they can be rotated; `at` in Unix seconds. */
export const signStandard = (
  body: string,
  { secrets, id, at }: { secrets: readonly string[]; id: string; at: number },
): string =>
  secrets.map((secret) => `v1,${hmac('sha256', standardKey(secret), `${id}.${at}.${body}`).digest('base64')}`).join(' ')

/** The partner's older form, X-UWC-Signature over `timestamp.body`. */
export const signUwcLegacy = (body: string, secret: string, at: number): string =>
  `sha256=${hmac('sha256', secret, `${at}.${body}`).digest('hex')}`

/** A key that looks like the other and is not it. */
export function wrongKey(secret: string): string {
  const other = createHash('sha256').update(`wrong ${secret}`).digest()
  return secret.startsWith('whsec_') ? `whsec_${other.toString('base64')}` : other.toString('hex').slice(0, 32)
}
