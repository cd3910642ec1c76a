import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { acme, borealis } from '../store/world.js'
import type { TestEngine } from './harness.js'

/** What Twilio was told to be the address of the installation; it is part of what is signed. */
export const publicUrl = 'https://hooks.example.com'
export const authToken = 'the-token-of-the-account'
export const callrailKey = '0123456789abcdef0123456789abcdef'
export const blandSecret = 'a-secret-of-bland'

export const phoneEnv = {
  PUBLIC_URL: publicUrl,
  TWILIO_AUTH_TOKEN: `the-next-token,${authToken}`,
  CALLRAIL_WEBHOOK_SECRET: callrailKey,
  BLAND_WEBHOOK_SECRET: blandSecret,
}

/** The accounts by which the two companies of the tests are known. */
export const connectPhones = (engine: Pick<TestEngine, 'admin'>) =>
  engine.admin(
    `insert into integrations (tenant_id, provider, account) values ($1, 'twilio', 'AC-acme'), ($2, 'twilio', '+15005550007'),
       ($1, 'callrail', 'COM-acme')`,
    [acme, borealis],
  )

/** As Twilio signs, by its documentation and not by our code. */
export function signedByTwilio(target: string, fields: Record<string, string>, token = authToken): string {
  const pairs = Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHmac('sha1', token)
    .update(publicUrl + target + pairs.flat().join(''))
    .digest('base64')
}

export interface PhoneAnswer {
  status: number
  /** X-Webhook-Status */
  said: string | null
  type: string | null
  text: string
}

/** A webhook of Twilio over HTTP. */
export async function postTwilio(
  engine: TestEngine,
  target: string,
  fields: Record<string, string>,
  forged: { signature?: string | null; body?: string } = {},
): Promise<PhoneAnswer> {
  const { signature = signedByTwilio(target, fields), body = new URLSearchParams(fields).toString() } = forged
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    ...(signature === null ? {} : { 'x-twilio-signature': signature }),
  }
  return await post(engine, target, headers, body)
}

/** Not fetch, which spells the address its own way. */
async function post(
  engine: TestEngine,
  target: string,
  headers: Record<string, string>,
  body: string,
): Promise<PhoneAnswer> {
  const { hostname, port } = new URL(engine.app.url)
  const asked = request({ method: 'POST', hostname, port, path: target, headers })
  asked.end(body)
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  const header = (name: string) => response.headers[name]?.toString() ?? null
  const { statusCode: status = 0 } = response
  return { status, said: header('x-webhook-status'), type: header('content-type'), text: await text(response) }
}

/** A webhook that is signed by its body alone. */
export async function postSigned(
  engine: TestEngine,
  provider: 'callrail' | 'bland',
  target: string,
  body: string,
  signature?: string,
): Promise<PhoneAnswer> {
  const [name, algorithm, encoding, key] =
    provider === 'callrail'
      ? (['signature', 'sha1', 'base64', callrailKey] as const)
      : (['x-webhook-signature', 'sha256', 'hex', blandSecret] as const)
  const proof = signature ?? createHmac(algorithm, key).update(body).digest(encoding)
  return await post(engine, target, { 'content-type': 'application/json', [name]: proof }, body)
}
