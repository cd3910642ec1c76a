import { createHmac, generateKeyPairSync } from 'node:crypto'
import { SignJWT } from 'jose'
import request from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RouteAuth } from '../../src/http/route.js'
import { companyId, secret, startApp, type TestApp, tokenFor, userId } from './harness.js'
import { whoami } from './whoami.js'

let app: TestApp
beforeAll(async () => {
  app = await startApp({ routes: [whoami('none'), whoami('optional'), whoami('required')] })
})
afterAll(() => app.stop())

const ask = (auth: RouteAuth, token?: string) => {
  const asked = request(app.url).get(`/who/${auth}`)
  return token === undefined ? asked : asked.set('Authorization', `Bearer ${token}`)
}

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const claims = { sub: userId, exp: Math.floor(Date.now() / 1000) + 60 }

/** Tokens that must not be accepted, each with the code that it is refused by. */
const badTokens: Record<string, () => Promise<string> | string> = {
  'forged with another secret': () => tokenFor({}, { key: 'another-secret-of-more-than-32-bytes-length' }),
  'of alg none': () => `${base64({ alg: 'none', typ: 'JWT' })}.${base64(claims)}.`,
  'of alg none, signed all the same': () => {
    const head = `${base64({ alg: 'none' })}.${base64(claims)}`
    return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`
  },
  'signed with RS256 instead': async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    return await new SignJWT({ sub: userId })
      .setProtectedHeader({ alg: 'RS256' })
      .setExpirationTime('1m')
      .sign(privateKey)
  },
  'signed with HS512 instead': () => {
    const head = `${base64({ alg: 'HS512' })}.${base64(claims)}`
    return `${head}.${createHmac('sha512', secret).update(head).digest('base64url')}`
  },
  'whose payload was changed': async () => {
    const [head, , signature] = (await tokenFor()).split('.')
    return `${head}.${base64({ ...claims, role: 'leadership', company_id: companyId })}.${signature}`
  },
  'that never ends': () => tokenFor({}, { expiresInSeconds: null }),
  'without a subject': () => tokenFor({ sub: '' }),
  'of a company that is no id': () => tokenFor({ company_id: "x'; drop table users" }),
  'of a role that does not exist': () => tokenFor({ role: 'root' }),
  'that is garbage': () => 'garbage',
  'of two words': () => 'two words',
}

describe('a route that needs a token', () => {
  it('takes a valid one', async () => {
    const response = await ask('required', await tokenFor())
    expect(response.status).toBe(200)
    expect(response.body).toEqual({
      caller: {
        ...{ userId, email: 'lead@acme.test', tenantId: companyId, role: 'leadership' },
        expiresAt: expect.any(Number) as number,
      },
    })
  })

  it('takes one without a company, whose bearer has no tenant', async () => {
    const token = await new SignJWT({ sub: 'somebody' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('1m')
      .sign(new TextEncoder().encode(secret))
    expect((await ask('required', token)).body).toEqual({
      caller: { userId: 'somebody', expiresAt: expect.any(Number) as number },
    })
  })

  it('says 401 and how to authenticate when none came', async () => {
    const response = await ask('required')
    expect([response.status, response.body.code]).toEqual([401, 'token_missing'])
    expect(response.headers['www-authenticate']).toBe('Bearer')
  })

  it('takes Basic credentials for none', async () => {
    const response = await request(app.url).get('/who/required').auth('lead@acme.test', 'parley-demo')
    expect([response.status, response.body.code]).toEqual([401, 'token_missing'])
  })

  it('says that a token has expired', async () => {
    const response = await ask('required', await tokenFor({}, { expiresInSeconds: -1 }))
    expect([response.status, response.body.code]).toEqual([401, 'token_expired'])
    expect(response.headers['www-authenticate']).toContain('error="invalid_token"')
  })

  it.each(Object.entries(badTokens))('refuses a token %s', async (_, make) => {
    const response = await ask('required', await make())
    expect([response.status, response.body.code]).toEqual([401, 'token_invalid'])
    expect(response.headers['www-authenticate']).toContain('Bearer error=')
  })
})

describe('a route that may do without a token', () => {
  it('knows who calls with a valid one, and logs jwt:valid', async () => {
    const response = await ask('optional', await tokenFor()).set('X-Request-Id', 'valid-1')
    expect(response.body).toMatchObject({ caller: { userId } })
    expect(app.eventsNamed('jwt:valid').find((line) => line.request_id === 'valid-1')).toMatchObject({
      user_id: userId,
      tenant_id: companyId,
    })
  })

  it('goes on without one, and logs nothing of tokens', async () => {
    const response = await ask('optional').set('X-Request-Id', 'none-1')
    expect(response.body).toEqual({ caller: null })
    expect(app.lines.filter((line) => line.request_id === 'none-1' && String(line.event).startsWith('jwt:'))).toEqual(
      [],
    )
  })

  it.each(Object.entries({ 'that has expired': () => tokenFor({}, { expiresInSeconds: -1 }), ...badTokens }))(
    'treats a token %s as absent, and logs why',
    async (name, make) => {
      const id = `invalid-${name.replace(/\W/g, '')}`
      const response = await ask('optional', await make()).set('X-Request-Id', id)
      expect([response.status, response.body]).toEqual([200, { caller: null }])
      const [line] = app.eventsNamed('jwt:invalid_token').filter((logged) => logged.request_id === id)
      expect(line?.reason).toMatch(/\w/)
    },
  )
})

describe('a route for everybody', () => {
  it('does not care for tokens', async () => {
    const response = await ask('none', 'garbage').set('X-Request-Id', 'open-1')
    expect(response.body).toEqual({ caller: null })
    expect(app.lines.filter((line) => line.request_id === 'open-1' && line.event)).toEqual([])
  })
})
