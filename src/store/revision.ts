import { createHash } from 'node:crypto'
import { PreconditionFailedError } from '../domain/errors.js'
import type { Precondition, Revised } from '../domain/page.js'
import { json } from './values.js'

/**
 * What tells this state of a row from others: a digest of all that is shown of it. A counter would have to be kept by
 * everybody who writes, webhooks included.
 */
export const revisionOf = (row: object) => createHash('sha256').update(json(row)).digest('base64url').slice(0, 22)

export const revised = <R extends object>(row: R): Revised<R> => ({ ...row, revision: revisionOf(row) })

/** @throws PreconditionFailedError when the row is in none of the states that the change was made upon */
export function assertRevision(row: object, precondition: Precondition): void {
  if (precondition !== 'any' && !precondition.includes(revisionOf(row))) throw new PreconditionFailedError()
}
