import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import request from 'supertest'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import { acme, borealis } from '../store/world.js'
import { createSigningKey, type Issuer, type SigningKey, startIssuer } from '../support/jwks.js'
import { secret, type TestApp, tokenFor } from './harness.js'
import { type IdentityWorld, startIdentity } from './identity-world.js'
import { whoami, whoseCompany } from './whoami.js'

const now = () => Math.floor(Date.now() / 1000)
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

let issuer: Issuer
let stranger: SigningKey
let world: IdentityWorld
const more: TestApp[] = []

beforeAll(async () => {
  issuer = await startIssuer()
  stranger = await createSigningKey('ins_first')
  world = await startIdentity({
    env: { CLERK_ISSUER: issuer.issuer, CLERK_AUTHORIZED_PARTIES: 'https://app.acme.test' },
    routes: () => [whoami('required'), whoami('optional'), whoami('none'), whoseCompany],
  })
  await world.admin(`update users set clerk_user_id = 'user_1' where id = $1`, [seedUsers.acmeCsr.id])
  await world.admin(
    `insert into integrations (tenant_id, provider, account) values ($1, 'clerk', 'org_acme'), ($2, 'clerk', 'org_borealis')`,
    [acme, borealis],
  )
})
afterEach(() => issuer.answer('keys'))
afterAll(async () => {
  for (const app of more) await app.stop()
  await world.close()
  await issuer.stop()
})

/** Another process, whose keys are not fetched yet. */
async function startAnother(env: Record<string, string> = {}): Promise<string> {
  const app = await world.start(env)
  more.push(app)
  return app.url
}

const ask = (token: string, path = '/who/required', url = world.app.url) =>
  request(url).get(path).set('Authorization', `Bearer ${token}`)
const inAcme = { org_id: 'org_acme', org_role: 'org:admin', azp: 'https://app.acme.test' }

describe('a token of Clerk @integration', () => {
  it('is its user of ours, in the company of its organisation, with the role of its membership', async () => {
    const { status, body } = await ask(await issuer.sign(inAcme))
    expect(status).toBe(200)
    expect(body.caller).toEqual({
      userId: seedUsers.acmeCsr.id,
      email: 'csr@acme.test',
      tenantId: acme,
      role: 'leadership',
      expiresAt: expect.any(Number) as number,
    })
  })

  it.each([
    [{ org_id: 'org_acme', org_role: 'org:member' }, 'rep'],
    [{ org_id: 'org_acme', org_role: 'org:csr' }, 'csr'],
    [{ org_id: 'org_acme' }, 'rep'],
    [{ o: { id: 'org_acme', rol: 'admin' }, v: 2 }, 'leadership'],
    [{ o: { id: 'org_acme', rol: 'csr' }, v: 2 }, 'csr'],
    [{ o: { id: 'org_acme', rol: 'member' }, org_role: 'org:admin', v: 2 }, 'rep'],
    [{ o: { id: 'org_acme' }, v: 2 }, 'rep'],
  ])('with %j has the role %s', async (claims, role) => {
    const { body } = await ask(await issuer.sign(claims), '/company')
    expect(body).toEqual({ actor: { tenantId: acme, userId: seedUsers.acmeCsr.id, role } })
  })

  it.each([
    ['without an organisation', {}],
    ['of an organisation that is nobody’s', { org_id: 'org_unknown', org_role: 'org:admin' }],
    ['of a company that has the user not', { org_id: 'org_borealis', org_role: 'org:admin' }],
    ['of a user that the mirror has not brought yet', { ...inAcme, sub: 'user_new' }],
  ])('%s has no company, and is refused where one is needed', async (_, claims) => {
    const token = await issuer.sign(claims)
    expect((await ask(token)).body.caller.tenantId).toBeUndefined()
    const { status, body } = await ask(token, '/company')
    expect([status, body.code]).toEqual([403, 'tenant_missing'])
  })

  it('is who GET /auth/me answers with', async () => {
    const { status, body } = await ask(await issuer.sign(inAcme), '/auth/me')
    expect([status, body]).toEqual([
      200,
      {
        id: seedUsers.acmeCsr.id,
        email: 'csr@acme.test',
        display_name: 'Chien-Shiung Wu',
        company_id: acme,
        role: 'csr',
      },
    ])
  })

  it('stands beside our own, which go on as they were', async () => {
    expect((await ask(await tokenFor())).status).toBe(200)
  })

  it('is nothing here when neither variable is set', async () => {
    const url = await startAnother({ CLERK_ISSUER: '' })
    const before = issuer.seen.length
    expect((await ask(await issuer.sign(inAcme), '/who/required', url)).body.code).toBe('token_invalid')
    expect(issuer.seen.length).toBe(before)
  })

  it('allows the clocks to differ by a few seconds', async () => {
    expect((await ask(await issuer.sign({ ...inAcme, nbf: now() + 3, iat: now() + 3 }))).status).toBe(200)
    expect((await ask(await issuer.sign({ ...inAcme, exp: now() - 2 }))).status).toBe(200)
  })

  it('of a user who was disabled, or of a disabled company, is refused within seconds', async () => {
    const url = await startAnother()
    await world.admin('update users set disabled_at = now() where id = $1', [seedUsers.acmeCsr.id])
    const refused = await ask(await issuer.sign(inAcme), '/who/required', url)
    await world.admin('update users set disabled_at = null where id = $1', [seedUsers.acmeCsr.id])
    expect([refused.status, refused.body.code]).toEqual([401, 'token_invalid'])
    await world.admin('update companies set disabled_at = now() where id = $1', [acme])
    const another = await ask(await issuer.sign(inAcme), '/who/required', await startAnother())
    await world.admin('update companies set disabled_at = null where id = $1', [acme])
    expect([another.status, another.body.code]).toEqual([401, 'token_invalid'])
  })
})

