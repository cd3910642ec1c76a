import { InvalidRequestError } from '../domain/errors.js'
import type { Fields } from './json.js'

/**
 * The JSON object that the bytes of a webhook are.
 * @throws InvalidRequestError 400 for what is no JSON, 422 for JSON that is no object
 */
export function readJsonObject(rawBody: Buffer): Fields {
  let body: unknown
  try {
    body = JSON.parse(rawBody.toString('utf8'))
  } catch {
    throw new InvalidRequestError('the body is not JSON', [{ pointer: '', detail: 'is not JSON' }], 400)
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Fields
  throw new InvalidRequestError('the body is not an object', [{ pointer: '', detail: 'must be an object' }])
}

/** The fields of a stored body; none when it is no JSON object. */
export function storedJson(payload: Buffer): Fields {
  try {
    return readJsonObject(payload)
  } catch {
    return {}
  }
}
