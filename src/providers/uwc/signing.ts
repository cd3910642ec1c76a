import { createHmac } from 'node:crypto'
import { decodedKey } from '../standard-webhooks.js'

/** The key of a secret: whsec_<base64>, else the text itself; undefined for what is none. */
export function uwcKey(secret: string): Buffer | undefined {
  if (secret.startsWith('whsec_')) return decodedKey(secret)
  return secret === '' ? undefined : Buffer.from(secret)
}

/**
 * The headers that prove a request of ours, by Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec
 * 1.0.0) as the partner's own webhooks are proved: HMAC-SHA256 over `id.timestamp.body`. None without a secret.
 */
export function signatureHeaders(
  secrets: readonly string[],
  { id, body, nowMs }: { id: string; body: string; nowMs: number },
): Record<string, string> {
  const key = secrets.map(uwcKey).find((one) => one !== undefined)
  if (!key) return {}
  const timestamp = String(Math.floor(nowMs / 1000))
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
}