/** Tokens that say that they are Clerk's, and must not be accepted. */
const forgeries: Record<string, () => Promise<string> | string> = {
  'of alg none': () => `${base64({ alg: 'none', kid: 'ins_first' })}.${base64(claimsOf())}.`,
  'with the public key as an HMAC secret': () => {
    const head = `${base64({ alg: 'HS256', typ: 'JWT', kid: 'ins_first' })}.${base64(claimsOf())}`
    return `${head}.${createHmac('sha256', issuer.keys[0]?.publicPem ?? '')
      .update(head)
      .digest('base64url')}`
  },
  'with our own secret': () =>
    new SignJWT(claimsOf())
      .setProtectedHeader({ alg: 'HS256', kid: 'ins_first' })
      .sign(new TextEncoder().encode(secret)),
  'signed by another key of the same name': () => issuer.sign(inAcme, { key: stranger }),
  'of another issuer, by the right key': () => issuer.sign({ ...inAcme, iss: 'https://clerk.evil.test' }),
  'of the issuer with a path behind it': () => issuer.sign({ ...inAcme, iss: `${issuer.issuer}/` }),
  'of no issuer, by the right key': () => issuer.sign({ ...inAcme, iss: undefined }),
  'made for somebody else': () => issuer.sign({ ...inAcme, aud: 'https://other.test' }),
  'made for a list of others': () => issuer.sign({ ...inAcme, aud: ['https://other.test', 'hasura'] }),
  'of a page of another origin': () => issuer.sign({ ...inAcme, azp: 'https://evil.test' }),
  'of a session that is not complete': () => issuer.sign({ ...inAcme, sts: 'pending' }),
  'that is not valid yet': () => issuer.sign({ ...inAcme, nbf: now() + 60 }),
  'that was made in the future': () => issuer.sign({ ...inAcme, iat: now() + 600 }),
  'that never ends': () => issuer.sign({ ...inAcme, exp: undefined }),
  'without a subject': () => issuer.sign({ ...inAcme, sub: undefined }),
  'whose organisation is no id': () => issuer.sign({ ...inAcme, org_id: `x' or '1'='1` }),
  'whose claims were changed': async () => {
    const [head, , signature] = (await issuer.sign(inAcme)).split('.')
    return `${head}.${base64({ ...claimsOf(), org_id: 'org_borealis' })}.${signature}`
  },
  'without a key id': () => issuer.sign(inAcme, { header: { kid: undefined } }),
  'whose key id is a path': () => issuer.sign(inAcme, { header: { kid: '../../../../dev/null' } }),
  'whose key id is SQL': () => issuer.sign(inAcme, { header: { kid: `x' union select 'key` } }),
  'whose key id is an address': () => issuer.sign(inAcme, { header: { kid: 'http://evil.test/key' } }),
  'whose key id is a property of every object': () => issuer.sign(inAcme, { header: { kid: '__proto__' } }),
  'with a critical extension': () => issuer.sign(inAcme, { header: { b64: true, crit: ['b64'] } }),
}

const claimsOf = () => ({ iss: issuer.issuer, sub: 'user_1', iat: now(), exp: now() + 60, ...inAcme })

