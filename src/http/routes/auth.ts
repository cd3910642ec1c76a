import { z } from 'zod'
import { UnauthorizedError } from '../../domain/errors.js'
import { type Caller, roles } from '../../domain/identity.js'
import type { Account, AppServices } from '../app-services.js'
import { emailField } from '../fields.js'
import { isPassword } from '../password.js'
import { addressKey, createRateLimit } from '../rate-limit.js'
import { type Incoming, type Route, route } from '../route.js'
import { createTokens } from '../tokens.js'

const userSchema = z
  .object({
    id: z.string(),
    email: z.string(),
    display_name: z.string(),
    company_id: z.string(),
    role: z.enum(roles),
  })
  .meta({
    id: 'User',
    example: {
      id: '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d77',
      email: 'lead@acme.test',
      display_name: 'Lea Lead',
      company_id: '0199a3c2-6d1e-7000-8000-000000000001',
      role: 'leadership',
    },
  })

const meSchema = userSchema
  .extend({
    email: z.string().nullable().meta({ description: 'Null of an API key' }),
    scopes: z.array(z.string()).optional().meta({ description: 'Of an API key: what it may do' }),
  })
  .meta({ id: 'Me' })

const loginSchema = z
  .object({
    token: z.string().meta({ description: 'Access token, HS256' }),
    refresh_token: z.string().meta({ description: 'Good for one POST /auth/refresh' }),
    expires_in: z.int().meta({ description: 'Life of the access token in seconds' }),
    user: userSchema,
  })
  .meta({ id: 'Login' })

const credentialsSchema = z
  .strictObject({
    email: emailField,
    password: z.string().min(1, 'must not be empty').max(1024),
  })
  .meta({ id: 'Credentials', example: { email: 'lead@acme.test', password: 'parley-demo' } })

const refreshSchema = z.strictObject({ refresh_token: z.string().min(1, 'must not be empty').max(512) })

const noStore = { 'Cache-Control': 'no-store' }
const tags = ['identity']

const presentUser = ({ id, email, displayName, companyId, role }: Account) => ({
  id,
  email,
  display_name: displayName,
  company_id: companyId,
  role,
})

const presentKey = ({ userId, tenantId = '', role = 'rep', key }: Caller) => ({
  id: userId,
  email: null,
  display_name: key?.name ?? '',
  company_id: tenantId,
  role,
  scopes: [...(key?.scopes ?? [])],
})

type Deps = Pick<AppServices, 'config' | 'users' | 'refreshTokens' | 'events' | 'audit' | 'limits'>

/** Login by password, and what keeps it alive. */
export function authRoutes({ config, users, refreshTokens, events, audit, limits: store }: Deps): Route[] {
  const { identity } = config
  const tokens = createTokens(identity)
  const perAddress = createRateLimit({ name: 'login-address', rate: identity.loginRate, store, events })
  const perAccount = createRateLimit({ name: 'login-account', rate: identity.loginRate, store, events })

  async function limitTries({ ctx, address }: Incoming, email: string): Promise<void> {
    await perAddress.consume(ctx, addressKey(address))
    await perAccount.consume(ctx, email.toLowerCase())
  }

  /**
   * Whose account it was is told to the account's company; an email of nobody is nobody's to hear of. Nobody waits for
   * it: the time of the answer would tell which emails are known.
   */
  function noteFailure({ log, traceId }: Incoming, account: Account | undefined, reason: string): void {
    events.loginFailed({ reason }, log)
    if (!account) return
    const who = { tenantId: account.companyId, userId: account.id, traceId }
    audit
      .record({ event: 'identity.login.failed', severity: 'warning', ...who, data: { reason } })
      .catch((error: unknown) => log.warn({ err: error }, 'a refused login was not written to the log'))
  }

  /** PostgreSQL makes an i of İ, and we do not: another spelling that is counted apart must not find the account. */
  async function accountOf(email: string) {
    const found = await users.findForLogin(email)
    return found?.email.toLowerCase() === email.toLowerCase() ? found : undefined
  }

  async function answerLogin(account: Account, refreshToken: string) {
    const { token, expiresInSeconds } = await tokens.sign(account)
    const body = { token, refresh_token: refreshToken, expires_in: expiresInSeconds, user: presentUser(account) }
    return { status: 200 as const, headers: noStore, body }
  }

  async function activeUser(id: string): Promise<Account> {
    const account = await users.findById(id)
    if (account && !account.disabledAt) return account
    throw new UnauthorizedError('the user of this token is unknown or disabled', 'token_invalid')
  }

  return [
    route({
      method: 'post',
      path: '/auth/login',
      operationId: 'login',
      summary: 'Log in by email and password',
      tags,
      auth: 'none',
      request: { body: credentialsSchema },
      responses: {
        200: { description: 'Logged in', schema: loginSchema },
        401: { description: 'Email or password is wrong, or the user is disabled' },
        429: { description: 'Too many tries from this address or for this account' },
      },
      async handler(incoming) {
        const { email, password } = incoming.body
        await limitTries(incoming, email)
        const account = await accountOf(email)
        const correct = await isPassword(password, account?.passwordHash)
        if (!account || !correct || account.disabledAt) {
          noteFailure(incoming, account, !account ? 'unknown email' : correct ? 'disabled' : 'wrong password')
          throw new UnauthorizedError('email or password is wrong', 'login_failed')
        }
        const owner = { userId: account.id, tenantId: account.companyId }
        const expiresAt = new Date(Date.now() + identity.refreshExpSeconds * 1000)
        const event = { event: 'identity.login.succeeded', ...owner, traceId: incoming.traceId, data: {} } as const
        const refresh = await refreshTokens.issue({ ...owner, expiresAt, event })
        events.loginSucceeded(owner, incoming.log)
        return await answerLogin(account, refresh.token)
      },
    }),
    route({
      method: 'post',
      path: '/auth/refresh',
      operationId: 'refresh',
      summary: 'Exchange a refresh token for new tokens',
      description:
        'Each refresh token is good for one exchange; a second use revokes every token that came of its login.',
      tags,
      auth: 'none',
      request: { body: refreshSchema },
      responses: {
        200: { description: 'New tokens', schema: loginSchema },
        401: { description: 'The refresh token is unknown, expired, revoked or was used before' },
      },
      async handler({ body, log, traceId }) {
        const rotation = await refreshTokens.rotate(body.refresh_token, { traceId })
        if (rotation.state === 'reused') events.refreshReused(rotation, log)
        if (rotation.state !== 'rotated')
          throw new UnauthorizedError('the refresh token is not valid', 'refresh_token_invalid')
        return await answerLogin(await activeUser(rotation.userId), rotation.token)
      },
    }),
    route({
      method: 'post',
      path: '/auth/logout',
      operationId: 'logout',
      summary: 'Revoke a refresh token and what came of it',
      tags,
      auth: 'none',
      request: { body: refreshSchema },
      responses: { 204: { description: 'Revoked, or already unknown' } },
      async handler({ body, traceId }) {
        await refreshTokens.revokeByToken(body.refresh_token, traceId)
        return { status: 204 }
      },
    }),
    route({
      method: 'get',
      path: '/auth/me',
      operationId: 'me',
      summary: 'The user of the token, or the API key',
      tags,
      auth: 'required',
      anyRole: 'everybody may ask who they are',
      keyScope: 'any',
      responses: { 200: { description: 'The user as stored now', schema: meSchema } },
      async handler({ caller }) {
        const body = caller.key ? presentKey(caller) : presentUser(await activeUser(caller.userId))
        return { status: 200, headers: noStore, body }
      },
    }),
  ]
}
