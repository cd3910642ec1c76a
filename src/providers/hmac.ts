import { createHmac, timingSafeEqual } from 'node:crypto'

export interface SignedBytes {
  algorithm: 'sha1' | 'sha256'
  encoding: 'base64' | 'hex'
  secrets: readonly string[]
  rawBody: Buffer
  signature: string
}

/**
 * Whether any of the secrets made the signature of the bytes; every secret is tried, whichever fits. An empty secret
 * fits nothing: anybody could sign with it.
 */
export function isSignedByAny({ algorithm, encoding, secrets, rawBody, signature }: SignedBytes): boolean {
  let fits = false
  for (const secret of secrets) {
    if (secret === '') continue
    const expected = createHmac(algorithm, secret).update(rawBody).digest(encoding)
    fits = sameText(expected, signature) || fits
  }
  return fits
}

/** Compares in constant time; the texts and not what they decode to, for two texts may decode to the same bytes. */
export function sameText(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** The secrets that prove something. */
export const usable = (secrets: readonly string[]): readonly string[] => secrets.filter((secret) => secret !== '')
