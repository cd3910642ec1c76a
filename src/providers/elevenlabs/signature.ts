import { createHmac } from 'node:crypto'
import type { Verification } from '../provider.js'
import { sameText } from '../standard-webhooks.js'

/** Seconds (elevenlabs.io/docs/eleven-agents/workflows/post-call-webhooks); a retry may carry its first signature. */
const maxAgeSeconds = 1800
/** The vendor's own receiver has no limit for this side; a clock may be ahead of ours by so much. Seconds. */
const maxEarlySeconds = 300

/** A signature whose body is still to come. */
export interface PendingSignature {
  update(chunk: Buffer): void
  verify(): Verification
}

/**
 * Reads the header `t=<unix s>,v0=<hex>`: HMAC-SHA256 over `t.body` with the secret as text. A header that can never
 * verify is told before the body is read. As at the vendor's own receiver the first part of a name counts, in any order.
 */
export function createSignatureCheck({
  secrets,
  now = Date.now,
}: {
  secrets: readonly string[]
  now?: (() => number) | undefined
}) {
  return (header: string | undefined): PendingSignature | { refused: string } => {
    if (!header) return { refused: 'no_signature' }
    const parts = header.split(',')
    const part = (name: string) => parts.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1)
    const [timestamp = '', given = ''] = [part('t'), part('v0')]
    if (!/^\d{1,12}$/.test(timestamp)) return { refused: 'wrong_time' }
    const age = Math.floor(now() / 1000) - Number(timestamp)
    if (age > maxAgeSeconds || age < -maxEarlySeconds) return { refused: 'wrong_time' }
    if (!/^[0-9a-f]{64}$/.test(given)) return { refused: 'wrong_signature' }
    const sums = secrets.filter(Boolean).map((secret) => createHmac('sha256', secret).update(`${timestamp}.`))
    return {
      update: (chunk) => sums.forEach((sum) => sum.update(chunk)),
      verify() {
        let fits = false
        for (const sum of sums) fits = sameText(sum.digest('hex'), given) || fits
        return fits ? { ok: true } : { ok: false, reason: 'wrong_signature' }
      },
    }
  }
}

export type SignatureCheck = ReturnType<typeof createSignatureCheck>
