import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { analyticsRoutes } from '../../src/http/routes/analytics.js'
import { type AnalyticsWorld, createAnalyticsWorld } from '../analytics/world.js'
import { actors, borealis } from '../store/world.js'
import { type Answer, call } from '../support/client.js'
import { startApp, type TestApp, tokenFor } from './harness.js'

let world: AnalyticsWorld
let app: TestApp

beforeAll(async () => {
  world = await createAnalyticsWorld()
  app = await startApp({ routes: analyticsRoutes(world) })
  const { acmeRep, acmeRep2, borealisLead } = actors
  await world.conversation({ user: acmeRep.userId })
  await world.conversation({ user: acmeRep.userId, at: '2026-03-11T08:00:00Z', seconds: 59, prewarmMs: 50 })
  await world.conversation({
    user: acmeRep2.userId,
    type: 2,
    status: 'failed',
    seconds: 1,
    joined: null,
    prewarmMs: null,
    prewarm: { skipped: true, reason: 'disabled' },
    startMs: 60,
  })
  await world.conversation({ user: 'user_x', facts: { endRequestedBy: 'abandoned' }, seconds: 0, joined: null })
  await world.conversation({ ended: null, seconds: null, status: 'active' })
  await world.conversation({ tenant: borealis, user: borealisLead.userId })
  await world.call({ user: acmeRep.userId, outcome: 'busy', seconds: 0 })
  await world.call({ outcome: null, seconds: null })
  await world.call({ seconds: 90 })
  await world.call({ seconds: 30 })
  await world.count()
})
afterAll(async () => {
  await app.stop()
  await world.close()
})

const days = 'from=2026-03-01&to=2026-04-01'
async function get(path: string, who: keyof typeof actors = 'acmeLead'): Promise<Answer> {
  const { tenantId, userId, role } = actors[who]
  return await call(`${app.url}/analytics/${path}`, {
    method: 'GET',
    token: await tokenFor({ sub: userId, company_id: tenantId, role }),
  })
}
const head = { timezone: 'UTC', from: '2026-03-01', to: '2026-04-01', scope: 'company' }

describe('GET /analytics/* @integration', () => {
  it('conversations: of each day and provider', async () => {
    expect((await get(`conversations?${days}`)).body).toEqual({
      ...head,
      conversations: 5,
      minutes: 6,
      days: [
        { date: '2026-03-10', provider: 'elevenlabs', conversations: 1, minutes: 0.02, median_prewarm_ms: null },
        { date: '2026-03-10', provider: 'tavus', conversations: 3, minutes: 5, median_prewarm_ms: 1000 },
        { date: '2026-03-11', provider: 'tavus', conversations: 1, minutes: 0.98, median_prewarm_ms: 50 },
      ],
    })
    const tavus = await get(`conversations?${days}&provider=tavus`)
    expect(tavus.body).toMatchObject({ conversations: 4, minutes: 5.98 })
    expect((await get('conversations?from=2026-03-11&to=2026-03-12')).body).toMatchObject({ conversations: 1 })
    expect((await get('conversations?from=2026-03-12&to=2026-03-13')).body).toMatchObject({
      conversations: 0,
      days: [],
    })
  })

  it('users: the busiest first, by email where there is one', async () => {
    const { body } = await get(`users?${days}`)
    expect(body).toMatchObject(head)
    expect(body.items).toEqual([
      {
        user_id: actors.acmeRep.userId,
        email: 'rep@acme.test',
        conversations: 3,
        minutes: 5.98,
        last_at: '2026-03-11T08:00:00.000Z',
      },
      {
        user_id: actors.acmeRep2.userId,
        email: 'rep2@acme.test',
        conversations: 1,
        minutes: 0.02,
        last_at: '2026-03-10T10:00:00.000Z',
      },
      { user_id: 'user_x', email: null, conversations: 1, minutes: 0, last_at: '2026-03-10T10:00:00.000Z' },
    ])
    expect((await get(`users?${days}&limit=1`)).body.items).toHaveLength(1)
    // One day of a month, and all but one.
    expect((await get('users?from=2026-03-11&to=2026-03-12')).body.items).toMatchObject([{ conversations: 1 }])
    expect((await get('users?from=2026-03-01&to=2026-03-31')).body.items).toMatchObject([
      { conversations: 3 },
      { conversations: 1 },
      { conversations: 1 },
    ])
    expect((await get('users?from=2026-03-11&to=2026-04-11')).body.items).toMatchObject([{ conversations: 1 }])
  })

  it('durations: of those that are over', async () => {
    const { body } = await get(`durations?${days}`)
    expect(body).toEqual({
      ...head,
      ended: 4,
      minutes: 6,
      mean_seconds: 90,
      median_seconds: 1,
      p95_seconds: 300,
      providers: expect.any(Array),
    })
    expect(body.providers).toHaveLength(2)
    expect(body.providers).toContainEqual({
      provider: 'elevenlabs',
      ended: 1,
      minutes: 0.02,
      mean_seconds: 1,
      median_seconds: 1,
      p95_seconds: 1,
    })
  })

  it('outcomes: of calls, open ones too', async () => {
    expect((await get(`outcomes?${days}`)).body).toEqual({
      ...head,
      calls: 4,
      outcomes: [
        { outcome: 'completed', calls: 2, share: 0.5, minutes: 2 },
        { outcome: 'busy', calls: 1, share: 0.25, minutes: 0 },
        { outcome: 'open', calls: 1, share: 0.25, minutes: 0 },
      ],
    })
  })

  it('prewarm: by what came of it', async () => {
    const { body } = await get(`prewarm?${days}`)
    expect(body).toMatchObject(head)
    const warmed = { conversations: 4, ended: 3, success_rate: 0.6667, abandoned_share: 0.3333, failed_share: 0 }
    const times = { median_start_ms: 2000, p95_start_ms: 2000, median_prewarm_ms: 1000, p95_prewarm_ms: 1000 }
    expect(body.prewarms).toMatchObject([
      { prewarm: 'warmed', ...warmed, ...times },
      { prewarm: 'skipped', conversations: 1, failed_share: 1, median_prewarm_ms: null, median_join_ms: null },
    ])
    expect(body.prewarms[0]).toMatchObject({ median_join_ms: 2000 })
  })

  it('session-quality: all together and by provider', async () => {
    const { body } = await get(`session-quality?${days}`)
    expect(body).toEqual({
      ...head,
      conversations: 5,
      ended: 4,
      success_rate: 0.5,
      abandoned_share: 0.25,
      failed_share: 0.25,
      median_start_ms: 2000,
      p95_start_ms: 2000,
      providers: expect.any(Array),
    })
    expect((await get('session-quality?from=2020-01-01&to=2020-02-01')).body).toMatchObject({
      conversations: 0,
      success_rate: null,
      median_start_ms: null,
      providers: [],
    })
  })

  it('are of the last thirty days where none are named', async () => {
    const { body } = await get('session-quality')
    const span = (Date.parse(body.to as string) - Date.parse(body.from as string)) / 86_400_000
    expect([body.timezone, span]).toEqual(['UTC', 30])
  })

  it.each([
    ['conversations?from=2026-03-32', 'query/from'],
    ['conversations?from=yesterday', 'query/from'],
    ['conversations?to=2026-03-01T00:00:00Z', 'query/to'],
    ['conversations?from=1999-12-31&to=2000-02-01', 'query/from'],
    ['conversations?from=2026-03-02&to=2026-03-02', 'query/to'],
    ['conversations?from=2025-01-01&to=2026-03-02', 'query/from'],
    ['conversations?provider=zoom', 'query/provider'],
    ['conversations?tenant_id=x', 'query/tenant_id'],
    ['users?limit=0', 'query/limit'],
    ['users?limit=1001', 'query/limit'],
    ['durations?from=2010-01-01&to=2026-03-02', 'query/from'],
    ['outcomes?to=2200-01-01', 'query/to'],
    ['prewarm?from=', 'query/from'],
    ['session-quality?from=2026-03-02&to=2026-03-01', 'query/to'],
    ['daily-recaps?cursor=x', 'query/cursor'],
    ['daily-recaps?limit=101', 'query/limit'],
    ['daily-recaps/today', 'params/date'],
  ])('refuse %s by the name of the field', async (path, pointer) => {
    const { status, body } = await get(path)
    expect([status, body.errors?.[0]?.pointer]).toEqual([422, pointer])
  })
})

