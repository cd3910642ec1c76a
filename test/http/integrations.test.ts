import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { integrationProvider } from '../../src/http/integration-schema.js'
import { integrationRoutes } from '../../src/http/routes/integrations.js'
import { createIntegrationStore } from '../../src/store/integrations.js'
import { integrationProviders } from '../../src/domain/integration.js'
import { normaliseAccount } from '../../src/store/integration-accounts.js'
import { acme, actors, borealis, createWorld, type World } from '../store/world.js'
import { call, type Answer } from '../support/client.js'
import { startApp, type TestApp, tokenFor } from './harness.js'

let world: World
let app: TestApp
const tokens: Record<string, string> = {}

beforeAll(async () => {
  world = await createWorld()
  app = await startApp({ routes: integrationRoutes({ integrations: createIntegrationStore(world.database) }) })
  for (const [name, { tenantId, userId, role }] of Object.entries(actors))
    tokens[name] = await tokenFor({ sub: userId, company_id: tenantId, role })
  tokens.csr = await tokenFor({ company_id: acme, role: 'csr' })
  tokens.nobody = await tokenFor({ company_id: '0199a3c2-6d1e-7000-8000-0000000000ff' })
})
afterAll(async () => {
  await app.stop()
  await world.close()
})
beforeEach(() => world.admin('delete from integrations'))

const ask = (as: string, method: string, path: string, body?: object): Promise<Answer> =>
  call(`${app.url}${path}`, { method, token: tokens[as], body })
const add = (as: string, body: object) => ask(as, 'POST', '/integrations', body)
const rows = () => world.admin('select tenant_id, provider, account, label from integrations order by account')

describe('/integrations @integration', () => {
  it('adds, reads, changes and removes one', async () => {
    const made = await add('acmeLead', { provider: 'elevenlabs', account: ' agent_1 ', label: 'Reception' })
    expect(made).toMatchObject({
      status: 201,
      body: { provider: 'elevenlabs', account: 'agent_1', label: 'Reception' },
    })
    const path = `/integrations/${made.body.id}`
    expect(made.headers.get('location')).toBe(path)
    expect(await rows()).toEqual([{ tenant_id: acme, provider: 'elevenlabs', account: 'agent_1', label: 'Reception' }])
    expect((await ask('acmeLead', 'GET', path)).body).toEqual(made.body)
    const changed = await ask('acmeLead', 'PATCH', path, { account: 'agent_2', label: null })
    expect(changed).toMatchObject({ status: 200, body: { account: 'agent_2', label: null } })
    expect((await ask('acmeLead', 'PATCH', path, { label: 'Back' })).body).toMatchObject({
      account: 'agent_2',
      label: 'Back',
    })
    expect((await ask('acmeLead', 'DELETE', path)).status).toBe(204)
    expect((await ask('acmeLead', 'DELETE', path)).status).toBe(404)
    expect(await rows()).toEqual([])
  })

  it('leaves an organisation to Clerk’s events', async () => {
    const [row] = await world.admin<{ id: string }>(
      `insert into integrations (tenant_id, provider, account) values ($1, 'clerk', 'org_1') returning id`,
      [acme],
    )
    expect(await ask('acmeLead', 'DELETE', `/integrations/${row?.id}`)).toMatchObject({
      status: 409,
      body: { code: 'integration_of_clerk' },
    })
    expect((await ask('borealisLead', 'DELETE', `/integrations/${row?.id}`)).status).toBe(404)
    expect(await rows()).toHaveLength(1)
  })

  it('lists pages, newest first, and one provider', async () => {
    for (const n of [1, 2, 3, 4, 5])
      await add(
        'acmeLead',
        n === 3
          ? { provider: 'callrail', account: `COM${'3'.padStart(32, '0')}` }
          : { provider: 'elevenlabs', account: `key${n}` },
      )
    const accounts: string[] = []
    for (let cursor = ''; ;) {
      const { body } = await ask('acmeLead', 'GET', `/integrations?limit=2${cursor && `&cursor=${cursor}`}`)
      accounts.push(...body.items.map((item: { account: string }) => item.account))
      if (body.next_cursor === null) break
      cursor = body.next_cursor as string
    }
    expect(accounts).toEqual(['key5', 'key4', `COM${'3'.padStart(32, '0')}`, 'key2', 'key1'])
    expect((await ask('acmeLead', 'GET', '/integrations?provider=callrail')).body.items).toHaveLength(1)
  })

  it('keeps telephone numbers in E.164, however they are written', async () => {
    await add('acmeLead', { provider: 'twilio', account: '(415) 555-2671' })
    await add('acmeLead', { provider: 'callrail', account: '+49 30 901820' })
    expect((await rows()).map(({ account }) => account as string)).toEqual(['+14155552671', '+4930901820'])
    const again = await add('acmeLead', { provider: 'twilio', account: '+1 415-555-2671' })
    expect(again).toMatchObject({ status: 409, body: { code: 'integration_taken' } })
  })

  it.each([
    [{ provider: 'twilio', account: '12' }, '/account'],
    [{ provider: 'elevenlabs', account: 'two words' }, '/account'],
    [{ provider: 'elevenlabs', account: '   ' }, '/account'],
    [{ provider: 'acme', account: 'a' }, '/provider'],
    [{ provider: 'elevenlabs', account: 'agent_1', tenant_id: borealis }, '/tenant_id'],
    [{ provider: 'twilio', account: 'hello' }, '/account'],
    [{ provider: 'twilio', account: 'AC1' }, '/account'],
    [{ provider: 'twilio', account: `COM${'0'.repeat(32)}` }, '/account'],
    [{ provider: 'callrail', account: `AC${'0'.repeat(32)}` }, '/account'],
    [{ provider: 'elevenlabs', account: 'a/b' }, '/account'],
  ])('answers 422 for %j, naming %s', async (body, pointer) => {
    const answer = await add('acmeLead', body)
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer }] } })
    expect(await rows()).toEqual([])
  })

  it('says what fits', async () => {
    const detail = async (provider: string, account: string) =>
      (await add('acmeLead', { provider, account })).body.errors[0].detail as string
    expect(await detail('twilio', 'x y')).toBe(
      'must be an account (AC and 32 hexadecimal digits), a telephone number such as +15005550006, or a short code',
    )
    expect(await detail('elevenlabs', '')).toBe('must not be empty')
    expect(await detail('acme', 'a')).toBe('must be one of "elevenlabs", "twilio", "callrail", "clerk"')
  })

  it.each([
    ['livekit', 'the call'],
    ['bland', 'metadata.tenant_id'],
    ['uwc', 'company_id'],
    ['tavus', 'the session'],
  ])('refuses an account of %s, which nobody would ask for: its company is found by %s', async (provider, how) => {
    const answer = await add('acmeLead', { provider, account: 'key_1' })
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer: '/provider' }] } })
    expect(answer.body.errors[0].detail).toMatch(new RegExp(`^needs no integration: its .*${how}`))
    expect(await rows()).toEqual([])
  })

  it('refuses a change of nothing', async () => {
    const { body } = await add('acmeLead', { provider: 'elevenlabs', account: 'agent_1' })
    const answer = await ask('acmeLead', 'PATCH', `/integrations/${body.id}`, {})
    expect(answer).toMatchObject({ status: 422, body: { detail: 'the body must change account or label' } })
  })
})

