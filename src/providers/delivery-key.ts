import { createHash } from 'node:crypto'
import { InvalidRequestError } from '../domain/errors.js'
import { textOf } from './fields.js'

const plain = /^[\x21-\x7e]{1,200}$/
const plainPart = /^[\w.+~-]{1,100}$/

/** What the bytes are known by: 32 hexadecimal digits of their SHA-256. */
export const digest = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex').slice(0, 32)

/**
 * The first of the values that can be an id in keys and names of workflows.
 * @throws InvalidRequestError 422 naming the field
 */
export function requireId(pointer: string, ...values: unknown[]): string {
  const id = values.map(textOf).find((text) => text !== undefined && plain.test(text))
  if (id !== undefined) return id
  throw new InvalidRequestError(`${pointer.slice(1)} missing or wrong`, [{ pointer, detail: 'must be an id' }])
}

/** An id of Twilio's has 34 characters: longer is what a signature also fits when a field's end is moved into the next. */
const longestSid = 40

/**
 * The first of the values that can be an id of Twilio's.
 * @throws InvalidRequestError 422 naming the field
 */
export function requireSid(pointer: string, ...values: unknown[]): string {
  const sid = requireId(pointer, ...values)
  if (sid.length <= longestSid) return sid
  throw new InvalidRequestError(`${pointer.slice(1)} missing or wrong`, [{ pointer, detail: 'is too long for an id' }])
}

/** Part of a key: the text itself where it is a plain word, its digest where not, and a dash where there is none. */
export function keyPart(value: unknown): string {
  const text = textOf(value)
  if (text === undefined) return '-'
  return plainPart.test(text) ? text : `~${digest(text)}`
}
