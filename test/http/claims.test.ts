import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { claimRulesOf } from '../../src/claim-rules.js'
import { loadConfig } from '../../src/config.js'
import { integrationRoutes } from '../../src/http/routes/integrations.js'
import { createIntegrationStore } from '../../src/store/integrations.js'
import { acme, actors, createWorld, type World } from '../store/world.js'
import { call } from '../support/client.js'
import { secret, startApp, type TestApp, tokenFor } from './harness.js'

const ac = (n: number) => `AC${String(n).padStart(32, '0')}`
const shared = ac(99)
const sharedCompany = `COM${'0'.repeat(32)}`
const configured = {
  TWILIO_ACCOUNT_SID: shared,
  TWILIO_FROM_NUMBER: '+1 (500) 555-0001',
  CALLRAIL_ACCOUNT_ID: sharedCompany,
  ELEVENLABS_AGENT_ID: 'agent_shared',
}
const rules = claimRulesOf(loadConfig({ NODE_ENV: 'test', JWT_SECRET: secret, ...configured }))

let world: World
const apps: Record<'development' | 'production', TestApp | undefined> = {
  development: undefined,
  production: undefined,
}
let token: string

beforeAll(async () => {
  world = await createWorld()
  for (const [name, accountsCountAtOnce] of [
    ['development', true],
    ['production', false],
  ] as const) {
    const integrations = createIntegrationStore(world.database, { rules: { ...rules, accountsCountAtOnce } })
    apps[name] = await startApp({ routes: integrationRoutes({ integrations }) })
  }
  const { tenantId, userId, role } = actors.acmeLead
  token = await tokenFor({ sub: userId, company_id: tenantId, role })
})
afterAll(async () => {
  await apps.development?.stop()
  await apps.production?.stop()
  await world.close()
})
beforeEach(() => world.admin('delete from integrations'))

const ask = (where: keyof typeof apps, method: string, path: string, body?: object) =>
  call(`${apps[where]?.url}${path}`, { method, token, body })
const rows = () => world.admin('select provider, account, standing from integrations order by account')

describe('what a company may claim @integration @multitenant', () => {
  it('a number counts at once; an account waits for the operator, but in development', async () => {
    expect(
      (await ask('production', 'POST', '/integrations', { provider: 'twilio', account: '+15005550006' })).body,
    ).toMatchObject({ standing: 'claimed' })
    expect(
      (await ask('production', 'POST', '/integrations', { provider: 'twilio', account: ac(1) })).body,
    ).toMatchObject({ standing: 'pending' })
    expect(
      (await ask('production', 'POST', '/integrations', { provider: 'callrail', account: '155920786' })).body,
    ).toMatchObject({ standing: 'pending' })
    expect(
      (await ask('development', 'POST', '/integrations', { provider: 'twilio', account: ac(2) })).body,
    ).toMatchObject({ standing: 'claimed' })
    expect(await rows()).toEqual([
      { provider: 'twilio', account: '+15005550006', standing: 'claimed' },
      { provider: 'callrail', account: '155920786', standing: 'pending' },
      { provider: 'twilio', account: ac(1), standing: 'pending' },
      { provider: 'twilio', account: ac(2), standing: 'claimed' },
    ])
  })

  it('whoever moves a confirmed claim to another account makes a new one; its label changes nothing', async () => {
    const [row] = await world.admin<{ id: string }>(
      `insert into integrations (tenant_id, provider, account) values ($1, 'twilio', $2) returning id`,
      [acme, ac(1)],
    )
    const path = `/integrations/${row?.id}`
    expect((await ask('production', 'PATCH', path, { account: ac(1), label: 'Ours' })).body).toMatchObject({
      standing: 'confirmed',
    })
    expect((await ask('production', 'PATCH', path, { account: ac(2) })).body).toMatchObject({ standing: 'pending' })
    expect((await ask('production', 'PATCH', path, { account: '+15005550006' })).body).toMatchObject({
      standing: 'claimed',
    })
  })

  it.each([
    ['clerk', 'org_victim', '/provider'],
    ['twilio', shared, '/account'],
    ['twilio', '+15005550001', '/account'],
    ['callrail', sharedCompany, '/account'],
    ['elevenlabs', 'agent_shared', '/account'],
  ] as const)('%s %s is no company’s to claim: 422 naming %s', async (provider, account, pointer) => {
    for (const where of ['development', 'production'] as const) {
      const answer = await ask(where, 'POST', '/integrations', { provider, account })
      expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer }] } })
    }
    const [own] = await world.admin<{ id: string }>(
      `insert into integrations (tenant_id, provider, account) values ($1, $2, 'own') returning id`,
      [acme, provider],
    )
    const moved = await ask('production', 'PATCH', `/integrations/${own?.id}`, { account })
    expect(moved.status).toBe(422)
    expect(moved.body.errors).toMatchObject([{ pointer: expect.stringMatching('^/(account|provider)$') as string }])
    expect(await rows()).toEqual([{ provider, account: 'own', standing: 'confirmed' }])
  })
})

describe('the rules of an installation @unit', () => {
  it('production leaves accounts to the operator', () => {
    const production = {
      NODE_ENV: 'production',
      JWT_SECRET: secret,
      DATABASE_URL: 'postgres://localhost/parley',
      TEMPORAL_ADDRESS: 'localhost:7233',
      PUBLIC_URL: 'https://parley.example.com',
    }
    expect(claimRulesOf(loadConfig(production)).accountsCountAtOnce).toBe(false)
    expect(rules.accountsCountAtOnce).toBe(true)
    expect(rules.reserved).toContainEqual({ provider: 'twilio', account: '+15005550001' })
  })
})
