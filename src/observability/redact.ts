import { safeMessage, safeStack } from './error-texts.js'

/** Masked whatever the setting: whoever reads them can act as somebody. */
const secretKeys = new Set(['authorization', 'proxyauthorization', 'cookie', 'setcookie', 'jwt', 'accesskeyid'])
const secretEnding = /(?:token|password|passwordhash|passwd|secret|apikey|accesskey|privatekey|signature|databaseurl)$/

/** Masked while OBS_REDACT_PII is on: names, ways to reach a person, and what a person said. */
const personalKeys = new Set(
  (
    'name displayname firstname lastname middlename fullname surname username nickname contactname customername ' +
    'email useremail jwtemail emailaddress phone phonenumber mobile callerid fromnumber tonumber ' +
    'conversationname conversationalcontext customgreeting transcript messages content speech utterance ' +
    'address streetaddress dateofbirth birthday ipaddress remoteaddress ip'
  ).split(' '),
)

const mask = '[redacted]'
const maxDepth = 8
const maxItems = 100
const maxText = 16_384

/** Made by us, and asked for on every line. */
const plainKeys = new Set(['trace_id', 'route', 'method', 'event', 'service'])
/** Headers that hold seconds, which look like a telephone number. */
const timeHeaders = new Set(['svix-timestamp', 'webhook-timestamp', 'x-uwc-timestamp'])
const seconds = /^\d{1,12}$/
/** Ids and plain words, as most texts are. */
const harmless = /^(?:[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}|(?!.*(?:bearer|basic) )[a-z ,'/_-]*)$/i
/** Whatever the patterns below could match has one of these. */
const suspicious = /[@=:]|%40|eyJ|bearer|basic|\d(?:\D{0,2}\d){7}/i

// Texts may come from anybody: each pattern takes time in proportion to the text, so none begins with a repetition.
const jwt = /\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)*/g
const credentials = /\b(Bearer|Basic)\s+[\w+/.~=-]{6,}/gi
const urlPassword = /(:\/\/[^\s:@/]+):[^\s@/]+@/g
const assignment =
  /((?:token|password|passwd|secret|api[_-]?key|signature)["']?\s{0,4}[=:]\s{0,4}["']?)[^\s&"'#,;)}\]]+/gi
const personalAssignment =
  /([?&"'](?:[a-z]{1,20}[_-])?(?:name|email|phone)["']?\s{0,4}[=:]\s{0,4})("[^"]*"|'[^']*'|[^\s&"'#,;)}\]]+)/gi
const mailDomain = /(?:@|%40)[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63})+/gu
const mailLocalPart = /[\p{L}\p{N}._%+'-]+$/u
const phone = /(?<![\w.:/-])(?:\+|%2B|00)?\(?\d(?:[\s().-]{0,2}\d){7,14}(?![\w-])/g
const notPhone = /^(?:\d{4}-\d\d-\d\d|\d{1,3}(?:\.\d{1,3}){3}$)/

const maskPhone = (found: string) => (notPhone.test(found) ? found : '[phone]')

function maskSecrets(text: string): string {
  let masked = text
  if (masked.includes('eyJ')) masked = masked.replace(jwt, '[token]')
  masked = masked.replace(credentials, `$1 ${mask}`)
  if (masked.includes('://')) masked = masked.replace(urlPassword, `$1:${mask}@`)
  return masked.replace(assignment, `$1${mask}`)
}

const maskPersonal = (text: string): string =>
  maskEmails(text).replace(personalAssignment, `$1${mask}`).replace(phone, maskPhone)

/** From the domain backwards: what stands before it may be long and hold no address at all. */
function maskEmails(text: string): string {
  let masked = ''
  let end = 0
  for (const { 0: domain, index } of text.matchAll(mailDomain)) {
    const [local] = mailLocalPart.exec(text.slice(Math.max(end, index - 64), index)) ?? []
    if (local === undefined) continue
    masked += `${text.slice(end, index - local.length)}[email]`
    end = index + domain.length
  }
  return masked + text.slice(end)
}

/**
 * Masks what must not stand in a log, in texts and by the names of fields, at any depth. `moreKeys`: further names, in
 * lower case and without separators.
 */
export function createRedactor({ personal, moreKeys = [] }: { personal: boolean; moreKeys?: readonly string[] }) {
  const more = new Set(moreKeys)
  const verdicts = new Map<string, boolean>()

  /** Whether a field is masked by its name; names are few, so each is judged once. */
  function isMaskedKey(key: string): boolean {
    let verdict = verdicts.get(key)
    if (verdict === undefined) {
      const plain = key.toLowerCase().replace(/[-_.\s]/g, '')
      verdict =
        secretKeys.has(plain) || secretEnding.test(plain) || (personal && personalKeys.has(plain)) || more.has(plain)
      if (verdicts.size < 5000) verdicts.set(key, verdict)
    }
    return verdict
  }

  function text(value: string): string {
    if (value.length < 256 && (harmless.test(value) || !suspicious.test(value))) return value
    const bounded = value.length > maxText ? `${value.slice(0, maxText)}…` : value
    const masked = maskSecrets(bounded)
    return personal ? maskPersonal(masked) : masked
  }

  function error(value: Error, depth: number): Record<string, unknown> {
    const { code, status, provider, cause } = value as Error & Record<string, unknown>
    const errors = value instanceof AggregateError ? value.errors.slice(0, 5) : undefined
    const message = personal ? safeMessage(value) : value.message
    const stack = personal ? safeStack(value, message) : value.stack
    return {
      type: value.name === 'Error' ? value.constructor.name : value.name,
      message: text(message),
      ...(stack === undefined ? {} : { stack: text(stack) }),
      ...redactFields({ code, status, provider, cause, errors }, depth),
    }
  }

  function redactFields(fields: object, depth: number): Record<string, unknown> {
    const redacted: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(fields)) {
      if (value === undefined) continue
      if (typeof value === 'string' && (plainKeys.has(key) || (timeHeaders.has(key) && seconds.test(value))))
        redacted[key] = value
      else redacted[key] = isMaskedKey(key) ? maskedValue(value) : redact(value, depth + 1)
    }
    return redacted
  }

  function redact(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return text(value)
    if (typeof value === 'bigint') return value.toString()
    if (typeof value !== 'object' || value === null) return value
    if (depth > maxDepth) return '[nested]'
    if (value instanceof Error) return error(value, depth)
    if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => redact(item, depth + 1))
    if (value instanceof Date) return value
    if (value instanceof URL) return text(value.href)
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
    return redactFields(value, depth)
  }

  return { text, fields: (fields: object) => redactFields(fields, 0), value: (value: unknown) => redact(value, 0) }
}

export type Redactor = ReturnType<typeof createRedactor>

/** That something is absent is no secret, nor what the start-up log says in place of one. */
function maskedValue(value: unknown): unknown {
  const harmless =
    value === null || typeof value === 'boolean' || value === 'SET' || value === 'NOT SET' || value === ''
  return harmless ? value : mask
}
