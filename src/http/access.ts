import { ForbiddenError } from '../domain/errors.js'
import { type Actor, actorOf, type Caller, type Role } from '../domain/identity.js'
import type { BusinessEvents } from '../observability/events.js'
import { type AppContext, routeLabel } from './context.js'

/**
 * The caller within its company.
 * @throws ForbiddenError `tenant_missing` for a token that names no company
 */
export function tenantActor(caller: Caller | undefined): Actor {
  const actor = actorOf(caller)
  if (!actor) throw new ForbiddenError('the token names no company', 'tenant_missing')
  return actor
}

/**
 * Lets the named roles of a company pass.
 * @throws ForbiddenError `tenant_missing` or `role_missing`
 */
export function requireRole(
  caller: Caller | undefined,
  allowed: readonly Role[],
  { events, ctx }: { events: BusinessEvents; ctx: AppContext },
): void {
  const actor = tenantActor(caller)
  if (allowed.includes(actor.role)) return
  events.accessDenied({ ...actor, route: routeLabel(ctx), required: allowed }, ctx.state.log)
  throw roleMissing(actor.role, allowed)
}

/** The refusal of a role, as every route words it. */
export const roleMissing = (role: Role, allowed: readonly Role[]): ForbiddenError =>
  new ForbiddenError(`Access denied. Required roles: ${allowed.join(', ')}. User role: ${role}`, 'role_missing')
