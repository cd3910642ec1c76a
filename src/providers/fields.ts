// Fields of somebody else's events: one of the wrong type is no field.

const longest = 2000

/** Text that says something, or a whole number as text. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
  if (typeof value !== 'string') return undefined
  // PostgreSQL takes no NUL.
  const text = value.replaceAll('\0', '').trim()
  return text === '' ? undefined : text.slice(0, longest)
}

/** The provider's word, in lower case with underscores. */
export function wordOf(value: unknown): string | undefined {
  const word = textOf(value)
    ?.toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 100)
  return word === '' ? undefined : word
}

/** True and false, as themselves or as text. */
export function flagOf(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value
  const word = typeof value === 'string' ? value.trim().toLowerCase() : ''
  return word === 'true' ? true : word === 'false' ? false : undefined
}

/** A number from 0 that PostgreSQL's integer holds, or text that is one. */
export function amountOf(value: unknown): number | undefined {
  if (typeof value === 'string' && !/^\s*\d{1,10}(\.\d{1,20})?\s*$/.test(value)) return undefined
  const amount = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN
  return amount >= 0 && amount < 2 ** 31 - 1 ? amount : undefined
}

/** Whole seconds. */
export function secondsOf(value: unknown): number | undefined {
  const amount = amountOf(value)
  return amount === undefined ? undefined : Math.round(amount)
}

/** An address that a console may show as a link. */
export const linkOf = (value: unknown): string | undefined =>
  typeof value === 'string' && /^https?:\/\/[^\s\0]{1,2000}$/i.test(value) ? value : undefined

/** A list that has something in it. */
export const listOf = (value: unknown): readonly unknown[] | undefined =>
  Array.isArray(value) && value.length > 0 ? (value as readonly unknown[]) : undefined

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}

/** The object without what is undefined. */
export function defined<T extends object>(fields: T): Defined<T> {
  const kept: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields)) if (value !== undefined) kept[key] = value
  return kept as Defined<T>
}
