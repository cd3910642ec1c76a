import { ConflictError, ForbiddenError, InvalidRequestError } from '../domain/errors.js'

/** The answer to what a constraint of the database refuses, by the constraint's name. */
export type Refusals = Readonly<Record<string, () => Error>>

export const invalidField = (pointer: string, detail: string) =>
  new InvalidRequestError(`${pointer}: ${detail}`, [{ pointer, detail }])

export const conflict = (detail: string, code: string) => new ConflictError(detail, code)

const uniqueViolation = '23505'
const foreignKeyViolation = '23503'
const checkViolation = '23514'
const insufficientPrivilege = '42501'

/** What the database refused as the answer that it is; any other error as it is. */
export function asRefusal(error: unknown, refusals: Refusals = {}): unknown {
  const { code, constraint } = (error ?? {}) as { code?: unknown; constraint?: unknown }
  if (code === insufficientPrivilege) return new ForbiddenError('the row may not be changed like this', 'row_forbidden')
  const isConstraint = code === uniqueViolation || code === foreignKeyViolation || code === checkViolation
  if (!isConstraint || typeof constraint !== 'string') return error
  if (constraint.endsWith('_tenant_id_fkey') || constraint.endsWith('_company_id_fkey'))
    return new ForbiddenError('the token names no known company', 'tenant_unknown')
  return refusals[constraint]?.() ?? error
}
