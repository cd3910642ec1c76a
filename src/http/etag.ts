import { z } from 'zod'
import { PreconditionRequiredError } from '../domain/errors.js'
import type { Precondition, Revised } from '../domain/page.js'

/** RFC 9110: a star, or tags, of which weak ones begin with W/. */
const tags = z
  .string()
  .max(2000)
  .regex(/^(\*|(W\/)?"[\x21\x23-\x7e]*"(, *(W\/)?"[\x21\x23-\x7e]*")*)$/, 'must be * or entity tags in quotes')

/** Headers of a change. */
export const changeHeaders = z.object({
  'if-match': tags
    .optional()
    .meta({ description: 'The ETag that the change was made upon, or `*`; without it the answer is 428' }),
})

/** Headers of a read. */
export const readHeaders = z.object({
  'if-none-match': tags
    .optional()
    .meta({ description: 'An ETag that is known; when it still holds the answer is 304' }),
})

const etagHeader = { ETag: 'This state of it, for If-Match and If-None-Match' }

/** What reading one thing answers. */
export const readResponses = <S extends z.ZodType>(description: string, schema: S) => ({
  200: { description, schema, headers: etagHeader },
  304: { description: 'As it was under this ETag', headers: etagHeader },
})

/** What changing one thing answers. */
export const changeResponses = <S extends z.ZodType>(description: string, schema: S) => ({
  200: { description, schema, headers: etagHeader },
  ...refusedChange,
})

export const refusedChange = {
  412: { description: 'It has changed since' },
  428: { description: 'No If-Match was sent' },
}

export const createdResponse = <S extends z.ZodType>(schema: S) => ({
  description: 'Made',
  schema,
  headers: { ...etagHeader, Location: 'Where it is' },
})

const etagOf = ({ revision }: { revision: string }) => `"${revision}"`

/** Revalidated every time, and kept by nobody but the caller. */
const headersOf = (row: { revision: string }) => ({ ETag: etagOf(row), 'Cache-Control': 'private, no-cache' })

type Presented<Row, T> = (row: Row) => T

/** A row that was changed. */
export const changed = <Row extends object, T>(row: Revised<Row>, present: Presented<Row, T>) => ({
  status: 200 as const,
  headers: headersOf(row),
  body: present(row),
})

/** A row that was made. */
export const created = <Row extends object, T>(row: Revised<Row>, present: Presented<Row, T>, location: string) => ({
  status: 201 as const,
  headers: { ...headersOf(row), Location: location },
  body: present(row),
})

/** A row, unless the caller has it already. */
export function found<Row extends object, T>(
  row: Revised<Row>,
  present: Presented<Row, T>,
  { 'if-none-match': known }: z.output<typeof readHeaders>,
) {
  const headers = headersOf(row)
  return isKnown(known, row) ? { status: 304 as const, headers } : { status: 200 as const, headers, body: present(row) }
}

/** By the weak comparison: a tag that a proxy made weak is the same tag. */
const isKnown = (known: string | undefined, row: { revision: string }) =>
  known === '*' || listOf(known ?? '').some((tag) => tag.replace(/^W\//, '') === etagOf(row))

const listOf = (text: string) => text.match(/(W\/)?"[^"]*"/g) ?? []

/**
 * The states that a change may meet; a weak tag is none of them.
 * @throws PreconditionRequiredError when the caller does not say
 */
export function preconditionOf({ 'if-match': match }: z.output<typeof changeHeaders>): Precondition {
  if (match === undefined) throw new PreconditionRequiredError()
  if (match === '*') return 'any'
  return listOf(match).flatMap((tag) => (tag.startsWith('W/') ? [] : [tag.slice(1, -1)]))
}