describe('GET /analytics/* of several people @multitenant', () => {
  it('tells each company its own', async () => {
    expect((await get(`session-quality?${days}`, 'borealisLead')).body).toMatchObject({
      conversations: 1,
      scope: 'company',
    })
    expect((await get(`outcomes?${days}`, 'borealisLead')).body).toMatchObject({ calls: 0, outcomes: [] })
    const users = await get(`users?${days}`, 'borealisLead')
    expect(users.body.items).toMatchObject([{ email: 'lead@borealis.test', conversations: 1 }])
  })

  it('tells csr and rep their own, and csr of every call', async () => {
    expect((await get(`conversations?${days}`, 'acmeRep')).body).toMatchObject({ conversations: 3, scope: 'own' })
    expect((await get(`users?${days}`, 'acmeRep')).body.items).toMatchObject([{ email: 'rep@acme.test' }])
    expect((await get(`outcomes?${days}`, 'acmeRep')).body).toMatchObject({ calls: 1, scope: 'own' })
    expect((await get(`conversations?${days}`, 'acmeCsr')).body).toMatchObject({ conversations: 0, scope: 'own' })
    expect((await get(`outcomes?${days}`, 'acmeCsr')).body).toMatchObject({ calls: 4, scope: 'company' })
  })

  it('shows recaps to leadership of the company only, newest first', async () => {
    for (const date of ['2026-03-10', '2026-03-11', '2026-03-12'])
      await world.recaps.write(actors.acmeLead.tenantId, date)
    const first = await get('daily-recaps?limit=2')
    expect(first.body).toMatchObject({
      items: [{ date: '2026-03-12' }, { date: '2026-03-11' }],
      next_cursor: '2026-03-11',
    })
    const second = await get(`daily-recaps?limit=2&cursor=${String(first.body.next_cursor)}`)
    expect(second.body).toMatchObject({ items: [{ date: '2026-03-10' }], next_cursor: null })
    const one = await get('daily-recaps/2026-03-10')
    expect(one.body).toMatchObject({
      date: '2026-03-10',
      timezone: 'UTC',
      conversations: { total: 4, ended: 3, by_provider: { tavus: 3, elevenlabs: 1 } },
      calls: { total: 4, by_outcome: { completed: 2, busy: 1, open: 1 } },
    })
    expect((await get('daily-recaps/2026-03-13')).status).toBe(404)
    expect((await get('daily-recaps', 'borealisLead')).body).toEqual({ items: [], next_cursor: null })
    expect((await get('daily-recaps/2026-03-10', 'borealisLead')).status).toBe(404)
    for (const who of ['acmeCsr', 'acmeRep'] as const)
      expect((await get('daily-recaps', who)).body).toMatchObject({ status: 403, code: 'role_missing' })
  })
})
