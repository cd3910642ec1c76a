import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import type { Simulator } from '../../src/simulator/server.js'
import { tokenOf } from '../http/identity-world.js'
import { callOf, documentOf, leadOf } from '../store/partner-rows.js'
import { acme, borealis, createWorld, type World } from '../store/world.js'
import { startApi, type TestApi } from '../support/application.js'
import { call } from '../support/client.js'
import { everything, partnerEnv, startPartner } from './harness.js'

let world: World
let simulator: Simulator
let api: TestApi
beforeAll(async () => {
  ;[world, simulator] = await Promise.all([createWorld(), startPartner()])
  api = await startApi({ databaseUrl: world.test.url, env: { ...partnerEnv(simulator.url), ...everything } })
})
afterAll(async () => {
  await api.stop()
  await simulator.close()
  await world.close()
})

const as = async (user: keyof typeof seedUsers, path: string, body?: unknown, headers = {}) =>
  await call(`${api.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    token: await tokenOf(user),
    body,
    headers,
  })
const url = 'https://a.example/1.mp3'
const jobs = async () => (await world.admin<{ n: number }>('select count(*)::int as n from uwc_jobs'))[0]?.n

describe('@multitenant what a job is about', () => {
  it('is 404 when it is another company’s, or nobody’s, and nothing is taken or sent', async () => {
    const theirs = {
      call: await callOf(world, acme),
      document: await documentOf(world, acme),
      lead: await leadOf(world, acme),
      rep: seedUsers.acmeRep.id,
    }
    const nobodys = { call: randomUUID(), document: randomUUID(), lead: randomUUID(), rep: randomUUID() }
    const own = await callOf(world, borealis)
    const before = await jobs()
    for (const ids of [theirs, nobodys])
      for (const [path, body] of [
        ['/api/uwc/asr', { audio_urls: [{ call_id: ids.call, url }] }],
        [
          '/api/uwc/asr',
          {
            audio_urls: [
              { call_id: own, url },
              { call_id: ids.call, url },
            ],
          },
        ],
        ['/api/uwc/analysis', { call_id: ids.call }],
        [
          '/api/uwc/documents',
          {
            documents: [
              { name: 'Ours', content: 'x' },
              { document_id: ids.document, content: 'x' },
            ],
          },
        ],
        ['/api/uwc/training', { rep_id: ids.rep, media_urls: [url] }],
        ['/api/uwc/followups', { lead_id: ids.lead }],
        ['/api/uwc/followups', { call_id: ids.call }],
      ] as const)
        expect((await as('borealisLead', path, body)).status, `${path} ${JSON.stringify(body)}`).toBe(404)
    expect(await jobs()).toBe(before)
    expect(await world.admin(`select from documents where name = 'Ours'`)).toEqual([])
    expect(simulator.requests(1000).filter(({ path }) => path.startsWith('/uwc/'))).toEqual([])
  })

  it('is the rep’s own, where a rep asks', async () => {
    const others = await leadOf(world, acme)
    expect((await as('acmeRep', '/api/uwc/followups', { lead_id: others })).status).toBe(404)
    await world.admin('update leads set owner_user_id = $1 where id = $2', [seedUsers.acmeRep.id, others])
    expect((await as('acmeRep', '/api/uwc/followups', { lead_id: others })).status).toBe(202)
    await world.admin('update users set disabled_at = now() where id = $1', [seedUsers.acmeRep2.id])
    const disabled = { rep_id: seedUsers.acmeRep2.id, media_urls: [url] }
    expect((await as('acmeLead', '/api/uwc/training', disabled)).status).toBe(404)
    await world.admin('update users set disabled_at = null where id = $1', [seedUsers.acmeRep2.id])
  })
})

describe('@multitenant a job', () => {
  it('is seen by its company’s office and by who asked for it, and is 404 for everybody else', async () => {
    const lead = await leadOf(world, acme)
    await world.admin('update leads set owner_user_id = $1 where id = $2', [seedUsers.acmeRep.id, lead])
    const { body } = await as('acmeRep', '/api/uwc/followups', { lead_id: lead })
    const path = `/api/uwc/jobs/${body.id as string}`
    const statuses = Object.fromEntries(
      await Promise.all(
        (['acmeLead', 'acmeCsr', 'acmeRep', 'acmeRep2', 'borealisLead'] as const).map(async (user) => [
          user,
          (await as(user, path)).status,
        ]),
      ),
    ) as Record<string, number>
    expect(statuses).toEqual({ acmeLead: 200, acmeCsr: 200, acmeRep: 200, acmeRep2: 404, borealisLead: 404 })
    const listed = async (user: keyof typeof seedUsers) =>
      ((await as(user, '/api/uwc/jobs?limit=100')).body.items as { id: string }[]).some(({ id }) => id === body.id)
    expect([await listed('acmeLead'), await listed('acmeRep2'), await listed('borealisLead')]).toEqual([
      true,
      false,
      false,
    ])
  })

  it('is another one for another company that uses the same key', async () => {
    const key = { 'idempotency-key': 'the-same' }
    const ask = async (user: 'acmeLead' | 'borealisLead', tenantId: string) =>
      await as(user, '/api/uwc/analysis', { call_id: await callOf(world, tenantId) }, key)
    const [first, second] = [await ask('acmeLead', acme), await ask('borealisLead', borealis)]
    expect([first.status, second.status]).toEqual([202, 202])
    expect(first.body.request_id).not.toBe(second.body.request_id)
  })

  it('is listed page by page, by kind, status and what it is about', async () => {
    const about = await callOf(world, acme)
    const made: string[] = []
    for (let n = 0; n < 5; n++)
      made.push((await as('acmeLead', '/api/uwc/asr', { audio_urls: [{ call_id: about, url }] })).body.id as string)
    const seen: string[] = []
    let cursor = ''
    do {
      const { body } = await as('acmeLead', `/api/uwc/jobs?subject=${about}&kind=asr&limit=2${cursor}`)
      seen.push(...(body.items as { id: string }[]).map(({ id }) => id))
      cursor = body.next_cursor === null ? '' : `&cursor=${body.next_cursor as string}`
    } while (cursor !== '')
    expect(seen).toEqual([...made].reverse())
    expect((await as('acmeLead', `/api/uwc/jobs?subject=${about}&status=completed`)).body.items).toEqual([])
    expect((await as('acmeLead', `/api/uwc/jobs?subject=${about}&kind=rag`)).body.items).toEqual([])
  })
})

describe('@unit a request for a job', () => {
  it.each([
    ['/api/uwc/asr', { audio_urls: [] }, 'body/audio_urls'],
    ['/api/uwc/asr', { audio_urls: [{ call_id: 'x', url }] }, 'body/audio_urls/0/call_id'],
    ['/api/uwc/asr', { audio_urls: [{ call_id: randomUUID(), url: 'ftp://a.example' }] }, 'body/audio_urls/0/url'],
    ['/api/uwc/analysis', {}, 'body/call_id'],
    ['/api/uwc/documents', { documents: [{ content: '' }] }, 'body/documents/0'],
    ['/api/uwc/training', { rep_id: randomUUID(), media_urls: [] }, 'body/media_urls'],
    ['/api/uwc/training', { rep_id: randomUUID(), media_urls: [url], company_id: acme }, 'body/company_id'],
    ['/api/uwc/followups', {}, 'body/lead_id'],
    ['/api/uwc/followups', { lead_id: randomUUID(), call_id: randomUUID() }, 'body/lead_id'],
    ['/api/uwc/followups', { lead_id: randomUUID(), channel: 'fax' }, 'body/channel'],
    ['/api/ask', { query: ' ' }, 'body/query'],
    ['/api/ask', { query: 'x'.repeat(4001) }, 'body/query'],
  ])('at %s is refused by field, case %#', async (path, body, pointer) => {
    const { status, body: problem } = await as('acmeLead', path, body)
    const pointers = (problem.errors as { pointer: string }[]).map((error) => error.pointer.replace(/^\//, 'body/'))
    expect([status, pointers.some((one) => one.endsWith(pointer.replace('body/', '')))]).toEqual([422, true])
  })

  it('needs an address where the call has no recording of its own', async () => {
    const call_id = await callOf(world, acme)
    expect(await as('acmeLead', '/api/uwc/asr', { audio_urls: [{ call_id }] })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/audio_urls/0/url' }] },
    })
    await world.admin(`update call_logs set "recordingUrl" = $2 where id = $1`, [call_id, url])
    expect((await as('acmeLead', '/api/uwc/asr', { audio_urls: [{ call_id }] })).status).toBe(202)
  })

  it('of a list with a wrong filter or a wrong id is refused', async () => {
    expect((await as('acmeLead', '/api/uwc/jobs?kind=other')).status).toBe(422)
    expect((await as('acmeLead', '/api/uwc/jobs?cursor=abc')).status).toBe(422)
    expect((await as('acmeLead', '/api/uwc/jobs/nonsense')).status).toBe(422)
    expect((await as('acmeLead', `/api/uwc/jobs/${randomUUID()}`)).status).toBe(404)
  })
})

describe('@integration a question', () => {
  it('is answered from the company’s documents, in the caller’s role, and its tokens are counted', async () => {
    const { status, body } = await as('acmeRep', '/api/ask', { query: 'When?' })
    expect([status, body]).toEqual([
      200,
      {
        request_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
        answer: 'The documents say this of “When?”: Thursday.',
        sources: [{ document_id: 'doc-1', score: 0.92 }],
      },
    ])
    const [asked] = simulator.requests(10).filter(({ path }) => path === '/uwc/v1/rag/query')
    expect(asked).toMatchObject({
      status: 200,
      headers: { 'x-company-id': acme, 'x-request-id': body.request_id as string },
    })
    const text = await api.services.metrics.exposition()
    expect(text).toContain('llm_tokens_total{model="uwc-chat"} 321')
    expect(text).toContain('uwc_requests_total{endpoint="ask",method="POST",status="200"} 1')
    expect(text).toMatch(/uwc_request_duration_ms_count\{endpoint="ask",method="POST"\} 1/)
  })

  it.each([
    [503, 502, 'provider_failed'],
    [400, 400, 'provider_rejected'],
    [401, 502, 'provider_credentials'],
    [429, 429, 'provider_rate_limited'],
  ])('that the partner answers with %i is a clear problem', async (from, to, code) => {
    simulator.faults.add({
      operation: 'uwc_ask',
      kind: 'status',
      status: from,
      ...(from === 429 ? { retry_after: 600 } : {}),
    })
    const answer = await as('acmeRep', '/api/ask', { query: 'When?' })
    simulator.faults.clear()
    expect([answer.status, answer.body.type]).toEqual([to, expect.stringMatching(new RegExp(`${code}$`))])
    if (from === 429) expect(answer.headers.get('retry-after')).toBe('600')
  })
})