describe('companies @multitenant', () => {
  it('cannot claim what another has, and are not told who has it', async () => {
    const [first, number] = [`AC${'1'.repeat(32)}`, '+15005550019']
    await add('acmeLead', { provider: 'twilio', account: number })
    const { body: mine } = await add('acmeLead', { provider: 'twilio', account: first, label: 'Acme only' })
    const taken = await add('borealisLead', { provider: 'twilio', account: first })
    expect(taken).toMatchObject({ status: 409, body: { code: 'integration_taken', detail: 'the account is taken' } })
    expect(JSON.stringify(taken.body)).not.toMatch(new RegExp(`${acme}|Acme|${mine.id}`))
    const { body: theirs } = await add('borealisLead', { provider: 'twilio', account: `AC${'2'.repeat(32)}` })
    const moved = await ask('borealisLead', 'PATCH', `/integrations/${theirs.id}`, { account: first })
    expect(moved).toMatchObject({ status: 409, body: { code: 'integration_taken' } })
    // The same account at another provider is another account.
    expect((await add('borealisLead', { provider: 'callrail', account: number })).status).toBe(201)
  })

  it('neither see, change nor remove what is another’s', async () => {
    const { body } = await add('acmeLead', { provider: 'elevenlabs', account: 'agent_1' })
    const path = `/integrations/${body.id}`
    expect((await ask('borealisLead', 'GET', '/integrations')).body.items).toEqual([])
    for (const [method, change] of [['GET'], ['DELETE'], ['PATCH', { label: 'mine' }]] as const)
      expect((await ask('borealisLead', method, path, change)).status).toBe(404)
    expect(await rows()).toEqual([{ tenant_id: acme, provider: 'elevenlabs', account: 'agent_1', label: null }])
  })

  it('leave them to leadership', async () => {
    const { body } = await add('acmeLead', { provider: 'elevenlabs', account: 'agent_1' })
    for (const who of ['acmeRep', 'csr'])
      for (const [method, path, sent] of [
        ['GET', '/integrations'],
        ['POST', '/integrations', { provider: 'elevenlabs', account: 'agent_2' }],
        ['GET', `/integrations/${body.id}`],
        ['PATCH', `/integrations/${body.id}`, { label: 'x' }],
        ['DELETE', `/integrations/${body.id}`],
      ] as const)
        expect(await ask(who, method, path, sent)).toMatchObject({ status: 403, body: { code: 'role_missing' } })
    expect((await call(`${app.url}/integrations`, { method: 'GET' })).status).toBe(401)
  })

  it('must exist', async () => {
    expect(await add('nobody', { provider: 'elevenlabs', account: 'agent_1' })).toMatchObject({
      status: 403,
      body: { code: 'tenant_unknown' },
    })
  })
})

describe('an account @unit', () => {
  it('is kept as it is unless it is a number', () => {
    expect(normaliseAccount('twilio', ' AC00000000000000000000000000000001 ')).toBe(
      'AC00000000000000000000000000000001',
    )
    expect(normaliseAccount('callrail', '155920786')).toBe('155920786')
    expect(normaliseAccount('twilio', '155920786')).toBeUndefined()
    expect(normaliseAccount('elevenlabs', '4155552671')).toBe('4155552671')
    expect(normaliseAccount('twilio', '24680')).toBe('24680')
    expect(normaliseAccount('twilio', '+1 (500) 555-0006')).toBe('+15005550006')
  })

  it('stays the same when it is normalised again', () => {
    fc.assert(
      fc.property(fc.constantFrom(...integrationProviders), fc.string(), (provider, text) => {
        const once = normaliseAccount(provider, text)
        if (once !== undefined) expect(normaliseAccount(provider, once)).toBe(once)
      }),
    )
    fc.assert(
      fc.property(fc.stringMatching(/^\+?[1-9][0-9 ().-]{5,16}$/), (text) => {
        const once = normaliseAccount('twilio', text)
        if (once !== undefined) expect([once, normaliseAccount('twilio', once)]).toEqual([once, once])
      }),
    )
  })

  it('has the same providers in the API as in the store', () => {
    expect(integrationProvider.options).toEqual(integrationProviders)
  })
})
