import { createHash } from 'node:crypto'
import request from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import { apiKeyRoutes } from '../../src/http/routes/api-keys.js'
import { acme, borealis } from '../store/world.js'
import type { TestApp } from './harness.js'
import { type IdentityWorld, startIdentity, tokenOf } from './identity-world.js'
import { whoami, whoseCompany } from './whoami.js'

let world: IdentityWorld
const more: TestApp[] = []
beforeAll(async () => {
  world = await startIdentity({
    routes: ({ apiKeys }) => [
      ...apiKeyRoutes({ apiKeys, scopes: ['calls:read', 'test:read', 'test:write'] }),
      whoami('required', { keyScope: 'test:write' }),
      whoami('optional'),
      whoami('none'),
      whoseCompany,
    ],
  })
})
afterAll(async () => {
  for (const app of more) await app.stop()
  await world.close()
})

const dayMs = 86_400_000
const aKey = { name: 'nightly import', role: 'csr', scopes: ['test:read'] }
const make = async (changes: object = {}, token?: string) =>
  request(world.app.url)
    .post('/api-keys')
    .set('Authorization', `Bearer ${token ?? (await tokenOf('acmeLead'))}`)
    .send({ ...aKey, ...changes })
const as = async (method: 'get' | 'delete', path: string, token?: string) => {
  const sent = method === 'get' ? request(world.app.url).get(path) : request(world.app.url).delete(path)
  return await sent.set('Authorization', `Bearer ${token ?? (await tokenOf('acmeLead'))}`)
}
const ask = (key: string, path = '/company', url = world.app.url) => request(url).get(path).set('X-API-Key', key)

describe('POST /api-keys @multitenant', () => {
  it('shows the key once, and keeps its digest', async () => {
    const { status, headers, body } = await make()
    expect([status, headers['cache-control']]).toEqual([201, 'no-store'])
    expect(body).toEqual({
      ...aKey,
      id: expect.any(String),
      key: expect.stringMatching(/^plk_[\w-]{43}$/),
      prefix: body.key.slice(0, 12),
      created_by: seedUsers.acmeLead.id,
      created_at: expect.any(String),
      expires_at: expect.any(String),
      last_used_at: null,
      revoked_at: null,
    })
    expect(Math.round((Date.parse(body.expires_at) - Date.now()) / dayMs)).toBe(90)
    const [row] = await world.admin<{ key_hash: Buffer }>('select * from api_keys where id = $1', [body.id])
    expect(row?.key_hash).toEqual(createHash('sha256').update(body.key).digest())
    expect(JSON.stringify(row)).not.toContain(body.key.slice(12))
    const listed = await as('get', '/api-keys')
    expect(listed.text).not.toContain(body.key.slice(12))
    expect(world.app.text()).not.toContain(body.key.slice(4))
  })

  it('writes who made it into the company’s log', async () => {
    const { body } = await make({ name: 'logged', scopes: ['calls:read', 'test:write'] })
    const events = await world.eventsOf(acme, 'identity.api_key.created')
    expect(events.at(-1)).toMatchObject({
      user_id: seedUsers.acmeLead.id,
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      data: { key_id: body.id, prefix: body.prefix, role: 'csr', scopes: ['calls:read', 'test:write'] },
    })
  })

  it.each([
    [{ name: '' }, '/name'],
    [{ name: 'x'.repeat(101) }, '/name'],
    [{ role: 'root' }, '/role'],
    [{ role: undefined }, '/role'],
    [{ scopes: [] }, '/scopes'],
    [{ scopes: undefined }, '/scopes'],
    [{ scopes: ['everything'] }, '/scopes/0'],
    [{ scopes: ['test:read', 'test:read'] }, '/scopes'],
    [{ expires_at: 'tomorrow' }, '/expires_at'],
    [{ expires_at: '2020-01-01T00:00:00Z' }, '/expires_at'],
    [{ expires_at: '2999-01-01T00:00:00Z' }, '/expires_at'],
    [{ company_id: borealis }, '/company_id'],
    [{ tenant_id: borealis }, '/tenant_id'],
  ])('answers 422 to %j and names the field', async (changes, pointer) => {
    const { status, body } = await make(changes)
    expect([status, body.errors.map((error: { pointer: string }) => error.pointer)]).toEqual([422, [pointer]])
  })

  it('is leadership’s alone', async () => {
    for (const name of ['acmeCsr', 'acmeRep'] as const) {
      const { status, body } = await make({}, await tokenOf(name))
      expect([status, body.code]).toEqual([403, 'role_missing'])
    }
  })
})

