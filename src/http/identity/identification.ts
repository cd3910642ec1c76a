import { UnauthorizedError } from '../../domain/errors.js'
import { type Caller, lesserRole, type Role } from '../../domain/identity.js'
import type { AppServices } from '../app-services.js'
import { type Identified, invalidToken } from './failure.js'
import { createKeyReader } from './keys.js'
import { createStanding } from './standing.js'
import { createTokenReader } from './tokens.js'

type Deps = Pick<AppServices, 'config' | 'identities' | 'apiKeys' | 'events' | 'limits'>

/** Who calls, by bearer token or API key; made once for a process, for requests and WebSockets alike. */
export function createIdentification({ config: { identity }, identities, apiKeys, events, limits: store }: Deps) {
  const tokens = createTokenReader({
    jwtSecret: identity.jwtSecret,
    clerk: identity.clerk,
    ofClerk: identities.ofClerk,
  })
  const standing = createStanding({ standingOf: identities.standingOf })

  async function byToken(token: string): Promise<Identified> {
    const identified = await tokens.read(token)
    // Of a Clerk token that was asked together with who the bearer is.
    if ('failure' in identified || tokens.isClerks(token)) return identified
    const { ended, role } = await standing.of(identified.caller)
    if (ended) return invalidToken('the user or the company is disabled, or the user is another company’s')
    return { caller: withRole(identified.caller, role) }
  }

  return { byToken, byKey: createKeyReader({ present: apiKeys.present, rate: identity.loginRate, store, events }) }
}

export type Identification = ReturnType<typeof createIdentification>

/** A token says the role of the day it was made; one that was taken away since counts no more. */
const withRole = (caller: Caller, role: Role | null): Caller =>
  role && caller.role ? { ...caller, role: lesserRole(caller.role, role) } : caller

/** A key and a token may name two callers: neither is taken. */
export const ambiguous = (): Identified => ({
  failure: {
    reason: 'a token and a key at once',
    error: new UnauthorizedError('send a bearer token or an API key, not both', 'credentials_ambiguous'),
    always: true,
  },
})
