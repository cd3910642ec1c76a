import { hash } from '@node-rs/argon2'
import { decodeJwt } from 'jose'
import pg from 'pg'
import request from 'supertest'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hashToCheck, isPassword } from '../../src/http/password.js'
import { createDatabase, type Database } from '../../src/store/database.js'
import { createRefreshTokenStore } from '../../src/store/refresh-tokens.js'
import { createUserStore } from '../../src/store/users.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { startApp, type TestApp, type TestAppOptions, tokenFor } from './harness.js'

const password = 'correct horse battery'
let testDatabase: TestDatabase
let database: Database
let admin: pg.Pool
let company: string
let passwordHash: string

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  database = createDatabase({ url: testDatabase.url, poolSize: 4 })
  admin = new pg.Pool({ connectionString: testDatabase.adminUrl, max: 1 })
  admin.on('error', () => undefined)
  passwordHash = await hash(password)
  const { rows } = await admin.query<{ id: string }>(
    `insert into companies (name) values ('Acme Genetics') returning id`,
  )
  company = rows[0]?.id ?? ''
})
afterAll(async () => {
  await database.destroy()
  await admin.end()
  await testDatabase.drop()
})

let people = 0
interface NewUser {
  role?: string
  hashed?: string | null
  disabled?: boolean
}
async function insertUser({ role = 'rep', hashed = passwordHash, disabled = false }: NewUser = {}) {
  const email = `Person.${++people}@acme.test`
  const { rows } = await admin.query<{ id: string }>(
    `insert into users (company_id, user_email, display_name, role, password_hash, disabled_at)
     values ($1, $2, 'Some Person', $3, $4, case when $5 then now() end) returning id`,
    [company, email, role, hashed, disabled],
  )
  return { id: rows[0]?.id ?? '', email }
}

let app: TestApp | undefined
async function start({ env = {}, services = {} }: TestAppOptions = {}): Promise<TestApp> {
  await app?.stop()
  const stores = { users: createUserStore(database), refreshTokens: createRefreshTokenStore(database) }
  app = await startApp({ env: { LOGIN_RATE_LIMIT: '1000/minute', ...env }, services: { ...stores, ...services } })
  return app
}
afterAll(() => app?.stop())

let url: string
beforeEach(async () => {
  url = (await start()).url
})

const login = (email: string, given = password) => request(url).post('/auth/login').send({ email, password: given })
const refresh = (token: unknown) =>
  request(url)
    .post('/auth/refresh')
    .send({ refresh_token: token as string })
const logout = (token: unknown) =>
  request(url)
    .post('/auth/logout')
    .send({ refresh_token: token as string })
const me = (token: unknown) => request(url).get('/auth/me').auth(String(token), { type: 'bearer' })

