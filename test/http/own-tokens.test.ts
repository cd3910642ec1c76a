import { createHmac, generateKeyPairSync } from 'node:crypto'
import { type JWTPayload, SignJWT } from 'jose'
import request from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import { acme, borealis, demoPassword } from '../store/world.js'
import { secret } from './harness.js'
import { type IdentityWorld, startIdentity, tokenOf } from './identity-world.js'
import { whoami, whoseCompany } from './whoami.js'

let world: IdentityWorld
beforeAll(async () => {
  world = await startIdentity({ routes: () => [whoami('required'), whoami('optional'), whoseCompany] })
})
afterAll(() => world.close())

const ask = (token: string, path = '/company', url = world.app.url) =>
  request(url).get(path).set('Authorization', `Bearer ${token}`)

const now = () => Math.floor(Date.now() / 1000)
const claims = () => ({
  sub: seedUsers.acmeLead.id,
  email: 'lead@acme.test',
  company_id: acme,
  role: 'leadership',
  iat: now(),
  exp: now() + 60,
})
const sign = (changes: JWTPayload = {}, header: object = {}) =>
  new SignJWT({ ...claims(), ...changes })
    .setProtectedHeader({ alg: 'HS256', ...header })
    .sign(new TextEncoder().encode(secret))

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const publicPem = publicKey.export({ type: 'spki', format: 'pem' })
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Tokens by whoever has not the secret, or that were made for another purpose with it. */
const attacks: Record<string, () => Promise<string> | string> = {
  'of alg None, written in another case': () => `${base64({ alg: 'None' })}.${base64(claims())}.`,
  'of alg nOnE with a signature': () => `${base64({ alg: 'nOnE' })}.${base64(claims())}.AAAA`,
  'without a signature': async () => (await sign()).replace(/[^.]+$/, ''),
  'signed RS256, its key in the header': () =>
    new SignJWT(claims())
      .setProtectedHeader({ alg: 'RS256', jwk: publicKey.export({ format: 'jwk' }) })
      .sign(privateKey),
  'signed with a public key as HMAC secret': () => {
    const head = `${base64({ alg: 'HS256' })}.${base64(claims())}`
    return `${head}.${createHmac('sha256', publicPem).update(head).digest('base64url')}`
  },
  'signed with an empty secret': () => {
    const head = `${base64({ alg: 'HS256', kid: '/dev/null' })}.${base64(claims())}`
    return `${head}.${createHmac('sha256', '').update(head).digest('base64url')}`
  },
  'of an issuer that is nobody’s': () => sign({ iss: 'https://evil.test' }),
  'made for another audience': () => sign({ aud: 'https://other.test' }),
  'that is not valid yet': () => sign({ nbf: now() + 60 }),
  'that ends at a word': () => sign({ exp: 'tomorrow' as never }),
  'with a critical extension': () => sign({}, { crit: ['b64'], b64: true }),
  'whose claims are no object': () => {
    const head = `${base64({ alg: 'HS256' })}.${base64('admin')}`
    return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`
  },
  'of a company in a list': () => sign({ company_id: [acme] }),
  'with a subject of control characters': () => sign({ sub: 'a\u0000b' }),
}

describe('a token of ours @multitenant', () => {
  it.each(Object.entries(attacks))('%s is refused', async (_, make) => {
    const token = await make()
    const { status, body } = await ask(token)
    expect([status, body.code]).toEqual([401, 'token_invalid'])
    expect((await ask(token, '/who/optional')).body).toEqual({ caller: null })
  })

  it.each([
    { kid: '../../../../etc/passwd' },
    { kid: `' or 1=1 --` },
    { jku: 'http://127.0.0.1:1/keys' },
    { x5u: 'http://127.0.0.1:1/cert' },
    { jwk: { kty: 'oct', k: 'AAAA' } },
  ])('is checked by our secret alone, whatever its header says: %j', async (header) => {
    expect((await ask(await sign({}, header))).status).toBe(200)
    const forged = await new SignJWT(claims())
      .setProtectedHeader({ alg: 'HS256', ...header })
      .sign(new TextEncoder().encode('AAAA'.repeat(10)))
    expect((await ask(forged)).status).toBe(401)
  })

  it('that comes with an API key is refused: they may name two callers', async () => {
    const { status, body } = await ask(await sign()).set('X-API-Key', `plk_${'a'.repeat(43)}`)
    expect([status, body.code]).toEqual([401, 'credentials_ambiguous'])
  })

  it('says which company; a body, a query and headers say nothing', async () => {
    const headers = {
      'X-Tenant-Id': borealis,
      'X-Company-Id': borealis,
      'X-Organization-Id': borealis,
      'X-User-Role': 'rep',
    }
    const { body } = await request(world.app.url)
      .get(`/company?tenant_id=${borealis}&company_id=${borealis}&role=rep`)
      .set('Authorization', `Bearer ${await sign()}`)
      .set(headers)
    expect(body).toEqual({ actor: { tenantId: acme, userId: seedUsers.acmeLead.id, role: 'leadership' } })
  })
})

