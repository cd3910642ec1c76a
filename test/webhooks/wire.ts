import { createHash, createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { SignJWT } from 'jose'
import { elevenLabsSecret } from './elevenlabs-bodies.js'
import { livekitEnv } from './livekit-sender.js'
import { callrailKey, blandSecret, phoneEnv, publicUrl, authToken } from './phone.js'
import { webhookSecret } from './signed.js'

const tavusSecret = 'a-secret-of-the-callbacks'

/** Every provider configured, each with the secret that `authentic` signs with. */
export const wireEnv = {
  ...phoneEnv,
  ...livekitEnv,
  TAVUS_CALLBACK_SECRET: tavusSecret,
  ELEVENLABS_WEBHOOK_SECRET: elevenLabsSecret,
  CLERK_WEBHOOK_SECRET: webhookSecret,
  UWC_HMAC_SECRET: webhookSecret,
}

export type ProviderName = 'tavus' | 'elevenlabs' | 'livekit' | 'twilio' | 'callrail' | 'clerk' | 'bland' | 'uwc'

/** A webhook before it is signed. */
export interface Message {
  provider: ProviderName
  target: string
  body: string
  /** What is signed beside the body: the session of Tavus' address, the id of a Standard Webhook. */
  id?: string
}

/** A webhook as it goes over the wire. */
export interface Wire {
  target: string
  headers: Record<string, string>
  body: string
}

interface Scheme {
  key: string
  sign(message: Message, given: { key: string; at: number }): Promise<Partial<Wire>> | Partial<Wire>
  /** Seconds by which a signature is too old, and too early; of a scheme without a time there is neither. */
  stale: readonly number[]
  type?: string
}

const json = 'application/json'
const unixNow = () => Math.floor(Date.now() / 1000)
const mac = (algorithm: string, key: string | Buffer, signed: string) => createHmac(algorithm, key).update(signed)
const base64Key = (secret: string) => Buffer.from(secret.replace('whsec_', ''), 'base64')

const standard = (prefix: 'svix' | 'webhook'): Scheme => ({
  key: webhookSecret,
  sign: ({ id = '', body }, { key, at }) => {
    const signature = mac('sha256', base64Key(key), `${id}.${at}.${body}`).digest('base64')
    const values = { id, timestamp: String(at), signature: `v1,${signature}` }
    return { headers: Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}-${name}`, value])) }
  },
  stale: [-302, 302],
})

/** As each provider's documentation has it, and not by our code. */
const schemes: Readonly<Record<ProviderName, Scheme>> = {
  tavus: {
    key: tavusSecret,
    sign: ({ target, id = '' }, { key }) => ({
      target: `${target}?session=${id}&token=${mac('sha256', key, `tavus:${id}`).digest('base64url')}`,
    }),
    stale: [],
  },
  elevenlabs: {
    key: elevenLabsSecret,
    sign: ({ body }, { key, at }) => ({
      headers: { 'elevenlabs-signature': `t=${at},v0=${mac('sha256', key, `${at}.${body}`).digest('hex')}` },
    }),
    stale: [-1802, 302],
  },
  livekit: {
    key: 'secret',
    sign: async ({ body }, { key, at }) => {
      const claims = new SignJWT({ sha256: createHash('sha256').update(body).digest('base64') })
      const timed = claims.setProtectedHeader({ alg: 'HS256' }).setIssuer('devkey').setNotBefore(at)
      const authorization = await timed.setExpirationTime(at + 300).sign(Buffer.from(key))
      return { headers: { authorization } }
    },
    stale: [-320, 20],
    type: 'application/webhook+json',
  },
  twilio: {
    key: authToken,
    sign: ({ target, body }, { key }) => {
      const pairs = [...new URLSearchParams(body)].sort(([a], [b]) => (a < b ? -1 : 1))
      const signature = mac('sha1', key, publicUrl + target + pairs.flat().join('')).digest('base64')
      return { headers: { 'x-twilio-signature': signature } }
    },
    stale: [],
    type: 'application/x-www-form-urlencoded',
  },
  callrail: {
    key: callrailKey,
    sign: ({ body }, { key }) => ({ headers: { signature: mac('sha1', key, body).digest('base64') } }),
    stale: [],
  },
  clerk: standard('svix'),
  bland: {
    key: blandSecret,
    sign: ({ body }, { key }) => ({ headers: { 'x-webhook-signature': mac('sha256', key, body).digest('hex') } }),
    stale: [],
  },
  uwc: standard('webhook'),
}

const unsigned = ({ provider, target, body }: Message): Wire => ({
  target,
  body,
  headers: { 'content-type': schemes[provider].type ?? json },
})

async function signed(message: Message, { key = schemes[message.provider].key, at = unixNow() } = {}): Promise<Wire> {
  const bare = unsigned(message)
  const { target = bare.target, headers } = await schemes[message.provider].sign(message, { key, at })
  return { ...bare, target, headers: { ...bare.headers, ...headers } }
}

/** The message as its provider sends it. */
export const authentic = (message: Message): Promise<Wire> => signed(message)

/** Another letter in the middle, and all the rest as it was. */
function changed(value: string): string {
  const at = Math.floor(value.length / 2)
  return value.slice(0, at) + (value[at] === 'x' ? 'y' : 'x') + value.slice(at + 1)
}

/** Everything that is nearly the message and must be refused, by what is wrong with it. */
export async function forgeries(message: Message): Promise<[what: string, wire: Wire][]> {
  const good = await authentic(message)
  const otherKey = `whsec_${randomBytes(24).toString('base64')}`
  // Tavus signs no body: the proof in its address is all that there is to be changed.
  const token = new URLSearchParams(good.target.split('?')[1]).get('token')
  const byte = token === null ? { body: changed(good.body) } : { target: good.target.replace(token, changed(token)) }
  const stale = schemes[message.provider].stale.map(async (seconds): Promise<[string, Wire]> => [
    `signed ${seconds} s from now`,
    await signed(message, { at: unixNow() + seconds }),
  ])
  return [
    ['one byte changed', { ...good, ...byte }],
    ['another key', await signed(message, { key: otherKey })],
    ['no signature', unsigned(message)],
    ...(await Promise.all(stale)),
  ]
}

export interface WireAnswer {
  status: number
  /** What became of it, wherever the answer says so. */
  said: string | undefined
  text: string
}

/** Whoever takes webhooks at an address. */
export interface WebhookReceiver {
  app: { url: string }
}

/** Not fetch, which spells the address its own way. */
export async function sendWire(engine: WebhookReceiver, { target, headers, body }: Wire): Promise<WireAnswer> {
  const { hostname, port } = new URL(engine.app.url)
  const asked = request({ method: 'POST', hostname, port, path: target, headers })
  asked.end(body)
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  const answer = await text(response)
  const header = response.headers['x-webhook-status']?.toString()
  return { status: response.statusCode ?? 0, said: header ?? saidIn(answer), text: answer }
}

function saidIn(answer: string): string | undefined {
  try {
    return (JSON.parse(answer) as { status?: string }).status
  } catch {
    return undefined
  }
}

/** Signs and sends. */
export const deliver = async (engine: WebhookReceiver, message: Message): Promise<WireAnswer> =>
  sendWire(engine, await authentic(message))
