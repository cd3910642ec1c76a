import { randomUUID } from 'node:crypto'
import request from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Actor } from '../../src/domain/identity.js'
import { callRoutes } from '../../src/http/routes/calls.js'
import { createCallStore } from '../../src/store/calls.js'
import { at, left } from '../domain/call-facts.js'
import { apply, livekitEffect, pending } from '../store/call-world.js'
import { actors, createWorld, type World } from '../store/world.js'
import { startApp, type TestApp, tokenFor } from './harness.js'

let world: World
let app: TestApp
beforeAll(async () => {
  world = await createWorld()
  app = await startApp({ routes: callRoutes({ calls: createCallStore(world.database) }) })
})
afterAll(async () => {
  await app.stop()
  await world.close()
})

const csr: Actor = { ...actors.acmeLead, userId: randomUUID(), role: 'csr' }
const bearer = async ({ tenantId, userId, role }: Actor) =>
  `Bearer ${await tokenFor({ sub: userId, company_id: tenantId, role })}`
const post = async (actor: Actor, body: object) =>
  await request(app.url)
    .post('/calls')
    .set('authorization', await bearer(actor))
    .send(body)
const get = async (actor: Actor, path: string) =>
  await request(app.url)
    .get(path)
    .set('authorization', await bearer(actor))
const aBody = (changes: object = {}) => ({
  provider: 'livekit',
  external_id: `room-${randomUUID()}`,
  direction: 'outbound',
  from: '+15550100',
  to: '+15550101',
  ...changes,
})
const made = async (actor: Actor, changes: object = {}) =>
  (await post(actor, aBody(changes))).body as { id: string; external_id: string }

describe('POST /calls @integration', () => {
  it('makes a call of the caller, and says where it is', async () => {
    const body = aBody({ lead_id: 'lead-1', metadata: { campaign: 'spring' } })
    const answer = await post(actors.acmeRep, body)
    expect(answer.status).toBe(201)
    expect(answer.headers.location).toBe(`/calls/${answer.body.id}`)
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      provider: 'livekit',
      external_id: body.external_id,
      user_id: actors.acmeRep.userId,
      lead_id: 'lead-1',
      direction: 'outbound',
      from: '+15550100',
      to: '+15550101',
      status: 'queued',
      started_at: null,
      answered_at: null,
      ended_at: null,
      duration_seconds: null,
      outcome: null,
      ended_reason: null,
      recording_url: null,
      metadata: { campaign: 'spring' },
      created_at: expect.any(String),
      updated_at: expect.any(String),
    })
    const again = await post(actors.acmeRep, body)
    expect([again.status, again.body]).toEqual([200, answer.body])
    expect((await get(actors.acmeRep, answer.headers.location as string)).body).toEqual(answer.body)
  })

  it('makes one call when ten requests come at the same instant @idempotency', async () => {
    const body = aBody()
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(actors.acmeRep, body)))
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array.from({ length: 9 }, () => 200), 201])
    expect(new Set(answers.map((answer) => answer.body.id as string)).size).toBe(1)
  })

  it('lets leadership and csr make a colleague’s call, and a rep only the own @multitenant', async () => {
    const theirs = { user_id: actors.acmeRep.userId }
    for (const actor of [actors.acmeLead, csr]) expect((await post(actor, aBody(theirs))).body).toMatchObject(theirs)
    expect((await post(actors.acmeRep, aBody(theirs))).status).toBe(201)
    const refused = await post(actors.acmeRep2, aBody(theirs))
    expect([refused.status, refused.body.detail]).toEqual([
      403,
      'Access denied. Required roles: leadership, csr. User role: rep',
    ])
    const stranger = await post(actors.acmeLead, aBody({ user_id: actors.borealisLead.userId }))
    expect([stranger.status, stranger.body.errors]).toEqual([
      422,
      [{ pointer: '/user_id', detail: 'must be a user of the company' }],
    ])
  })

  it('is a conflict when another company has the call, and tells nothing of it @multitenant', async () => {
    const body = aBody()
    await post(actors.acmeRep, body)
    const answer = await post(actors.borealisLead, body)
    expect(answer.status).toBe(409)
    expect(answer.body).toMatchObject({ title: 'Conflict', detail: 'the provider’s id stands for another call' })
    expect(JSON.stringify(answer.body)).not.toContain(actors.acmeRep.tenantId)
  })

  it('names every field that is wrong', async () => {
    const { status, body } = await post(actors.acmeRep, { provider: 'carrier', external_id: 'a b', extra: 1 })
    const pointers = (body.errors as { pointer: string }[]).map(({ pointer }) => pointer).sort()
    expect([status, pointers]).toEqual([422, ['/direction', '/external_id', '/extra', '/from', '/provider', '/to']])
  })

  it('needs a token, of a company', async () => {
    expect((await request(app.url).post('/calls').send(aBody())).status).toBe(401)
    const token = await tokenFor({ company_id: undefined as unknown as string })
    const answer = await request(app.url).post('/calls').set('authorization', `Bearer ${token}`).send(aBody())
    expect(answer.status).toBe(403)
  })
})

