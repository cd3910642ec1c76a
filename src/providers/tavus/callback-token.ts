import { createHmac, timingSafeEqual } from 'node:crypto'

// Tavus signs nothing: the address that it is given carries the proof.

const digestOf = (sessionId: string, secret: string) =>
  createHmac('sha256', secret).update(`tavus:${sessionId}`).digest()

/** The proof that a callback address of a session is ours. */
export const callbackToken = (sessionId: string, secret: string): string =>
  digestOf(sessionId, secret).toString('base64url')

/** Where Tavus sends the callbacks of one session; a query that the base already has is kept. */
export function callbackUrl(input: { base: string; sessionId: string; secrets: readonly string[] }): string {
  const [secret] = input.secrets
  if (secret === undefined) throw new Error('no secret to sign callback addresses with')
  const url = new URL(input.base)
  url.searchParams.set('session', input.sessionId)
  url.searchParams.set('token', callbackToken(input.sessionId, secret))
  return url.href
}

/** Whether any of the secrets made the token, in base64url or hex; every secret is tried, whichever fits. */
export function verifyCallbackToken(input: { sessionId: string; token: string; secrets: readonly string[] }): boolean {
  let fits = false
  for (const secret of input.secrets) {
    const digest = digestOf(input.sessionId, secret)
    // The texts are compared: two different base64url texts may decode to the same bytes.
    for (const encoding of ['base64url', 'hex'] as const)
      fits = sameText(digest.toString(encoding), input.token) || fits
  }
  return fits
}

function sameText(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)]
  return a.length === b.length && timingSafeEqual(a, b)
}
