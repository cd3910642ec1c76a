import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { acme } from '../store/world.js'
import { eventually, startEngine, type TestEngine } from './harness.js'
import { send, type SigningOptions, standardHeaders, webhookSecret } from './signed.js'

const oldSecret = `whsec_${Buffer.from('the-key-before-it-was-rotated-32').toString('base64')}`

let engine: TestEngine
beforeAll(async () => {
  engine = await startEngine({ env: { CLERK_WEBHOOK_SECRET: `${webhookSecret},${oldSecret}` } })
})
afterAll(() => engine.close())

const newId = (prefix: string) => `${prefix}_${randomUUID()}`

function membership(organizationId: string, userId: string, changes: object = {}) {
  return {
    type: 'organizationMembership.created',
    object: 'event',
    timestamp: 1_795_253_400_000,
    data: {
      id: newId('orgmem'),
      role: 'org:csr',
      updated_at: 1_795_253_399_000,
      private_metadata: { salary: 'a-private-word' },
      organization: { id: organizationId, name: 'Curie Labs' },
      public_user_data: { user_id: userId, identifier: `${userId}@example.com`, first_name: 'Marie' },
      ...changes,
    },
  }
}

async function post(event: unknown, options: Partial<SigningOptions> & { path?: string } = {}) {
  const body = typeof event === 'string' ? event : JSON.stringify(event)
  const { path = '/webhooks/clerk', ...signing } = options
  return await send(
    engine.app.url + path,
    body,
    standardHeaders(body, { id: newId('msg'), prefix: 'svix', ...signing }),
  )
}

const userRows = (userId: string) =>
  engine.admin<{ id: string; company_id: string; role: string; disabled_at: Date | null }>(
    'select * from users where clerk_user_id = $1',
    [userId],
  )
const events = (tenantId: string) =>
  engine.admin<{ event: string; data: Record<string, unknown> }>(
    'select event, data from event_logs where tenant_id = $1 order by id',
    [tenantId],
  )

describe('@integration a webhook of Clerk', () => {
  it('makes company and user, with their entries in the company’s log and nothing of the metadata', async () => {
    const [org, user, id] = [newId('org'), newId('user'), newId('msg')]
    expect(await post(membership(org, user), { id })).toEqual({
      status: 200,
      body: { status: 'processed', provider: 'clerk', event_id: `organizationMembership.created/${id}` },
    })
    const [row] = await userRows(user)
    expect(row).toMatchObject({ role: 'csr', disabled_at: null })
    const logged = await events(row?.company_id ?? '')
    expect(logged.map(({ event }) => event)).toEqual([
      'identity.organization.created',
      'identity.user.created',
      'system.webhook.processed',
    ])
    expect(logged[1]?.data).toEqual({ user_id: row?.id, clerk_user_id: user, role: 'csr' })
    expect(JSON.stringify(logged)).not.toMatch(/a-private-word|example\.com|Marie/)
    expect(await engine.receipts('delivery_key like $1', [`%${id}`])).toMatchObject([
      { status: 'processed', attempts: 1, tenant_id: row?.company_id },
    ])
  })

  it('is taken under both prefixes and with a slash at the end', async () => {
    for (const path of ['/webhooks/clerk/', '/webhook/clerk', '/webhook/clerk/'])
      expect([path, (await post(membership(newId('org'), newId('user')), { path })).status]).toEqual([path, 200])
  })

  it('of a user whom nobody knows waits, and is processed once the membership is there', async () => {
    const [org, user, id] = [newId('org'), newId('user'), newId('msg')]
    const event = {
      type: 'user.updated',
      timestamp: 1_795_253_400_000,
      data: { id: user, first_name: 'Irène', last_name: 'Joliot', updated_at: 1_795_253_399_500 },
    }
    expect(await post(event, { id })).toMatchObject({ status: 202, body: { status: 'accepted' } })
    await post(membership(org, user))
    expect(await userRows(user)).toMatchObject([{ display_name: 'Irène Joliot' }])
    await engine.wakeDrain()
    await eventually(async () => (await engine.receipts('delivery_key like $1', [`%${id}`]))[0]?.status === 'processed')
  })

  it('of a type that we do not mirror is recorded', async () => {
    const id = newId('msg')
    expect(await post({ type: 'session.created', data: { id: 'sess_1' } }, { id })).toMatchObject({
      status: 200,
      body: { status: 'processed' },
    })
    expect(await engine.receipts('delivery_key like $1', [`%${id}`])).toMatchObject([
      { kind: 'session.created', external_id: 'sess_1', tenant_id: null },
    ])
  })

  it('that cannot be read is refused by field', async () => {
    expect(await post('{"half')).toMatchObject({ status: 400 })
    expect(await post({ data: { id: 'user_1' } })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/type' }] },
    })
  })
})