describe('GET /api-keys @multitenant', () => {
  it('lists the company’s keys by page, newest first, and no other company’s', async () => {
    const token = await tokenOf('borealisLead')
    const made: string[] = []
    for (const name of ['one', 'two', 'three']) made.unshift((await make({ name }, token)).body.id as string)
    const first = (await as('get', '/api-keys?limit=2', token)).body
    const second = (await as('get', `/api-keys?limit=2&cursor=${first.next_cursor}`, token)).body
    expect([...first.items, ...second.items].map(({ id }: { id: string }) => id)).toEqual(made)
    expect(second.next_cursor).toBeNull()
    const ofAcme = (await as('get', '/api-keys?limit=100')).body.items as { id: string }[]
    expect(ofAcme.filter(({ id }) => made.includes(id))).toEqual([])
  })

  it.each(['limit=0', 'limit=101', 'cursor=x', 'all=1'])('answers 422 to ?%s', async (query) => {
    expect((await as('get', `/api-keys?${query}`)).status).toBe(422)
  })
})

describe('DELETE /api-keys/:id @multitenant', () => {
  it('ends the key at once, once more changes nothing, and it is in the log once', async () => {
    const { body } = await make()
    expect((await ask(body.key)).status).toBe(200)
    const statuses = [await as('delete', `/api-keys/${body.id}`), await as('delete', `/api-keys/${body.id}`)]
    expect(statuses.map(({ status }) => status)).toEqual([204, 204])
    const refused = await ask(body.key)
    expect([refused.status, refused.body.code]).toEqual([401, 'key_invalid'])
    const told = (await world.eventsOf(acme, 'identity.api_key.revoked')).filter(
      ({ data }) => (data as { key_id: string }).key_id === body.id,
    )
    expect(told).toMatchObject([{ user_id: seedUsers.acmeLead.id, data: { prefix: body.prefix } }])
  })

  it('does not know another company’s key, nor one that never was', async () => {
    const { body } = await make()
    const other = await as('delete', `/api-keys/${body.id}`, await tokenOf('borealisLead'))
    expect([other.status, other.body.code]).toEqual([404, 'not_found'])
    expect((await as('delete', '/api-keys/0199a3c2-6d1e-7000-8000-000000000001')).status).toBe(404)
    expect((await as('delete', '/api-keys/x')).status).toBe(422)
    expect((await ask(body.key)).status).toBe(200)
  })
})

