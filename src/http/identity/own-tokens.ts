import { z } from 'zod'
import { type Caller, roles } from '../../domain/identity.js'
import { failureOf, type Identified, invalidToken } from './failure.js'
import { createJwtCheck } from './jwt-check.js'

const printable = z.string().regex(/^[^\p{C}]{1,320}$/u)
const claimsSchema = z.object({
  sub: printable,
  email: printable.optional(),
  company_id: z.guid().optional(),
  role: z.enum(roles).optional(),
  // A token that never ends is not one of ours.
  exp: z.number(),
  iat: z.number().optional(),
  // Ours name neither: one that does was made by or for somebody else, whatever it is signed with.
  iss: z.never().optional(),
  aud: z.never().optional(),
})

/** Accepts the tokens that POST /auth/login gives: HS256 with JWT_SECRET. */
export function createOwnTokens({ jwtSecret }: { jwtSecret: string }) {
  // Named algorithms only: `none` and a public key taken for an HMAC secret are refused before anything is compared.
  const check = createJwtCheck({ secret: jwtSecret, algorithms: ['HS256'] })
  return async (token: string): Promise<Identified> => {
    const checked = await check(token)
    if ('error' in checked) return failureOf(checked.error)
    const claims = claimsSchema.safeParse(checked.claims)
    if (!claims.success) return invalidToken(`claim ${claims.error.issues[0]?.path.join('.') ?? ''}`)
    return { caller: callerOf(claims.data) }
  }
}

const callerOf = ({ sub, email, company_id, role, exp }: z.output<typeof claimsSchema>): Caller => ({
  userId: sub,
  email,
  tenantId: company_id?.toLowerCase(),
  role,
  expiresAt: exp * 1000,
})