describe('@idempotency a webhook of Clerk', () => {
  it('is ignored the second time, whatever the attempt’s own time and signature', async () => {
    const [org, user, id] = [newId('org'), newId('user'), newId('msg')]
    const event = membership(org, user)
    expect((await post(event, { id })).body.status).toBe('processed')
    const [row] = await userRows(user)
    const logged = await events(row?.company_id ?? '')
    const again = await post(event, { id, at: Math.floor(Date.now() / 1000) - 60 })
    expect(again).toMatchObject({ status: 200, body: { status: 'duplicate_ignored' } })
    expect(await engine.receipts('delivery_key like $1', [`%${id}`])).toMatchObject([
      { attempts: 2, status: 'processed' },
    ])
    expect(await events(row?.company_id ?? '')).toEqual(logged)
  })

  it('has its effect once when fifty come at the same instant', async () => {
    const [org, user, id] = [newId('org'), newId('user'), newId('msg')]
    const event = membership(org, user)
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(event, { id })))
    expect(answers.map(({ body }) => body.status).sort()).toEqual([
      ...Array.from({ length: 49 }, () => 'duplicate_ignored'),
      'processed',
    ])
    const [row, ...others] = await userRows(user)
    expect(others).toEqual([])
    expect((await events(row?.company_id ?? '')).filter(({ event }) => event === 'identity.user.created')).toHaveLength(
      1,
    )
  })

  it('of another change of the same user is another event', async () => {
    const [org, user] = [newId('org'), newId('user')]
    await post(membership(org, user))
    const left = { ...membership(org, user), type: 'organizationMembership.deleted' }
    expect((await post(left)).body.status).toBe('processed')
    expect((await userRows(user))[0]?.disabled_at).not.toBeNull()
  })
})

describe('@multitenant a webhook of Clerk', () => {
  it('that names another company’s email is parked with its reason', async () => {
    const [org, user, id] = [newId('org'), newId('user'), newId('msg')]
    await engine.admin(`insert into integrations (tenant_id, provider, account) values ($1, 'clerk', $2)`, [acme, org])
    const person = { user_id: user, identifier: 'lead@borealis.test' }
    expect((await post(membership(org, user, { public_user_data: person }), { id })).status).toBe(202)
    expect(await engine.receipts('delivery_key like $1', [`%${id}`])).toMatchObject([
      { status: 'unmatched', error: 'the email belongs to a user of another company', tenant_id: acme },
    ])
    expect(await userRows(user)).toEqual([])
  })
})

describe('@unit a webhook that Clerk did not sign', () => {
  it('is refused for one byte, another key, a stale time or no signature, and nothing is stored', async () => {
    const event = membership(newId('org'), newId('user'))
    const body = JSON.stringify(event)
    const url = `${engine.app.url}/webhooks/clerk`
    const good = standardHeaders(body, { id: newId('msg'), prefix: 'svix' })
    const before = await engine.receipts()
    const other = `whsec_${Buffer.from('somebody-elses-key-of-32-bytes--').toString('base64')}`
    const now = Math.floor(Date.now() / 1000)
    const answers = [
      await send(url, body.replace('org:csr', 'org:csR'), good),
      await post(event, { secret: other }),
      await post(event, { at: now - 302 }),
      await post(event, { at: now + 302 }),
      await post(event, { prefix: 'webhook' }),
      await send(url, body, {}),
      await send(url, body, { ...good, 'svix-id': newId('msg') }),
    ]
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 401))
    expect(answers[0]?.body).toMatchObject({ code: 'webhook_not_authentic' })
    expect(await engine.receipts()).toEqual(before)
  })

  it('is taken with the secret before the last one', async () => {
    expect((await post(membership(newId('org'), newId('user')), { secret: oldSecret })).status).toBe(200)
  })
})
