import type { Answer, Client } from './client.js'
import { type Limit, limitsOf } from './limit-headers.js'
import { Failure } from './results.js'

/** A route that does little and counts like any other. */
export const countedPath = '/auth/me'

export interface Room {
  user: Limit
  tenant: Limit
}

/** Both limits that an answer tells of. @throws Failure when it tells of fewer */
export function roomOf(answer: Answer): Room {
  const { user, tenant } = limitsOf(answer)
  if (user && tenant) return { user, tenant }
  const header = answer.headers.get('ratelimit') ?? 'none'
  throw new Failure(`${answer.seen}, and RateLimit tells of no user and tenant: ${header}`)
}

/** Begins early in the windows of both limits, with something left of each: waits for the next ones if it must. */
export async function enterWindow(client: Client, token: string): Promise<Room> {
  for (let left = 2; ; left--) {
    const answer = await client.askPatiently(countedPath, { token })
    if (answer.status !== 200) throw new Failure(answer.seen)
    const { user, tenant } = roomOf(answer)
    const isEarly = [user, tenant].every(({ resetSeconds, windowSeconds }) => resetSeconds >= windowSeconds / 2)
    // The user's limit is to refuse before its company's does, wherever that is the smaller one.
    const isRoomy = user.remaining > 0 && (tenant.quota <= user.quota || tenant.remaining > user.remaining)
    if ((isEarly && isRoomy) || left === 0) return { user, tenant }
    await client.pause(Math.max(user.resetSeconds, tenant.resetSeconds) + 1, 'the limits are to begin anew')
  }
}

/** Asks until it is refused, at most so many times. */
export async function spend(client: Client, token: string, most: number) {
  for (let accepted = 0, last: Answer | undefined; ; accepted++) {
    const answer = await client.ask(countedPath, { token })
    if (answer.status === 429) return { accepted, last, refusal: answer }
    if (answer.status !== 200) throw new Failure(answer.seen)
    if (accepted === most) throw new Failure(`request ${most + 1} was still answered 200`)
    last = answer
  }
}
