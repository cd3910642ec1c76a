import { createHash, timingSafeEqual } from 'node:crypto'
import { TokenVerifier } from 'livekit-server-sdk'
import { fieldsOf } from '../json.js'
import type { Verification } from '../provider.js'

/** What a clock may differ by, in seconds, as LiveKit's own receiver has it (livekit-server-sdk AccessToken.ts). */
const toleranceSeconds = 10
/** The official verifier reads the machine's clock: times are checked here instead, by the clock that is given. */
const anyTime = 1e12

/** A delivery as its proof sees it. */
export interface SignedDelivery {
  rawBody: Buffer
  /** The Authorization header: the bare token, without a scheme. */
  token: string | undefined
}

/**
 * Checks the token that LiveKit sends with a webhook: signed by a secret of the API key, HS256 only, in its time, and of
 * this very body (docs.livekit.io/home/server/webhooks; protocol webhook/verifier.go). A participant's own token is
 * signed with the same secret and names no body, so it is none.
 */
export function createLivekitVerifier(options: { apiKey: string; secrets: readonly string[]; now: () => number }) {
  const verifiers = options.secrets
    .filter((secret) => secret !== '')
    .map((secret) => new TokenVerifier(options.apiKey, secret))

  return async function verify({ rawBody, token }: SignedDelivery): Promise<Verification> {
    if (token === undefined || token === '') return { ok: false, reason: 'no_token' }
    if (algorithmOf(token) !== 'HS256') return { ok: false, reason: 'wrong_algorithm' }
    const claims = await firstClaims(verifiers, token)
    if (!claims) return { ok: false, reason: 'wrong_token' }
    if (!isInTime(claims, options.now() / 1000)) return { ok: false, reason: 'not_in_time' }
    return isOfBody(claims.sha256, rawBody) ? { ok: true } : { ok: false, reason: 'other_body' }
  }
}

async function firstClaims(verifiers: readonly TokenVerifier[], token: string) {
  for (const verifier of verifiers) {
    const claims: unknown = await verifier.verify(token, anyTime).catch(() => undefined)
    if (claims !== undefined) return fieldsOf(claims)
  }
  return undefined
}

/** The official verifier takes any HMAC: LiveKit signs with this one only. */
function algorithmOf(token: string): unknown {
  try {
    return fieldsOf(JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString('utf8'))).alg
  } catch {
    return undefined
  }
}

function isInTime({ exp, nbf }: { exp?: unknown; nbf?: unknown }, now: number): boolean {
  if (typeof exp !== 'number' || exp <= now - toleranceSeconds) return false
  return nbf === undefined || (typeof nbf === 'number' && nbf <= now + toleranceSeconds)
}

/** The claim is padded base64 of the SHA-256 of the bytes as they came. */
function isOfBody(claim: unknown, rawBody: Buffer): boolean {
  if (typeof claim !== 'string') return false
  const wanted = Buffer.from(createHash('sha256').update(rawBody).digest('base64'))
  const given = Buffer.from(claim)
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}