describe('a forged token of Clerk @integration', () => {
  it.each(Object.entries(forgeries))('%s is refused', async (_, make) => {
    const token = await make()
    const { status, body } = await ask(token)
    expect([status, body.code]).toEqual([401, 'token_invalid'])
    expect((await ask(token, '/who/optional')).body).toEqual({ caller: null })
  })

  it('that has expired is told so', async () => {
    const { status, body } = await ask(await issuer.sign({ ...inAcme, exp: now() - 60 }))
    expect([status, body.code]).toEqual([401, 'token_expired'])
  })

  it('cannot bring its own key: jku, x5u, jwk and x5c are not looked at', async () => {
    const asked: string[] = []
    const evil = createServer((incoming, response) => {
      asked.push(incoming.url ?? '')
      response.end(JSON.stringify({ keys: [stranger.jwk] }))
    }).listen(0, '127.0.0.1')
    await once(evil, 'listening')
    const at = `http://127.0.0.1:${(evil.address() as AddressInfo).port}`
    for (const header of [
      { jku: `${at}/jku` },
      { x5u: `${at}/x5u` },
      { jwk: stranger.jwk },
      { x5c: [stranger.publicPem] },
      { jku: `${at}/jku`, kid: 'ins_evil' },
    ]) {
      const { status, body } = await ask(await issuer.sign(inAcme, { key: stranger, header }))
      expect([status, body.code]).toEqual([401, 'token_invalid'])
    }
    expect(asked).toEqual([])
    await new Promise((resolve) => evil.close(resolve))
  })
})

describe('an audience @integration', () => {
  it('that is configured has to be named', async () => {
    const url = await startAnother({ CLERK_AUDIENCE: 'parley, parley-staging' })
    const status = async (aud: unknown) =>
      (await ask(await issuer.sign({ ...inAcme, aud: aud as string }), '/who/required', url)).status
    expect(await status('parley')).toBe(200)
    expect(await status(['other', 'parley-staging'])).toBe(200)
    expect([await status(undefined), await status('other'), await status([])]).toEqual([401, 401, 401])
  })
})

describe('the issuer’s keys @integration', () => {
  it('are fetched once for many tokens, at once or one after another', async () => {
    const url = await startAnother()
    const before = issuer.seen.length
    const tokens = await Promise.all(Array.from({ length: 10 }, () => issuer.sign(inAcme)))
    const answers = await Promise.all(tokens.map((token) => ask(token, '/who/required', url)))
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
    expect((await ask(await issuer.sign(inAcme), '/who/required', url)).status).toBe(200)
    expect(issuer.seen.slice(before).map(({ path }) => path)).toEqual(['/.well-known/jwks.json'])
  })

  it('are not fetched for our own tokens, nor for routes that ask nobody who they are', async () => {
    const url = await startAnother()
    const before = issuer.seen.length
    await ask(await tokenFor(), '/who/required', url)
    expect((await ask(await issuer.sign(inAcme), '/who/none', url)).status).toBe(200)
    expect((await ask(await issuer.sign(inAcme), '/health', url)).status).toBe(200)
    expect(issuer.seen.length).toBe(before)
  })

  it.each([
    ['answer with a failure', { status: 500, body: 'no' }],
    ['are no JSON', { status: 200, body: '<html>' }],
    ['are none', { status: 200, body: '{"keys":[]}' }],
    ['are of another kind', { status: 200, body: '{"keys":[{"kty":"oct","kid":"ins_first","k":"c2VjcmV0"}]}' }],
    ['never end', { status: 200, body: JSON.stringify({ keys: [], padding: 'x'.repeat(300_000) }) }],
    ['do not come', 'silent'],
  ] as const)('that %s let nobody pass: 503, and absent where a token is optional', async (_, mode) => {
    const url = await startAnother()
    issuer.answer(mode)
    const token = await issuer.sign(inAcme)
    const answer = await ask(token, '/who/required', url)
    expect([answer.status, answer.body.code]).toEqual([503, 'identity_provider_unavailable'])
    expect(answer.headers['retry-after']).toBe('5')
    expect(answer.text).not.toContain('127.0.0.1')
    expect((await ask(token, '/who/optional', url)).body).toEqual({ caller: null })
    expect((await ask(await tokenFor(), '/who/required', url)).status).toBe(200)
  })

  it('of Clerk’s Backend API are asked for with the secret key', async () => {
    const url = await startAnother({ CLERK_JWKS_URL: `${issuer.issuer}/v1/jwks`, CLERK_SECRET_KEY: 'sk_of_the_tests' })
    const before = issuer.seen.length
    expect((await ask(await issuer.sign(inAcme), '/who/required', url)).status).toBe(200)
    expect(issuer.seen.slice(before).map(({ path, headers }) => [path, headers.authorization])).toEqual([
      ['/v1/jwks', 'Bearer sk_of_the_tests'],
    ])
  })
})
