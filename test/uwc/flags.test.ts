import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import type { Simulator } from '../../src/simulator/server.js'
import { tokenOf } from '../http/identity-world.js'
import { callOf, documentOf, leadOf } from '../store/partner-rows.js'
import { acme, createWorld, type World } from '../store/world.js'
import { startApi, type TestApi } from '../support/application.js'
import { call } from '../support/client.js'
import { connectPhones } from '../webhooks/phone.js'
import { bland } from '../webhooks/subjects.js'
import { deliver } from '../webhooks/wire.js'
import { everything, partnerEnv, startPartner } from './harness.js'

let world: World
let simulator: Simulator
beforeAll(async () => {
  ;[world, simulator] = await Promise.all([createWorld(), startPartner()])
  await connectPhones(world)
})
afterAll(async () => {
  await simulator.close()
  await world.close()
})

async function withFlags<T>(flags: Record<string, string>, work: (api: TestApi) => Promise<T>): Promise<T> {
  const api = await startApi({ databaseUrl: world.test.url, env: { ...partnerEnv(simulator.url), ...flags } })
  try {
    return await work(api)
  } finally {
    await api.stop()
  }
}

const routes: readonly [flag: keyof typeof everything, path: string, body: () => Promise<object>][] = [
  [
    'ENABLE_UWC_ASR',
    '/api/uwc/asr',
    async () => ({ audio_urls: [{ call_id: await callOf(world, acme), url: 'https://a.example/1' }] }),
  ],
  ['ENABLE_UWC_ASR', '/api/uwc/analysis', async () => ({ call_id: await callOf(world, acme) })],
  [
    'ENABLE_UWC_RAG',
    '/api/uwc/documents',
    async () => ({ documents: [{ document_id: await documentOf(world, acme), content: 'x' }] }),
  ],
  ['ENABLE_UWC_RAG', '/api/ask', async () => ({ query: 'What is it?' })],
  [
    'ENABLE_UWC_TRAINING',
    '/api/uwc/training',
    async () => ({ rep_id: seedUsers.acmeRep.id, media_urls: ['https://a.example/1'] }),
  ],
  ['ENABLE_UWC_FOLLOWUPS', '/api/uwc/followups', async () => ({ lead_id: await leadOf(world, acme) })],
]

const jobs = () => world.admin<{ n: number }>('select count(*)::int as n from uwc_jobs')
const sent = () => simulator.requests(1000).filter(({ path }) => path.startsWith('/uwc/'))

describe('@integration what is switched off', () => {
  it('is off unless it is switched on, and 404 before anything is read', async () => {
    const token = await tokenOf('acmeLead')
    await withFlags({}, async ({ url }) => {
      for (const [flag, path, body] of routes)
        for (const sentBody of [await body(), { nonsense: true }])
          expect(await call(`${url}${path}`, { token, body: sentBody }), path).toMatchObject({
            status: 404,
            body: { type: expect.stringMatching(/feature_disabled$/) as unknown, detail: `${flag} is off` },
          })
      // Who may not call at all is told that.
      expect((await call(`${url}/api/ask`, { body: { query: 'x' } })).status).toBe(401)
      expect((await call(`${url}/api/uwc/training`, { token: await tokenOf('acmeRep'), body: {} })).status).toBe(403)
    })
    expect([await jobs(), sent()]).toEqual([[{ n: 0 }], []])
  })

  it.each(Object.keys(everything))('%s alone: nothing of it is taken or sent, all else is', async (flag) => {
    const token = await tokenOf('acmeLead')
    await withFlags({ ...everything, [flag]: 'false' }, async ({ url }) => {
      for (const [of, path, body] of routes) {
        const before = [await jobs(), sent().length]
        const { status } = await call(`${url}${path}`, { token, body: await body() })
        expect([path, status]).toEqual([path, of === flag ? 404 : path === '/api/ask' ? 200 : 202])
        if (of === flag) expect([await jobs(), sent().length]).toEqual(before)
      }
    })
  })

  it('leaves recordings as they are', async () => {
    const of = (id: string) =>
      world.admin<{ n: number }>(
        `select count(*)::int as n from uwc_jobs j join call_logs c on c.id = j.subject_id where c.external_id = $1`,
        [id],
      )
    for (const [flag, n] of [
      ['false', 0],
      ['true', 1],
    ] as const)
      await withFlags({ ENABLE_UWC_ASR: flag, WEBHOOK_MAX_INFLIGHT: '0' }, async (api) => {
        expect((await deliver({ app: { url: api.url } }, bland(`BL-${flag}`, acme))).said).toBe('processed')
        expect(await of(`BL-${flag}`)).toEqual([{ n }])
      })
  })
})

describe('@integration an installation without an account of the partner', () => {
  it('says so, and takes no job that it could not send', async () => {
    const before = await jobs()
    await withFlags({ ...everything, UWC_API_KEY: '' }, async ({ url }) => {
      for (const [, path, body] of routes)
        expect(await call(`${url}${path}`, { token: await tokenOf('acmeLead'), body: await body() })).toMatchObject({
          status: 503,
          body: { type: expect.stringMatching(/provider_not_configured$/) as unknown },
        })
    })
    expect(await jobs()).toEqual(before)
  })
})
