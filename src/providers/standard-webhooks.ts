import { isUtf8 } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import type { Verification } from './provider.js'

/** A message as it came; a header that is missing or came twice is undefined. */
export interface SignedMessage {
  id: string | undefined
  /** Unix seconds of the attempt, as text. */
  timestamp: string | undefined
  signature: string | undefined
  rawBody: Buffer
}

/** Seconds that a message may be old or early (the official libraries; the specification leaves it open). */
export const toleranceSeconds = 300

/** The key of a secret shown as whsec_<base64>, prefix optional; undefined for what is none. */
export function decodedKey(secret: string): Buffer | undefined {
  const text = secret.replace(/^whsec_/, '')
  // Buffer would skip what is not base64, and make an empty key of nonsense.
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3}={0,2})?$/.test(text)) return undefined
  const key = Buffer.from(text, 'base64')
  return key.length > 0 ? key : undefined
}

/** Whether two texts are the same, in a time that does not tell where they differ. */
export function sameText(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Whether the text is digits only and within the tolerance of the clock, in either direction. */
export function isTimely(timestamp: string, nowSeconds: number): boolean {
  return /^\d{1,12}$/.test(timestamp) && Math.abs(Math.floor(nowSeconds) - Number(timestamp)) <= toleranceSeconds
}

/**
 * A verifier of the scheme v1: a list of signatures, any of which may be made with any of the keys
 * (github.com/standard-webhooks/standard-webhooks, spec 1.0.0). The library signs; the clock is ours, which its own
 * verify cannot be given.
 */
export function createStandardVerifier({
  keys,
  now = Date.now,
}: {
  keys: readonly Buffer[]
  now?: (() => number) | undefined
}): (message: SignedMessage) => Verification {
  const signers = keys.map((key) => ({ key, library: new Webhook(key, { format: 'raw' }) }))
  return ({ id, timestamp, signature, rawBody }) => {
    if (!id || !timestamp || !signature) return { ok: false, reason: 'no_signature' }
    if (!isTimely(timestamp, now() / 1000)) return { ok: false, reason: 'wrong_time' }
    const given = signature.split(' ').filter((one) => one.startsWith('v1,'))
    let fits = false
    // The library signs text: of what is not UTF-8 the bytes are signed here, so that it can be told from a forgery.
    const isText = isUtf8(rawBody)
    for (const { key, library } of signers) {
      const expected = isText
        ? library.sign(id, new Date(Number(timestamp) * 1000), rawBody.toString())
        : signedBytes(key, `${id}.${Number(timestamp)}.`, rawBody)
      for (const one of given) fits = sameText(expected, one) || fits
    }
    return fits ? { ok: true } : { ok: false, reason: 'wrong_signature' }
  }
}

const signedBytes = (key: Buffer, head: string, rawBody: Buffer) =>
  `v1,${createHmac('sha256', key).update(head).update(rawBody).digest('base64')}`
