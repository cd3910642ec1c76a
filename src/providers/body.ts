import type { IncomingHttpHeaders } from 'node:http'
import { type FieldError, InvalidRequestError } from '../domain/errors.js'
import type { Fields } from './json.js'

/** Ids, types and statuses end up in keys and workflow ids: visible ASCII, bounded. */
const plain = /^[\x21-\x7e]{1,200}$/

export const isPlain = (value: unknown): value is string => typeof value === 'string' && plain.test(value)

/**
 * The object that a body is.
 * @throws InvalidRequestError 400 when it is no JSON, 422 when it is no object
 */
export function readObject(rawBody: Buffer): Fields {
  let body: unknown
  try {
    body = JSON.parse(rawBody.toString('utf8'))
  } catch {
    throw new InvalidRequestError('the body is not JSON', [{ pointer: '', detail: 'is not JSON' }], 400)
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Fields
  throw new InvalidRequestError('the body is not an object', [{ pointer: '', detail: 'must be an object' }])
}

/** The refusal of a body whose fields are missing or wrong. */
export const wrongFields = (errors: FieldError[]) =>
  new InvalidRequestError(`${errors.map(({ pointer }) => pointer.slice(1)).join(', ')} missing or wrong`, errors)

/** The header that came once; undefined when it is absent or came twice. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

/** Some of the headers, for whoever looks at a delivery later. */
export function keptHeaders(headers: IncomingHttpHeaders, more: readonly string[] = []): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of ['content-type', 'user-agent', 'date', ...more]) {
    const value = headerOf(headers, name)
    if (value !== undefined) kept[name] = value.slice(0, 300)
  }
  return kept
}
