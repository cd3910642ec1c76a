import type { z } from 'zod'
import { type FieldError, InvalidRequestError } from '../domain/errors.js'

/** An answer must not be many times as long as what was asked. */
const mostErrors = 100

type Part = 'params' | 'query' | 'headers' | 'body'

/**
 * Checks each part of a request by its schema.
 * @throws InvalidRequestError naming the wrong fields of every part, a hundred at most
 */
export function validateParts(
  parts: { part: Part; schema: z.ZodType | undefined; value: unknown }[],
): Record<Part, unknown> {
  const parsed: Record<Part, unknown> = { params: undefined, query: undefined, headers: undefined, body: undefined }
  const errors: FieldError[] = []
  for (const { part, schema, value } of parts) {
    if (!schema) continue
    const result = schema.safeParse(value)
    if (result.success) parsed[part] = result.data
    else errors.push(...result.error.issues.flatMap((issue) => fieldErrors(part, issue, value)))
  }
  if (errors.length > 0) throw new InvalidRequestError(summary(errors), errors.slice(0, mostErrors))
  return parsed
}

function summary(errors: FieldError[]): string {
  const [first] = errors
  if (errors.length !== 1 || !first) return `${errors.length} fields are not valid`
  return first.pointer === '' ? `the body ${first.detail}` : `${first.pointer}: ${first.detail}`
}

function fieldErrors(part: Part, issue: z.core.$ZodIssue, value: unknown): FieldError[] {
  // An unknown field stands in the issue, not in its path.
  if (issue.code === 'unrecognized_keys')
    return issue.keys
      .slice(0, 20)
      .map((key) => ({ pointer: pointerOf(part, [...issue.path, key]), detail: 'unknown field' }))
  return [{ pointer: pointerOf(part, issue.path), detail: detailOf(issue, value) }]
}

function detailOf(issue: z.core.$ZodIssue, value: unknown): string {
  const isMissing = issue.path.length > 0 && at(value, issue.path) === undefined
  if (isMissing && (issue.code === 'invalid_type' || issue.code === 'invalid_value')) return 'is required'
  return saidByLibrary.test(issue.message) ? inOurWords(issue) : issue.message
}

/** A schema's own message says it better than these. */
const saidByLibrary = /^(Invalid|Too (small|big)|Unrecognized)/

const formats: Readonly<Record<string, string>> = {
  datetime: 'must be a time with its zone, such as 2026-11-21T09:30:00Z',
  date: 'must be a date, such as 2026-11-21',
  uuid: 'must be a UUID, such as 0192a000-0000-7000-8000-00000000ac3e',
  email: 'must be an email address, such as ada@example.com',
  url: 'must be an address, such as https://example.com/path',
}
const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
  date: 'a date',
}

function inOurWords(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_value':
      return `must be ${choiceOf(issue.values)}`
    case 'invalid_type':
      return `must be ${kinds[issue.expected] ?? issue.expected}`
    case 'invalid_format':
      return formats[issue.format] ?? 'is not written as it must be'
    case 'too_small':
      if (issue.origin === 'string' && issue.minimum === 1) return 'must not be empty'
      return `must ${verb(issue.origin)} ${issue.inclusive === false ? 'more than' : 'at least'} ${bound(issue)}`
    case 'too_big':
      return `must ${verb(issue.origin)} ${issue.inclusive === false ? 'less than' : 'at most'} ${bound(issue)}`
    default:
      return issue.message
  }
}

const verb = (origin: string) => (counted[origin] === undefined ? 'be' : 'have')
const counted: Readonly<Record<string, string>> = {
  string: 'characters',
  array: 'items',
  set: 'items',
  object: 'fields',
}

function bound(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  const limit = issue.code === 'too_small' ? issue.minimum : issue.maximum
  const of = counted[issue.origin]
  return of === undefined ? String(limit) : `${limit} ${Number(limit) === 1 ? of.slice(0, -1) : of}`
}

const at = (value: unknown, path: PropertyKey[]) =>
  path.reduce<unknown>((inner, step) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[step], value)

function choiceOf(values: readonly unknown[]): string {
  const names = values.map((value) => JSON.stringify(value))
  return names.length === 1 ? String(names[0]) : `one of ${names.join(', ')}`
}

/** RFC 6901 within the body; the other parts are named in front. */
function pointerOf(part: Part, path: PropertyKey[]): string {
  const pointer = path.map((step) => `/${String(step).slice(0, 100).replace(/~/g, '~0').replace(/\//g, '~1')}`).join('')
  return part === 'body' ? pointer : `${part}${pointer}`
}