describe('POST /auth/login', () => {
  it('gives a token, a refresh token and the user, and forbids to store them', async () => {
    const { id, email } = await insertUser({ role: 'leadership' })
    const response = await login(email)
    expect([response.status, response.headers['cache-control']]).toEqual([200, 'no-store'])
    expect(response.body).toEqual({
      token: expect.any(String),
      refresh_token: expect.any(String),
      expires_in: 43_200,
      user: { id, email, display_name: 'Some Person', company_id: company, role: 'leadership' },
    })
    const claims = decodeJwt(response.body.token as string)
    expect(claims).toMatchObject({ sub: id, email, company_id: company, role: 'leadership' })
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(43_200)
    expect(app?.eventsNamed('auth:login:success')).toMatchObject([{ user_id: id, tenant_id: company }])
  })

  it('does not mind the case of the email, nor space around it', async () => {
    const { email } = await insertUser()
    expect((await login(`  ${email.toUpperCase()} `)).status).toBe(200)
  })

  it('stores no refresh token as it is', async () => {
    const { id, email } = await insertUser()
    const { body } = await login(email)
    const { rows } = await admin.query<{ token_hash: Buffer }>(
      'select token_hash from refresh_tokens where user_id = $1',
      [id],
    )
    expect(rows).toHaveLength(1)
    expect(rows[0]?.token_hash.toString()).not.toContain(body.refresh_token)
  })

  it('answers the same to an unknown email, a wrong password, a disabled user and one without a password', async () => {
    const [known, disabled, without] = [
      await insertUser(),
      await insertUser({ disabled: true }),
      await insertUser({ hashed: null }),
    ]
    const answers = [
      await login('nobody@acme.test'),
      await login(known.email, 'wrong'),
      await login(disabled.email),
      await login(without.email),
    ]
    const bodies = answers.map(({ status, headers, body }) => ({
      status,
      auth: headers['www-authenticate'],
      detail: body.detail,
      code: body.code,
    }))
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1)
    expect(bodies[0]).toMatchObject({ status: 401, code: 'login_failed', auth: 'Bearer' })
  })

  it('checks an unknown email against a hash of the same cost as a stored one, so that both take as long', async () => {
    const cost = (text: string) => /^\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$/.exec(text)?.[0]
    const stored = await hash('some password')
    expect(cost(stored)).toBeDefined()
    expect(cost(await hashToCheck(undefined))).toBe(cost(stored))
    expect(cost(await hashToCheck(null))).toBe(cost(stored))
    expect(await hashToCheck(stored)).toBe(stored)
    expect(await isPassword('', undefined)).toBe(false)
  })

  it.each([
    [{ email: 'no-at', password: 'x' }, ['/email']],
    [{ email: 'a@b' }, ['/password']],
    [{ email: 'a@b', password: '' }, ['/password']],
    [{ email: 'a@b', password: 'x'.repeat(2000) }, ['/password']],
    [{ email: 5, password: ['x'], otp: 1 }, ['/email', '/password', '/otp']],
  ])('answers 422 to %j', async (body, pointers) => {
    const response = await request(url).post('/auth/login').send(body)
    expect(response.status).toBe(422)
    expect((response.body.errors as { pointer: string }[]).map((error) => error.pointer)).toEqual(pointers)
  })

  it('writes neither email nor password nor token to the log', async () => {
    const { email } = await insertUser()
    const { body } = await login(email)
    await login(email, 'a-wrong-passw0rd')
    await me(body.token)
    for (const secret of [email, email.toLowerCase(), password, 'a-wrong-passw0rd', body.token, body.refresh_token])
      expect(app?.text()).not.toContain(secret)
  })

  it('answers 503 when the database is away', async () => {
    const away = createDatabase({ url: 'postgres://parley:x@127.0.0.1:1/parley', poolSize: 2, acquireTimeoutMs: 500 })
    const services = { users: createUserStore(away), refreshTokens: createRefreshTokenStore(away) }
    url = (await start({ services })).url
    const answers = [await login('a@acme.test'), await refresh('x'), await logout('x'), await me(await tokenFor())]
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(Array(4).fill([503, 'database_unavailable']))
    expect(answers[0]?.headers['retry-after']).toBeDefined()
    await away.destroy()
  })
})

describe('tries to log in', () => {
  it('are limited for each account, whatever its case, and for it alone', async () => {
    url = (await start({ env: { LOGIN_RATE_LIMIT: '3/minute', TRUST_PROXY: 'true' } })).url
    const [one, other] = [await insertUser(), await insertUser()]
    let address = 0
    const from = (email: string) => login(email, 'wrong').set('X-Forwarded-For', `192.0.2.${++address}`)
    for (let i = 0; i < 3; i++) expect((await from(i % 2 ? one.email.toUpperCase() : one.email)).status).toBe(401)
    const refused = await from(one.email)
    expect([refused.status, refused.body.code]).toEqual([429, 'rate_limited'])
    expect(refused.headers.ratelimit).toContain('"login-account";r=0')
    expect((await from(other.email)).status).toBe(401)
  })

  it('are limited for each address', async () => {
    url = (await start({ env: { LOGIN_RATE_LIMIT: '3/minute' } })).url
    for (let i = 0; i < 3; i++) expect((await login(`nobody${i}@acme.test`)).status).toBe(401)
    const refused = await login('nobody4@acme.test')
    expect(refused.status).toBe(429)
    expect(refused.headers['ratelimit-policy']).toBe('"anonymous";q=100000;w=60, "login-address";q=3;w=60')
  })
})

