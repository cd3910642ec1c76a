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

/** A company that has no row refuses whatever would refer to it. */
export function asUnknownTenant(error: unknown): unknown {
  const { code, constraint } = (error ?? {}) as { code?: unknown; constraint?: unknown }
  return code === foreignKeyViolation && typeof constraint === 'string' && /_(tenant|company)_id_fkey$/.test(constraint)
    ? new ForbiddenError('the token names no known company', 'tenant_unknown')
    : error
}

/** What the database refused as the answer that it is; any other error as it is. */
export function asRefusal(error: unknown, refusals: Refusals = {}): unknown {
  const { code, constraint } = (error ?? {}) as { code?: unknown; constraint?: unknown }
  if (code === insufficientPrivilege) return new ForbiddenError('the row may not be changed like this', 'row_forbidden')
  const isConstraint = code === uniqueViolation || code === foreignKeyViolation || code === checkViolation
  if (!isConstraint || typeof constraint !== 'string') return error
  return refusals[constraint]?.() ?? asUnknownTenant(error)
}
