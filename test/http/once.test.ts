import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { integrationRoutes } from '../../src/http/routes/integrations.js'
import { createIntegrationStore } from '../../src/store/integrations.js'
import { call } from '../support/client.js'
import { startApp, type TestApp, tokenFor } from './harness.js'
import { pointersOf, type Resources, startResources, type Who } from './resource-harness.js'
import { actors } from '../store/world.js'

let resources: Resources
let others: TestApp
beforeAll(async () => {
  resources = await startResources()
  const integrations = createIntegrationStore(resources.world.database)
  others = await startApp({ routes: integrationRoutes({ integrations }) })
})
afterAll(async () => {
  await others.stop()
  await resources.stop()
})

const password = 'a rather long password'
/** What each route makes, told apart by a number, and where it lies. */
const made: [path: string, table: string, body: (n: string) => object][] = [
  ['/leads', 'leads', (name) => ({ name })],
  ['/tasks', 'tasks', (title) => ({ title })],
  [
    '/appointments',
    'appointments',
    (title) => ({ title, starts_at: '2026-05-01T10:00:00Z', ends_at: '2026-05-01T11:00:00Z' }),
  ],
  ['/users', 'users', (n) => ({ email: `${n}@acme.test`, display_name: 'New', role: 'rep', password })],
  [
    '/calls',
    'call_logs',
    (n) => ({ provider: 'manual', external_id: n, direction: 'inbound', from: '+15005550010', to: '+15005550006' }),
  ],
  ['/integrations', 'integrations', (account) => ({ provider: 'elevenlabs', account })],
]

async function send(who: Who, path: string, body: object, key?: string) {
  const { tenantId, userId, role } = actors[who]
  const token = await tokenFor({ sub: userId, company_id: tenantId, role })
  const url = path === '/integrations' ? others.url : resources.app.url
  return await call(`${url}${path}`, { token, body, headers: key === undefined ? {} : { 'idempotency-key': key } })
}
const countOf = async (table: string) =>
  (await resources.world.admin<{ n: number }>(`select count(*)::int as n from ${table}`))[0]?.n ?? 0
const told = ({ status, body, headers }: Awaited<ReturnType<typeof call>>) => ({
  status,
  body: body as unknown,
  etag: headers.get('etag'),
  location: headers.get('location'),
  cache: headers.get('cache-control'),
})

describe.each(made)('POST %s with an Idempotency-Key @idempotency', (path, table, bodyOf) => {
  it('makes one, and is answered to the letter as the first time', async () => {
    const [key, body, before] = [randomUUID(), bodyOf(randomUUID()), await countOf(table)]
    const first = await send('acmeLead', path, body, key)
    expect(first.status).toBe(201)
    for (let i = 0; i < 2; i++) expect(told(await send('acmeLead', path, body, key))).toEqual(told(first))
    expect(await countOf(table)).toBe(before + 1)
  })

  it('of several at once makes one', async () => {
    const [key, body, before] = [randomUUID(), bodyOf(randomUUID()), await countOf(table)]
    const answers = await Promise.all(Array.from({ length: 6 }, () => send('acmeLead', path, body, key)))
    expect(new Set(answers.map((answer) => JSON.stringify(told(answer)))).size).toBe(1)
    expect(answers[0]?.status).toBe(201)
    expect(await countOf(table)).toBe(before + 1)
  })

  it('refuses the key with another body, and makes nothing', async () => {
    const key = randomUUID()
    await send('acmeLead', path, bodyOf(randomUUID()), key)
    const before = await countOf(table)
    const other = await send('acmeLead', path, bodyOf(randomUUID()), key)
    expect([other.status, pointersOf(other)]).toEqual([422, ['header/idempotency-key']])
    expect(await countOf(table)).toBe(before)
  })
})

describe('an Idempotency-Key @idempotency', () => {
  it('gives the first answer even when what it made is changed, or gone', async () => {
    const [key, body] = [randomUUID(), { name: 'Ada' }]
    const first = await send('acmeLead', '/leads', body, key)
    const path = first.headers.get('location') ?? ''
    await resources.patch('acmeLead', path, { name: 'Grace' })
    expect(told(await send('acmeLead', '/leads', body, key))).toEqual(told(first))
    await resources.remove('acmeLead', path)
    expect(told(await send('acmeLead', '/leads', body, key))).toEqual(told(first))
  })

  it('is its caller’s alone, in a company as between companies @multitenant', async () => {
    const [key, body] = [randomUUID(), { name: 'Shared key' }]
    const ids = []
    for (const who of ['acmeLead', 'acmeCsr', 'acmeRep', 'borealisLead'] as const) {
      const { status, body: answer } = await send(who, '/leads', body, key)
      expect(status).toBe(201)
      ids.push((answer as { id: string }).id)
    }
    expect(new Set(ids).size).toBe(4)
  })

  it('names one request of one route', async () => {
    const key = randomUUID()
    expect((await send('acmeLead', '/tasks', { title: 'x' }, key)).status).toBe(201)
    expect((await send('acmeLead', '/leads', { name: 'x' }, key)).status).toBe(422)
  })

  it('that came with what failed is free: nothing happened', async () => {
    const key = randomUUID()
    const foreign = { name: 'x', owner_user_id: randomUUID() }
    expect((await send('acmeLead', '/leads', foreign, key)).status).toBe(422)
    expect((await send('acmeLead', '/leads', { name: 'x' }, key)).status).toBe(201)
  })

  it('counts for a day', async () => {
    const [key, body] = [randomUUID(), { name: 'Daily' }]
    const first = await send('acmeLead', '/leads', body, key)
    await resources.world.admin(
      `update kept_answers set created_at = now() - interval '25 hours' where request_key = $1`,
      [key],
    )
    const second = await send('acmeLead', '/leads', { name: 'Other' }, key)
    expect(second.status).toBe(201)
    expect(second.body.id).not.toBe(first.body.id)
    expect(told(await send('acmeLead', '/leads', { name: 'Other' }, key))).toEqual(told(second))
  })

  it.each(['', 'a b', 'ü', 'x'.repeat(256)])('that is none (%j) is refused by name', async (key) => {
    const answer = await send('acmeLead', '/leads', { name: 'x' }, key)
    expect([answer.status, pointersOf(answer)]).toEqual([422, ['headers/idempotency-key']])
  })

  it('leaves no password behind, nor what one could be guessed by', async () => {
    const key = randomUUID()
    const body = { email: `${key}@acme.test`, display_name: 'New', role: 'rep', password }
    expect((await send('acmeLead', '/users', body, key)).status).toBe(201)
    expect((await send('acmeLead', '/users', { ...body, password: `${password}!` }, key)).status).toBe(422)
    const [kept] = await resources.world.admin<{ answer: string; digest: Buffer }>(
      'select answer, digest from kept_answers where request_key = $1',
      [key],
    )
    expect(kept?.answer).not.toContain(password)
    expect(kept?.answer).not.toContain('argon2')
  })

  it('is asked for by nobody: without one each request makes one', async () => {
    const before = await countOf('leads')
    for (let i = 0; i < 2; i++) await send('acmeLead', '/leads', { name: 'Twice' })
    expect(await countOf('leads')).toBe(before + 2)
  })
})
