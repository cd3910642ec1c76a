import { createHmac } from 'node:crypto'

/** Base64 after whsec_, as Clerk and the partner show their secrets. */
export const webhookSecret = `whsec_${Buffer.from('a-signing-key-of-the-tests-32-by').toString('base64')}`

const unixNow = () => Math.floor(Date.now() / 1000)

/** The three headers of Standard Webhooks, under Svix' names or its own. */
export function standardHeaders(
  body: string,
  { id, prefix = 'webhook', secret = webhookSecret, at = unixNow() }: SigningOptions,
): Record<string, string> {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')
  return { [`${prefix}-id`]: id, [`${prefix}-timestamp`]: String(at), [`${prefix}-signature`]: `v1,${signature}` }
}

export interface SigningOptions {
  id: string
  prefix?: 'svix' | 'webhook'
  secret?: string
  /** Unix seconds of the signature. */
  at?: number
}

export interface SentAnswer {
  status: number
  body: Record<string, unknown>
}

/** Sends a body as it is. */
export async function send(url: string, body: string, headers: Record<string, string>): Promise<SentAnswer> {
  const response = await fetch(url, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
    redirect: 'manual',
  })
  return { status: response.status, body: (await response.json().catch(() => ({}))) as Record<string, unknown> }
}
