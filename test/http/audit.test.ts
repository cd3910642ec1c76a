import request from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import { acme, borealis, demoPassword } from '../store/world.js'
import { startApp } from './harness.js'
import { type IdentityWorld, startIdentity } from './identity-world.js'

let world: IdentityWorld
beforeAll(async () => {
  world = await startIdentity()
})
afterAll(() => world.close())

const login = (email: string, password = demoPassword) =>
  request(world.app.url).post('/auth/login').send({ email, password })
const send = (path: string, token: string) => request(world.app.url).post(path).send({ refresh_token: token })
const { acmeCsr, acmeRep } = seedUsers

describe('the company’s log @multitenant', () => {
  it('has a login that succeeded and one that failed, with the trace of the request', async () => {
    const good = await login(acmeRep.email)
    const bad = await login(acmeRep.email, 'wrong')
    const found = async () => (await world.eventsOf(acme)).filter(({ user_id }) => user_id === acmeRep.id)
    // A refused login is written down behind its answer.
    await expect.poll(found, { timeout: 15_000 }).toEqual([
      {
        event: 'identity.login.succeeded',
        user_id: acmeRep.id,
        severity: 'info',
        trace_id: good.headers['x-trace-id'],
        data: {},
      },
      {
        event: 'identity.login.failed',
        user_id: acmeRep.id,
        severity: 'warning',
        trace_id: bad.headers['x-trace-id'],
        data: { reason: 'wrong password' },
      },
    ])
  })

  it('has a try of a disabled user, and none of an unknown email: that is nobody’s', async () => {
    const before = (await world.admin('select id from event_logs')).length
    await login('nobody@acme.test')
    expect((await world.admin('select id from event_logs')).length).toBe(before)
    await world.admin('update users set disabled_at = now() where id = $1', [seedUsers.borealisLead.id])
    await login(seedUsers.borealisLead.email)
    await expect
      .poll(() => world.eventsOf(borealis), { timeout: 15_000 })
      .toMatchObject([{ event: 'identity.login.failed', data: { reason: 'disabled' } }])
  })

  it('has the second use of a refresh token, and a logout, each once', async () => {
    const first = (await login(acmeCsr.email)).body.refresh_token as string
    const second = (await send('/auth/refresh', first)).body.refresh_token as string
    const reused = await send('/auth/refresh', first)
    await send('/auth/refresh', second)
    const third = (await login(acmeCsr.email)).body.refresh_token as string
    const left = await send('/auth/logout', third)
    await send('/auth/logout', third)
    const [family] = await world.admin<{ family_id: string }>(
      `select family_id from refresh_tokens where user_id = $1 and revoked_at is not null order by created_at limit 1`,
      [acmeCsr.id],
    )
    const found = (await world.eventsOf(acme)).filter(
      ({ user_id, event }) => user_id === acmeCsr.id && event !== 'identity.login.succeeded',
    )
    expect(found).toMatchObject([
      {
        event: 'identity.refresh.reused',
        severity: 'warning',
        trace_id: reused.headers['x-trace-id'],
        data: { family_id: family?.family_id },
      },
      { event: 'identity.logout', severity: 'info', trace_id: left.headers['x-trace-id'] },
    ])
  })

  it('has of two refreshes of one token at once exactly one reuse, and both families’ tokens end', async () => {
    const token = (await login(acmeCsr.email)).body.refresh_token as string
    const before = (await world.eventsOf(acme, 'identity.refresh.reused')).length
    const answers = await Promise.all([send('/auth/refresh', token), send('/auth/refresh', token)])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401])
    expect((await world.eventsOf(acme, 'identity.refresh.reused')).length).toBe(before + 1)
    const winner = answers.find(({ status }) => status === 200)?.body.refresh_token as string
    expect((await send('/auth/refresh', winner)).status).toBe(401)
  })

  it('holds no email, no password and no token', async () => {
    const { body } = await login(acmeRep.email)
    const rows = JSON.stringify(await world.admin('select * from event_logs'))
    for (const secret of [acmeRep.email, demoPassword, body.token, body.refresh_token])
      expect(rows).not.toContain(secret)
  })
})

describe('the answer to a refused login @integration', () => {
  it('waits for no entry of the log: its time would tell which emails are known', async () => {
    let asked = 0
    const record = () => {
      asked++
      return new Promise<void>(() => {})
    }
    const { users, tokens: refreshTokens, identities } = world
    const app = await startApp({
      env: { LOGIN_RATE_LIMIT: '1000/minute' },
      services: { users, refreshTokens, identities, audit: { record } },
    })
    const { status } = await request(app.url)
      .post('/auth/login')
      .send({ email: acmeRep.email, password: 'wrong' })
      .timeout(20_000)
    await app.stop()
    expect([status, asked]).toEqual([401, 1])
  })
})
