import { ForbiddenError } from '../domain/errors.js'
import { type Actor, actorOf, type Caller } from '../domain/identity.js'

/**
 * The caller as an actor of leadership.
 * @throws ForbiddenError for any other role, and for a token that names no company
 */
export function leaderOf(caller: Caller): Actor {
  const actor = actorOf(caller)
  if (!actor) throw new ForbiddenError('the token names no company', 'tenant_missing')
  if (actor.role !== 'leadership') throw new ForbiddenError('this needs the role leadership', 'role_missing')
  return actor
}