describe('GET /calls @integration @multitenant', () => {
  it('gives a rep the own calls and leadership and csr the company’s, page by page', async () => {
    const [own, other] = [await made(actors.acmeRep), await made(actors.acmeRep2)]
    const ids = async (actor: Actor) => {
      const found: string[] = []
      for (let path = '/calls?limit=3'; path !== '';) {
        const { items, next_cursor: next } = (await get(actor, path)).body as {
          items: { id: string }[]
          next_cursor: string | null
        }
        found.push(...items.map(({ id }) => id))
        path = next === null ? '' : `/calls?limit=3&cursor=${next}`
      }
      expect(new Set(found).size).toBe(found.length)
      return found
    }
    expect((await ids(actors.acmeRep))[0]).toBe(own.id)
    expect(await ids(actors.acmeRep)).not.toContain(other.id)
    for (const actor of [actors.acmeLead, csr]) expect((await ids(actor)).slice(0, 2)).toEqual([other.id, own.id])
    expect(await ids(actors.borealisLead)).toEqual([])
  })

  it('filters', async () => {
    const call = await made(actors.acmeRep, { lead_id: `lead-${randomUUID()}` })
    const { lead_id: lead } = (await get(actors.acmeRep, `/calls/${call.id}`)).body as { lead_id: string }
    const found = async (query: string) =>
      ((await get(actors.acmeLead, `/calls?lead=${lead}&${query}`)).body as { items: unknown[] }).items.length
    expect(await found('provider=livekit&status=queued')).toBe(1)
    expect(await found(`user=${actors.acmeRep.userId}&from=2020-01-01T00:00:00Z`)).toBe(1)
    expect(await found('to=2020-01-01T00:00:00Z')).toBe(0)
    expect(await found('outcome=busy')).toBe(0)
    expect((await get(actors.acmeLead, '/calls?status=odd')).status).toBe(422)
  })
})

describe('GET /calls/:call_id @multitenant', () => {
  it('is not found by a colleague, another company, or under an id that is none', async () => {
    const { id } = await made(actors.acmeRep)
    for (const actor of [actors.acmeRep2, actors.borealisLead])
      expect((await get(actor, `/calls/${id}`)).status).toBe(404)
    expect((await get(csr, `/calls/${id}`)).status).toBe(200)
    expect((await get(csr, `/calls/${randomUUID()}`)).status).toBe(404)
    expect((await get(csr, '/calls/x')).status).toBe(422)
  })
})

describe('GET /api/calls/:call_id/outcome @integration', () => {
  it('is null while the call is not over, and then what became of it', async () => {
    const call = await made(actors.acmeRep, { metadata: { campaign: 'spring' } })
    const path = `/api/calls/${call.id}/outcome?user_id=${actors.acmeRep.userId}`
    const before = await get(actors.acmeRep, path)
    expect([before.status, before.body]).toEqual([
      200,
      {
        call_id: call.id,
        outcome: null,
        duration_seconds: null,
        recording_url: null,
        metadata: { campaign: 'spring' },
        ended_at: null,
      },
    ])
    const recording = { type: 'recording' as const, url: 'https://bucket/x.mp4', durationSeconds: 60 }
    await apply(world, pending(livekitEffect(call.external_id, [left(62), recording])))
    expect((await get(actors.acmeRep, path)).body).toEqual({
      call_id: call.id,
      outcome: 'completed',
      duration_seconds: 60,
      recording_url: 'https://bucket/x.mp4',
      metadata: { campaign: 'spring', livekit: { outcome_rule: 'talked', disconnect_reason: 'CLIENT_INITIATED' } },
      ended_at: at(62),
    })
  })

  it('is not found for another user or company, nor under another’s id @multitenant', async () => {
    const { id } = await made(actors.acmeRep)
    const outcome = (actor: Actor, userId?: string) =>
      get(actor, `/api/calls/${id}/outcome${userId === undefined ? '' : `?user_id=${userId}`}`)
    const rep = actors.acmeRep.userId
    for (const [actor, userId, status] of [
      [actors.acmeRep, rep, 200],
      [actors.acmeRep, undefined, 200],
      [actors.acmeLead, rep, 200],
      [actors.acmeLead, undefined, 200],
      [csr, rep, 200],
      [actors.acmeRep, actors.acmeRep2.userId, 404],
      [actors.acmeRep2, rep, 404],
      [actors.acmeRep2, actors.acmeRep2.userId, 404],
      [actors.acmeRep2, undefined, 404],
      [actors.acmeLead, actors.acmeRep2.userId, 404],
      [actors.borealisLead, rep, 404],
      [actors.borealisLead, undefined, 404],
    ] as const)
      expect([actor.userId, userId, (await outcome(actor, userId)).status]).toEqual([actor.userId, userId, status])
    expect((await request(app.url).get(`/api/calls/${id}/outcome`)).status).toBe(401)
  })
})

describe('the health of call outcomes', () => {
  it.each(['/api/webhooks/call_completed/health', '/webhooks/livekit/health', '/webhook/livekit/health'])(
    'is told at %s to anybody',
    async (path) => {
      const answer = await request(app.url).get(path)
      expect([answer.status, answer.body]).toEqual([200, { status: 'healthy', service: 'call_outcomes' }])
    },
  )
})
