import jwt from 'koa-jwt'
import { z } from 'zod'
import { type Caller, roles } from '../../domain/identity.js'
import type { AppContext, AppMiddleware, TokenFailure } from '../context.js'

const printable = z.string().regex(/^[^\p{C}]{1,320}$/u)
const claimsSchema = z.object({
  sub: printable,
  email: printable.optional(),
  company_id: z.guid().optional(),
  role: z.enum(roles).optional(),
  // A token that never ends is not one of ours.
  exp: z.number(),
})

/** Learns who calls from the bearer token; whether a token is needed is each route's own matter. */
export function authentication({ jwtSecret }: { jwtSecret: string }): AppMiddleware {
  // Named algorithms only: `none` and a public key taken for an HMAC secret are refused before anything is compared.
  const verify = jwt({ secret: jwtSecret, algorithms: ['HS256'], passthrough: true })
  return async function authenticationMiddleware(ctx, next) {
    if (/^bearer /i.test(ctx.get('Authorization'))) await verify(ctx, async () => learnCaller(ctx))
    await next()
  }
}

function learnCaller(ctx: AppContext): void {
  const { state } = ctx
  if (state.jwtOriginalError) return void (state.tokenFailure = failureOf(state.jwtOriginalError))
  const claims = claimsSchema.safeParse(state.user)
  if (claims.success) state.caller = callerOf(claims.data)
  else state.tokenFailure = { code: 'token_invalid', reason: `claim ${claims.error.issues[0]?.path.join('.') ?? ''}` }
}

const callerOf = ({ sub, email, company_id, role, exp }: z.output<typeof claimsSchema>): Caller => ({
  userId: sub,
  email,
  tenantId: company_id?.toLowerCase(),
  role,
  expiresAt: exp * 1000,
})

const failureOf = (error: Error): TokenFailure => ({
  code: error.name === 'TokenExpiredError' ? 'token_expired' : 'token_invalid',
  reason: error.message,
})
