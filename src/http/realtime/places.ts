import type { Actor } from '../../domain/identity.js'
import type { StandingWatch } from './standing-watch.js'

/** Counts what each user or key has open here, WebSockets and streams together, as they are watched. */
export function createPlaces({ maxPerUser, watch }: { maxPerUser: number; watch: StandingWatch }) {
  const taken = new Map<string, number>()
  const takenBy = (actor: Actor) => taken.get(keyOf(actor)) ?? 0

  function count(actor: Actor, change: 1 | -1): void {
    const now = takenBy(actor) + change
    if (now > 0) taken.set(keyOf(actor), now)
    else taken.delete(keyOf(actor))
  }

  return {
    maxPerUser,
    hasRoom: (actor: Actor): boolean => takenBy(actor) < maxPerUser,
    watch: ((actor, end) => {
      const unwatch = watch(actor, end)
      count(actor, 1)
      return () => {
        unwatch()
        count(actor, -1)
      }
    }) satisfies StandingWatch,
  }
}

const keyOf = ({ tenantId, userId }: Actor) => `${tenantId} ${userId}`
