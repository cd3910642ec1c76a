// Values on their way into PostgreSQL, which takes neither NUL nor half a surrogate pair in a text.

/** Far deeper than any provider's event; beyond it recursion would end the process. */
const maxDepth = 100

/** NUL, or a surrogate, which may lack its other half. */
const odd = /[\0\uD800-\uDFFF]/
const unpaired = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g

/** Text that PostgreSQL can store. Nearly all is as it comes, and looking costs less than replacing. */
export const cleanText = (text: string) =>
  odd.test(text) ? text.replaceAll('\0', '').replace(unpaired, '\uFFFD') : text

export const isUuid = (text: string) => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)

/** The value as PostgreSQL gives it back, with the keys of its objects in order: equal values have equal JSON. */
export function canonical(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return cleanText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= maxDepth) return null
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map((item) => canonical(item, depth + 1))
  const entries = Object.entries(value).map(([key, item]) => [cleanText(key), canonical(item, depth + 1)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
}

/** What JSON.stringify makes of NUL and of half a surrogate pair. */
const unstorable = /\\u0000|\\ud[89a-f]/i

/** A jsonb parameter that is only written, never compared; most values need no cleaning, and none of their keys an order. */
export function parameter(value: unknown): string {
  try {
    const text = JSON.stringify(value)
    return text.includes('\\u') && unstorable.test(text) ? json(value) : text
  } catch {
    return json(value) // nested too deeply, which that cuts
  }
}

/** A jsonb parameter; the driver would make an SQL array of a list. Equal values have equal text. */
export const json = (value: unknown) => JSON.stringify(canonical(value))

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Of two values the one that says more: a longer list, else the later text; arbitrary but total. */
export function fuller<T>(a: T | undefined, b: T | undefined): T | undefined {
  if (a === undefined || b === undefined) return a === undefined ? b : a
  const length = (value: unknown) => (Array.isArray(value) ? value.length : -1)
  return (length(a) - length(b) || (json(a) >= json(b) ? 1 : -1)) > 0 ? a : b
}

/** Joins two objects key by key; commutative, associative and idempotent. */
export function merge(a: Record<string, unknown>, b: Record<string, unknown>): Record<string, unknown> {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()
  return Object.fromEntries(keys.map((key) => [key, mergeValue(own(a, key), own(b, key))]))
}

/** A provider's key may be one that every object has, such as constructor. */
const own = (object: Record<string, unknown>, key: string) => (Object.hasOwn(object, key) ? object[key] : undefined)

function mergeValue(a: unknown, b: unknown): unknown {
  if (isObject(a) && isObject(b)) return merge(a, b)
  if (isObject(a) || isObject(b)) return isObject(a) ? a : b
  return fuller(a, b)
}