describe('a call with an API key @multitenant', () => {
  it('acts within its company, as itself, with its role', async () => {
    const { body } = await make({ role: 'rep' })
    expect((await ask(body.key)).body).toEqual({ actor: { tenantId: acme, userId: body.id, role: 'rep' } })
    expect((await ask(body.key).set('X-Tenant-Id', borealis)).body.actor.tenantId).toBe(acme)
  })

  it('is told who it is', async () => {
    const { body } = await make({ scopes: ['calls:read'] })
    const { status, body: me } = await ask(body.key, '/auth/me')
    expect([status, me]).toEqual([
      200,
      { id: body.id, email: null, display_name: aKey.name, company_id: acme, role: 'csr', scopes: ['calls:read'] },
    ])
  })

  it('needs the scope of the route, and a refusal is in the company’s log', async () => {
    const { body } = await make({ role: 'leadership' })
    const refused = await ask(body.key, '/who/required')
    expect([refused.status, refused.body.code, refused.body.detail]).toEqual([
      403,
      'scope_missing',
      'Access denied. Required scope: test:write',
    ])
    expect((await world.eventsOf(acme, 'identity.access.denied')).at(-1)).toMatchObject({
      user_id: body.id,
      severity: 'warning',
      trace_id: refused.body.trace_id,
      data: { route: '/who/required', method: 'GET', role: 'leadership', required_scope: 'test:write' },
    })
    const writer = await make({ scopes: ['test:write'] })
    expect((await ask(writer.body.key, '/who/required')).status).toBe(200)
    expect((await ask(writer.body.key)).status).toBe(403)
  })

  it('makes, lists and ends no keys, whatever its role and scopes', async () => {
    const { body } = await make({ role: 'leadership', scopes: ['calls:read', 'test:read', 'test:write'] })
    const tries = [
      request(world.app.url).post('/api-keys').set('X-API-Key', body.key).send(aKey),
      ask(body.key, '/api-keys'),
      request(world.app.url).delete(`/api-keys/${body.id}`).set('X-API-Key', body.key),
    ]
    for (const one of tries) {
      const { status, body: problem } = await one
      expect([status, problem.code]).toEqual([403, 'key_not_allowed'])
    }
  })

  it('is refused when the key is wrong, expired, or of a company that is no more, also where a caller is optional', async () => {
    const { body } = await make({}, await tokenOf('borealisLead'))
    const wrong = ['x', 'plk_', `plk_${'a'.repeat(43)}`, `${body.key}a`, body.key.toUpperCase(), ` ${body.key} x`]
    for (const key of wrong)
      for (const path of ['/company', '/who/optional']) {
        const { status, body: problem, headers } = await ask(key, path)
        expect([key, status, problem.code]).toEqual([key, 401, 'key_invalid'])
        expect(headers['www-authenticate']).toBe('Bearer')
      }
    await world.admin(`update api_keys set expires_at = now() - interval '1 second' where id = $1`, [body.id])
    expect((await ask(body.key)).status).toBe(401)
    await world.admin(`update api_keys set expires_at = now() + interval '1 day' where id = $1`, [body.id])
    expect((await ask(body.key)).status).toBe(200)
    await world.admin('update companies set disabled_at = now() where id = $1', [borealis])
    expect((await ask(body.key)).status).toBe(401)
    await world.admin('update companies set disabled_at = null where id = $1', [borealis])
  })

  it('is not looked at where nobody asks who calls: a provider may have a key of its own', async () => {
    expect((await ask('somebody-elses', '/who/none')).body).toEqual({ caller: null })
    expect((await ask('somebody-elses', '/health')).status).toBe(200)
  })

  it('is noted at most once a minute', async () => {
    const { body } = await make()
    const usedAt = async () =>
      (
        await world.admin<{ last_used_at: Date | null }>('select last_used_at from api_keys where id = $1', [body.id])
      )[0]?.last_used_at
    expect(await usedAt()).toBeNull()
    await Promise.all([ask(body.key), ask(body.key), ask(body.key)])
    const first = await usedAt()
    expect(first).toBeInstanceOf(Date)
    await ask(body.key)
    expect(await usedAt()).toEqual(first)
    await world.admin(`update api_keys set last_used_at = now() - interval '61 seconds' where id = $1`, [body.id])
    await ask(body.key)
    expect((await usedAt())?.getTime()).toBeGreaterThanOrEqual(first?.getTime() ?? Infinity)
  })

  it('that is refused is not noted as a use', async () => {
    const { body } = await make()
    await as('delete', `/api-keys/${body.id}`)
    await ask(body.key)
    const [row] = await world.admin('select last_used_at from api_keys where id = $1', [body.id])
    expect(row).toEqual({ last_used_at: null })
  })
})

describe('wrong keys @integration', () => {
  it('may be tried a few times from an address; then no key is looked at, a right one neither', async () => {
    const app = await world.start({ LOGIN_RATE_LIMIT: '3/minute', TRUST_PROXY: 'true' })
    more.push(app)
    const { body } = await make()
    const from = (address: string, key: string) => ask(key, '/company', app.url).set('X-Forwarded-For', address)
    const guess = (n: number) => `plk_${String(n).repeat(43)}`
    expect((await from('192.0.2.1', body.key)).status).toBe(200)
    for (let n = 0; n < 3; n++) expect((await from('192.0.2.1', guess(n))).status).toBe(401)
    for (const key of [guess(4), body.key]) {
      const { status, body: problem, headers } = await from('192.0.2.1', key)
      expect([status, problem.code]).toEqual([429, 'rate_limited'])
      expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    }
    expect((await from('192.0.2.2', body.key)).status).toBe(200)
    expect(
      (await request(app.url).get('/health').set('X-API-Key', guess(5)).set('X-Forwarded-For', '192.0.2.1')).status,
    ).toBe(200)
    expect(app.eventsNamed('rate_limit:hit').length).toBe(2)
  })
})
