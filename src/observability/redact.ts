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

const jwt = /\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)*/g
const credentials = /\b(Bearer|Basic)\s+[\w+/.~=-]{6,}/gi
const urlPassword = /(:\/\/[^\s:@/]+):[^\s@/]+@/g
const assignment =
  /([\w-]*(?:token|password|passwd|secret|api[_-]?key|signature))(["']?\s*[=:]\s*["']?)([^\s&"'#,;)}\]]+)/gi
const personalAssignment =
  /([?&"'](?:[a-z]+[_-])?(?:name|email|phone)["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s&"'#,;)}\]]+)/gi
const email = /[\p{L}\p{N}._%+'-]{1,64}(?:@|%40)[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63})+/gu
const phone = /(?<![\w.:/-])(?:\+|%2B|00)?\(?\d(?:[\s().-]{0,2}\d){7,14}(?![\w-])/g
const notPhone = /^(?:\d{4}-\d\d-\d\d|\d{1,3}(?:\.\d{1,3}){3}$)/

const maskPhone = (found: string) => (notPhone.test(found) ? found : '[phone]')

function maskSecrets(text: string): string {
  let masked = text
  if (masked.includes('eyJ')) masked = masked.replace(jwt, '[token]')
  if (/bearer|basic/i.test(masked)) masked = masked.replace(credentials, `$1 ${mask}`)
  if (masked.includes('://')) masked = masked.replace(urlPassword, `$1:${mask}@`)
  if (masked.includes('=') || masked.includes(':')) masked = masked.replace(assignment, `$1$2${mask}`)
  return masked
}

function maskPersonal(text: string): string {
  let masked = text
  if (masked.includes('@') || masked.includes('%40')) masked = masked.replace(email, '[email]')
  if (/name|email|phone/i.test(masked)) masked = masked.replace(personalAssignment, `$1${mask}`)
  if (/\d(?:\D{0,2}\d){7}/.test(masked)) masked = masked.replace(phone, maskPhone)
  return masked
}

/** Masks what must not stand in a log, in texts and by the names of fields, at any depth. */
export function createRedactor({ personal }: { personal: boolean }) {
  const verdicts = new Map<string, boolean>()

  /** Whether a field is masked by its name; names are few, so each is judged once. */
  function isMaskedKey(key: string): boolean {
    let verdict = verdicts.get(key)
    if (verdict === undefined) {
      const plain = key.toLowerCase().replace(/[-_.\s]/g, '')
      verdict = secretKeys.has(plain) || secretEnding.test(plain) || (personal && personalKeys.has(plain))
      if (verdicts.size < 5000) verdicts.set(key, verdict)
    }
    return verdict
  }

  function text(value: string): string {
    const bounded = value.length > maxText ? `${value.slice(0, maxText)}…` : value
    const masked = maskSecrets(bounded)
    return personal ? maskPersonal(masked) : masked
  }

  function error(value: Error, depth: number): Record<string, unknown> {
    const { code, status, provider, cause } = value as Error & Record<string, unknown>
    const errors = value instanceof AggregateError ? value.errors.slice(0, 5) : undefined
    return {
      type: value.name === 'Error' ? value.constructor.name : value.name,
      message: text(value.message),
      ...(value.stack === undefined ? {} : { stack: text(value.stack) }),
      ...redactFields({ code, status, provider, cause, errors }, depth),
    }
  }

  function redactFields(fields: object, depth: number): Record<string, unknown> {
    const redacted: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(fields)) {
      if (value === undefined) continue
      redacted[key] = isMaskedKey(key) ? maskedValue(value) : redact(value, depth + 1)
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
