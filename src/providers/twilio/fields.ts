import { InvalidRequestError } from '../../domain/errors.js'
import type { Fields } from '../json.js'
import { readJsonObject, storedJson } from '../raw-body.js'

export type BodyForm = 'application/x-www-form-urlencoded' | 'application/json'

/**
 * The fields of a body in the form that was verified.
 * @throws InvalidRequestError 400 or 422 for what is neither
 */
export function readFields(rawBody: Buffer, form: BodyForm): Fields {
  if (form === 'application/json') return readJsonObject(rawBody)
  if (rawBody.length > 0) return formFields(rawBody)
  throw new InvalidRequestError('the body is empty', [{ pointer: '', detail: 'must be a form' }], 400)
}

/** The fields of a stored body; whatever it is, nothing is thrown. */
export const storedFields = (payload: Buffer, form: string | undefined): Fields =>
  form === 'application/json' ? storedJson(payload) : formFields(payload)

/** Flat, for nested parsers read more into names than was signed. */
const formFields = (body: Buffer): Fields => Object.fromEntries(new URLSearchParams(body.toString('utf8')))
