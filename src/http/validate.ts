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

const summary = (errors: FieldError[]) =>
  errors.length === 1
    ? `${errors[0]?.pointer ?? ''}: ${errors[0]?.detail ?? ''}`
    : `${errors.length} fields are not valid`

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
  return issue.code === 'invalid_value' ? `must be ${choiceOf(issue.values)}` : issue.message
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
