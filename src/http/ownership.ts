import { NotFoundError } from '../domain/errors.js'
import type { Actor, Role } from '../domain/identity.js'
import { roleMissing } from './access.js'

/**
 * Who may give things to whom: everybody to themselves, and the named roles to anybody of the company.
 * @throws ForbiddenError role_missing
 */
export function assertMayAssign(actor: Actor, owner: string | null | undefined, assigners: readonly Role[]): void {
  if (owner === undefined || owner === actor.userId || assigners.includes(actor.role)) return
  throw roleMissing(actor.role, assigners)
}

/**
 * A company's own things are found by its own people only: another's id is as unknown as one that nobody has.
 * @throws NotFoundError
 */
export function requireTenantOwnership({ tenantId }: Actor, companyId: string): void {
  if (tenantId.toLowerCase() !== companyId.toLowerCase()) throw new NotFoundError('no such company')
}
