import type jwt from 'koa-jwt'
import { z } from 'zod'
import { type ClerkBearer, roleOfClerk } from '../../domain/identity.js'
import type { ClerkConfig } from '../app-services.js'
import { createClerkKeys } from './clerk-keys.js'
import { failureOf, type Identified, invalidToken } from './failure.js'
import { createJwtCheck } from './jwt-check.js'
import { createRecent } from './recent.js'

interface ClerkTokensOptions {
  config: ClerkConfig
  ofClerk: (who: { clerkUserId: string; organizationId: string | undefined }) => Promise<ClerkBearer>
  /** How long what we know of the user counts, in milliseconds. */
  ttlMs?: number
  cooldownMs?: number
}

/** Clerk's machines and ours may differ by so many seconds; Clerk's own libraries allow the same. */
const clockToleranceSeconds = 5

const id = z.string().regex(/^[\w.-]{1,200}$/)
const claimsSchema = z.object({
  sub: id,
  exp: z.number(),
  iat: z.number(),
  aud: z.union([z.string(), z.array(z.string())]).optional(),
  azp: z.string().optional(),
  // Signed in, but something is still to be done: Clerk counts such a session as none.
  sts: z.string().optional(),
  // Version 1 of the claims, then version 2.
  org_id: id.optional(),
  org_role: z.string().optional(),
  o: z.object({ id, rol: z.string().optional() }).optional(),
})

type Claims = z.output<typeof claimsSchema>

/** Accepts Clerk's session tokens: RS256 by its published keys; the organisation is the tenant. */
export function createClerkTokens({ config, ofClerk, ttlMs = 3000, cooldownMs }: ClerkTokensOptions) {
  const { issuer, jwksUrl, secretKey } = config
  const keys = createClerkKeys({ jwksUrl, secretKey, ...(cooldownMs === undefined ? {} : { cooldownMs }) })
  const check = createJwtCheck({
    secret: keys as jwt.SecretLoader,
    algorithms: ['RS256'],
    issuer,
    clockTolerance: clockToleranceSeconds,
  })
  const bearers = createRecent<ClerkBearer>({ ttlMs, maxEntries: 10_000 })

  async function identify(claims: Claims): Promise<Identified> {
    const organizationId = claims.o?.id ?? claims.org_id
    const who = { clerkUserId: claims.sub, organizationId }
    const { userId, email, tenantId, disabled } = await bearers.get(`${claims.sub} ${organizationId ?? ''}`, () =>
      ofClerk(who),
    )
    if (disabled) return invalidToken('the user or the company is disabled')
    const caller = { userId: userId ?? claims.sub, email: email ?? undefined, expiresAt: claims.exp * 1000 }
    // Of a company the caller is only as its user: whom the mirror has not brought yet, or has in another company, has none.
    if (tenantId === null || userId === null) return { caller }
    return { caller: { ...caller, tenantId, role: roleOf(claims) } }
  }

  return async (token: string): Promise<Identified> => {
    const checked = await check(token)
    if ('error' in checked) return failureOf(checked.error)
    const claims = claimsSchema.safeParse(checked.claims)
    if (!claims.success) return invalidToken(`claim ${claims.error.issues[0]?.path.join('.') ?? ''}`)
    const refusal = refusalOf(claims.data, config)
    if (refusal !== undefined) return invalidToken(refusal)
    return await identify(claims.data).catch(failureOf)
  }
}

/** Version 2 leaves out the `org:` that version 1 has before a role. */
const roleOf = ({ o, org_role }: Claims) => roleOfClerk(o ? `org:${(o.rol ?? '').replace(/^org:/, '')}` : org_role)

function refusalOf(claims: Claims, { audience, authorizedParties }: ClerkConfig): string | undefined {
  if (claims.sts !== undefined && claims.sts !== 'active') return `claim sts: ${claims.sts.slice(0, 20)}`
  if (claims.iat > Date.now() / 1000 + clockToleranceSeconds) return 'claim iat: in the future'
  const named = claims.aud === undefined ? [] : [claims.aud].flat()
  // A token made for somebody else is not for us, and where we have a name it has to be said.
  if ((named.length > 0 || audience.length > 0) && !named.some((one) => audience.includes(one))) return 'claim aud'
  const foreign = claims.azp !== undefined && authorizedParties.length > 0 && !authorizedParties.includes(claims.azp)
  return foreign ? 'claim azp' : undefined
}