describe('POST /auth/refresh', () => {
  it('gives new tokens for the old, with the role that the user has now', async () => {
    const { id, email } = await insertUser({ role: 'rep' })
    const first = (await login(email)).body
    await admin.query(`update users set role = 'csr' where id = $1`, [id])
    const response = await refresh(first.refresh_token)
    expect([response.status, response.headers['cache-control']]).toEqual([200, 'no-store'])
    expect(response.body.refresh_token).not.toBe(first.refresh_token)
    expect(response.body.user).toMatchObject({ id, role: 'csr' })
    expect(decodeJwt(response.body.token as string)).toMatchObject({ sub: id, role: 'csr' })
    expect((await me(response.body.token)).status).toBe(200)
  })

  it('refuses a token that was used, and with it the whole family', async () => {
    const { id, email } = await insertUser()
    const other = (await login(email)).body.refresh_token
    const first = (await login(email)).body.refresh_token
    const second = (await refresh(first)).body.refresh_token
    const reused = await refresh(first)
    expect([reused.status, reused.body.code]).toEqual([401, 'refresh_token_invalid'])
    expect((await refresh(second)).status).toBe(401)
    expect(app?.eventsNamed('auth:refresh:reused')).toMatchObject([{ level: 'warn', user_id: id }])
    expect((await refresh(other)).status).toBe(200)
  })

  it('refuses an unknown one, an expired one, and one of a user who was disabled', async () => {
    const { id, email } = await insertUser()
    const [expired, disabled] = [(await login(email)).body.refresh_token, (await login(email)).body.refresh_token]
    expect((await refresh('unknown')).status).toBe(401)
    await admin.query(
      `update refresh_tokens set expires_at = now() - interval '1 second'
       where id = (select id from refresh_tokens where user_id = $1 order by id limit 1)`,
      [id],
    )
    expect((await refresh(expired)).status).toBe(401)
    await admin.query('update users set disabled_at = now() where id = $1', [id])
    expect((await refresh(disabled)).status).toBe(401)
  })

  it('answers 422 without a token', async () => {
    expect((await request(url).post('/auth/refresh')).status).toBe(422)
  })
})

describe('POST /auth/logout', () => {
  it('ends the family of the token, and minds neither a second time nor an unknown token', async () => {
    const { email } = await insertUser()
    const first = (await login(email)).body.refresh_token
    const second = (await refresh(first)).body.refresh_token
    const response = await logout(second)
    expect([response.status, response.text]).toEqual([204, ''])
    expect((await refresh(second)).status).toBe(401)
    expect((await logout(second)).status).toBe(204)
    expect((await logout('unknown')).status).toBe(204)
  })
})

describe('GET /auth/me', () => {
  it('answers the user as stored now', async () => {
    const { id, email } = await insertUser({ role: 'csr' })
    const { token } = (await login(email)).body
    await admin.query(`update users set display_name = 'New Name' where id = $1`, [id])
    const response = await me(token)
    expect(response.body).toEqual({ id, email, display_name: 'New Name', company_id: company, role: 'csr' })
  })

  it('refuses the token of a user who was disabled, or is not ours', async () => {
    const { id, email } = await insertUser()
    const { token } = (await login(email)).body
    await admin.query('update users set disabled_at = now() where id = $1', [id])
    expect((await me(token)).status).toBe(401)
    expect((await me(await tokenFor({ sub: 'somebody-else' }))).status).toBe(401)
    expect((await request(url).get('/auth/me')).body.code).toBe('token_missing')
  })
})
