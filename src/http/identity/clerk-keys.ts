import jwksRsa from 'jwks-rsa'
import { UnavailableError } from '../../domain/errors.js'

export interface ClerkKeysOptions {
  jwksUrl: string
  /** Sent as a bearer token: Clerk's Backend API gives its keys to nobody else. */
  secretKey?: string | undefined
  /** How long a key counts, in milliseconds. */
  maxAgeMs?: number
  /** The keys are fetched at most once in so many milliseconds, whatever tokens come. */
  cooldownMs?: number
  timeoutMs?: number
  now?: () => number
}

type KeySet = { keys: jwksRsa.JSONWebKey[] }
type SecretProvider = (header: unknown) => Promise<string>

const maxBytes = 256 * 1024
const keyId = /^[\w.-]{1,200}$/

/** Gives the key that a token names, by jwks-rsa, from a set that is fetched anew for a name that it does not have. */
export function createClerkKeys(options: ClerkKeysOptions): SecretProvider {
  const { jwksUrl, maxAgeMs = 600_000 } = options
  const provide = jwksRsa.koaJwtSecret({
    jwksUri: jwksUrl,
    fetcher: createFetcher(options),
    cache: true,
    cacheMaxAge: maxAgeMs,
    cacheMaxEntries: 20,
  })
  return async (header) => {
    const { alg, kid } = (header ?? {}) as { alg?: unknown; kid?: unknown }
    // A name only, compared with the names in the set: it is never a path, a query or an address.
    if (alg !== 'RS256' || typeof kid !== 'string' || !keyId.test(kid))
      throw new Error('the header names no key of ours')
    return await provide({ alg, kid })
  }
}

/**
 * The set of keys, fetched at most once in `cooldownMs`: tokens with made-up names cannot make us ask more often, and a
 * rotated key is found as soon as that time is over. A failure counts for as long.
 */
function createFetcher({ jwksUrl, secretKey, cooldownMs = 5000, timeoutMs = 3000, now = Date.now }: ClerkKeysOptions) {
  let last: { at: number; keys: Promise<KeySet> } | undefined
  return async (): Promise<KeySet> => {
    if (!last || now() - last.at >= cooldownMs) last = { at: now(), keys: fetchKeys(jwksUrl, { secretKey, timeoutMs }) }
    return await last.keys
  }
}

async function fetchKeys(
  url: string,
  { secretKey, timeoutMs }: { secretKey: string | undefined; timeoutMs: number },
): Promise<KeySet> {
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/json', ...(secretKey ? { authorization: `Bearer ${secretKey}` } : {}) },
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
    if (!response.ok) throw new Error(`it answered ${response.status}`)
    const keys = signingKeys(JSON.parse(await boundedText(response)))
    if (keys.length === 0) throw new Error('it has no key for RS256')
    return { keys }
  } catch (error) {
    throw new UnavailableError(
      `the keys of the identity provider could not be fetched: ${error instanceof Error ? error.message : String(error)}`,
      'identity_provider_unavailable',
    )
  }
}

/** Public RSA keys for signatures; anything else in the set is not for us. */
function signingKeys(value: unknown): jwksRsa.JSONWebKey[] {
  const { keys } = (value ?? {}) as { keys?: unknown }
  if (!Array.isArray(keys)) throw new Error('it has no list of keys')
  return (keys as Partial<jwksRsa.JSONWebKey>[]).filter(
    (key): key is jwksRsa.JSONWebKey =>
      key?.kty === 'RSA' &&
      typeof key.kid === 'string' &&
      (key.alg === undefined || key.alg === 'RS256') &&
      (key.use === undefined || key.use === 'sig'),
  )
}

async function boundedText(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body ?? []) {
    bytes += (part as Uint8Array).byteLength
    if (bytes > maxBytes) throw new Error('its answer is too long')
    parts.push(part as Uint8Array)
  }
  return Buffer.concat(parts).toString('utf8')
}
