import { createHash } from 'node:crypto'
import twilio from 'twilio/lib/webhooks/webhooks.js'
import { sameText } from '../hmac.js'

export interface TwilioRequest {
  rawBody: Buffer
  signature: string
  /** Base of the addresses that Twilio is given. */
  publicUrl: string
  /** Path and query as they came: their very characters are signed. */
  target: string
  authTokens: readonly string[]
}

/** Twilio sends some thirty; whoever is not Twilio must not make us sort a million. */
const maxParameters = 1000
/** Base64 of the 20 bytes of an HMAC-SHA1. */
const shape = /^[A-Za-z0-9+/]{27}=$/
const base = /^(https?:\/\/)(?:[^/?#]*@)?([^/?#]+)([^?#]*)/i

/**
 * Why a request is not Twilio's; undefined when it is. A form is signed with its address; of JSON the address alone is
 * signed, and carries the hash of the body (twilio.com/docs/usage/webhooks/webhooks-security).
 */
export function whyNotSigned({ rawBody, signature, publicUrl, target, authTokens }: TwilioRequest): string | undefined {
  if (!shape.test(signature)) return 'malformed_signature'
  const bodyHash = bodyHashOf(target)
  if (bodyHash !== undefined && !sameText(createHash('sha256').update(rawBody).digest('hex'), bodyHash))
    return 'wrong_body_hash'
  const parameters = bodyHash === undefined ? formParameters(rawBody) : {}
  if (!parameters) return 'too_many_parameters'
  const addresses = signedAddresses(publicUrl, target)
  let fits = false
  for (const token of authTokens)
    for (const address of token === '' ? [] : addresses)
      fits = twilio.validateRequest(token, signature, address, parameters) || fits
  return fits ? undefined : 'wrong_signature'
}

/** What the query says the SHA-256 of a JSON body is; undefined for a form. */
export function bodyHashOf(target: string): string | undefined {
  const query = /\?([^#]*)/.exec(target)?.[1]
  return query === undefined ? undefined : (new URLSearchParams(query).get('bodySHA256') ?? undefined)
}

/** Every parameter, empty ones too, each with its values as they are decoded once. */
function formParameters(rawBody: Buffer): Record<string, string | string[]> | undefined {
  const text = rawBody.toString('utf8')
  if (text.split('&', maxParameters + 1).length > maxParameters) return undefined
  const parameters = new Map<string, string[]>()
  for (const [name, value] of new URLSearchParams(text)) parameters.set(name, [...(parameters.get(name) ?? []), value])
  return Object.fromEntries([...parameters].map(([name, values]) => [name, values.length > 1 ? values : values.join()]))
}

/**
 * The addresses that may have been signed. Twilio drops credentials, the fragment with its connection settings, and for
 * voice over https the port; the package itself tries each with its own or the default port and without.
 */
function signedAddresses(publicUrl: string, target: string): string[] {
  const [, scheme = '', hostAndPort = '', prefix = ''] = base.exec(publicUrl) ?? []
  const rest = prefix.replace(/\/+$/, '') + originForm(target)
  const host = hostAndPort.replace(/:\d*$/, '')
  return [...new Set([hostAndPort, host])].map((authority) => scheme + authority + rest)
}

/** A proxy may ask with the whole address. */
const originForm = (target: string) => (target.split('#', 1)[0] ?? '').replace(/^https?:\/\/[^/?#]*/i, '')
