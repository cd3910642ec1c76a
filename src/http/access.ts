import { ForbiddenError } from '../domain/errors.js'
import type { NewEvent } from '../domain/event.js'
import { type Actor, actorOf, type Caller, type Role } from '../domain/identity.js'
import type { BusinessEvents } from '../observability/events.js'
import { type AppContext, routeLabel } from './context.js'
import type { KeyScope } from './route.js'

/**
 * The caller within its company.
 * @throws ForbiddenError `tenant_missing` for a token that names no company
 */
export function tenantActor(caller: Caller | undefined): Actor {
  const actor = actorOf(caller)
  if (!actor) throw new ForbiddenError('the token names no company', 'tenant_missing')
  return actor
}

export interface AccessOptions {
  events: BusinessEvents
  /** The company's log, where its leadership finds who was refused what. */
  audit: { record(event: NewEvent): Promise<void> }
}

/**
 * Lets the named roles of a company pass.
 * @throws ForbiddenError `tenant_missing` or `role_missing`
 */
export async function requireRole(
  ctx: AppContext,
  { caller, allowed }: { caller: Caller | undefined; allowed: readonly Role[] },
  options: AccessOptions,
): Promise<void> {
  const actor = tenantActor(caller)
  if (allowed.includes(actor.role)) return
  await noteDenial(ctx, { actor, required: { required_roles: allowed } }, options)
  throw roleMissing(actor.role, allowed)
}

/**
 * Lets an API key pass that has what the route needs; false: no key may.
 * @throws ForbiddenError `scope_missing` or `key_not_allowed`
 */
export async function requireScope(
  ctx: AppContext,
  { caller, needed }: { caller: Caller; needed: KeyScope },
  options: AccessOptions,
): Promise<void> {
  if (needed === 'any' || (needed !== false && caller.key?.scopes.includes(needed))) return
  const actor = tenantActor(caller)
  await noteDenial(ctx, { actor, required: { required_scope: needed === false ? null : needed } }, options)
  if (needed === false) throw new ForbiddenError('Access denied. API keys are not accepted here', 'key_not_allowed')
  throw new ForbiddenError(`Access denied. Required scope: ${needed}`, 'scope_missing')
}

interface Denial {
  actor: Actor
  required: { required_roles: readonly Role[] } | { required_scope: string | null }
}

/** A refusal is no worse for not being written down: it stands, whatever becomes of its entry. */
async function noteDenial(ctx: AppContext, { actor, required }: Denial, { events, audit }: AccessOptions) {
  const { log, traceId } = ctx.state
  const where = { route: routeLabel(ctx), method: ctx.method, role: actor.role, ...required }
  events.accessDenied({ ...actor, ...where }, log)
  const { tenantId, userId } = actor
  const event = {
    event: 'identity.access.denied',
    severity: 'warning',
    tenantId,
    userId,
    traceId,
    data: where,
  } as const
  await audit.record(event).catch((error: unknown) => log.warn({ err: error }, 'a refusal was not written to the log'))
}

/** The refusal of a role, as every route words it. */
export const roleMissing = (role: Role, allowed: readonly Role[]): ForbiddenError =>
  new ForbiddenError(`Access denied. Required roles: ${allowed.join(', ')}. User role: ${role}`, 'role_missing')
