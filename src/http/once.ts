import { createHmac } from 'node:crypto'
import { z } from 'zod'
import type { KeyedRequest } from '../domain/resource.js'

/** The header, and what it promises. */
export const idempotencyKey = (description: string) =>
  z.object({
    'idempotency-key': z
      .string()
      .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters without blanks')
      .optional()
      .meta({ description }),
  })

/** Of a request that makes something: of those with the same key the first one does it. */
export const onceHeaders = idempotencyKey(
  'For 24 hours the same key and body give the same answer, and make nothing again; the same key with another body is 422',
)

/**
 * The key that a request brought, with a digest of all that it says; undefined without one. By a secret, for a body may
 * hold a password, and a plain digest of it could be guessed.
 */
export function keyedRequest(secret: string, { headers, ...said }: { headers: unknown; [part: string]: unknown }) {
  const { 'idempotency-key': given } = (headers ?? {}) as z.output<typeof onceHeaders>
  if (given === undefined) return undefined
  const digest = createHmac('sha256', secret)
    .update(`once ${JSON.stringify(said)}`)
    .digest()
  return { key: given, digest } satisfies KeyedRequest
}