describe('the token of a user who has changed since @multitenant', () => {
  const actorOf = async (token: string) => {
    const { body } = (await ask(token)) as { body: { actor?: { role: string }; code?: string } }
    return body.actor?.role ?? body.code
  }
  const set = (column: string, id: string, value: string) =>
    world.admin(`update users set ${column} = $2 where id = $1`, [id, value])

  it('says no more than the role that the user has now', async () => {
    const { id } = seedUsers.acmeCsr
    const token = await tokenOf('acmeCsr')
    expect(await actorOf(token)).toBe('csr')
    await set('role', id, 'rep')
    await expect.poll(() => actorOf(token), { timeout: 15_000, interval: 250 }).toBe('rep')
    await set('role', id, 'leadership')
    await expect.poll(() => actorOf(token), { timeout: 15_000, interval: 250 }).toBe('csr')
    await set('role', id, 'csr')
  })

  it('is refused once the user is another company’s', async () => {
    const token = await tokenOf('acmeCsr')
    expect((await ask(token)).status).toBe(200)
    expect(await actorOf(await sign({ sub: seedUsers.acmeCsr.id, role: 'csr', company_id: borealis }))).toBe(
      'token_invalid',
    )
    await set('company_id', seedUsers.acmeCsr.id, borealis)
    await expect.poll(() => actorOf(token), { timeout: 15_000, interval: 250 }).toBe('token_invalid')
    await set('company_id', seedUsers.acmeCsr.id, acme)
  })
})

describe('the token of a user who was disabled @multitenant', () => {
  const disable = (id: string) => world.admin('update users set disabled_at = now() where id = $1', [id])

  it('stops working, on the routes of the company and on all others', async () => {
    const token = await tokenOf('acmeRep')
    await disable(seedUsers.acmeRep.id)
    const { status, body } = await ask(token)
    expect([status, body.code]).toEqual([401, 'token_invalid'])
    expect((await ask(token, '/who/required')).status).toBe(401)
    expect((await ask(token, '/who/optional')).body).toEqual({ caller: null })
    expect((await ask(token, '/auth/me')).status).toBe(401)
  })

  it('stops working within seconds when it was in use', async () => {
    const token = await tokenOf('acmeRep2')
    expect((await ask(token)).status).toBe(200)
    await disable(seedUsers.acmeRep2.id)
    await expect.poll(async () => (await ask(token)).status, { timeout: 15_000, interval: 250 }).toBe(401)
  })

  it('of a company that is no more stops as well, and nobody gets another', async () => {
    const send = (path: string, body: object) => request(world.app.url).post(path).send(body)
    const credentials = { email: seedUsers.borealisLead.email, password: demoPassword }
    const { body } = await send('/auth/login', credentials)
    const { refresh_token } = body as { refresh_token: string }
    await world.admin('update companies set disabled_at = now() where id = $1', [borealis])
    expect((await ask(await tokenOf('borealisLead'))).status).toBe(401)
    expect((await send('/auth/refresh', { refresh_token })).status).toBe(401)
    const again = await send('/auth/login', credentials)
    expect([again.status, again.body.code]).toEqual([401, 'login_failed'])
  })

  it('goes on for somebody who is not among our users: the secret’s owner signed it', async () => {
    expect((await ask(await sign({ sub: 'crm-user-7' }))).body.actor).toMatchObject({ userId: 'crm-user-7' })
  })
})
