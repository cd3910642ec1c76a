import type { IncomingHttpHeaders } from 'node:http'
import { type FieldError, InvalidRequestError } from '../domain/errors.js'

/** Ids, types and statuses end up in keys and workflow ids: visible ASCII, bounded. */
const plain = /^[\x21-\x7e]{1,200}$/

export const isPlain = (value: unknown): value is string => typeof value === 'string' && plain.test(value)

/** The refusal of a body whose fields are missing or wrong. */
export const wrongFields = (errors: FieldError[]) =>
  new InvalidRequestError(`${errors.map(({ pointer }) => pointer.slice(1)).join(', ')} missing or wrong`, errors)

/** The header that came once; undefined when it is absent or came twice. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}
