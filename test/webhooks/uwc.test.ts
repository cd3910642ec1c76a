import { createHmac, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import { callOf } from '../store/partner-rows.js'
import { acme, borealis } from '../store/world.js'
import { startEngine, type TestEngine } from './harness.js'
import { send, type SigningOptions, standardHeaders, webhookSecret } from './signed.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await startEngine({ env: { UWC_HMAC_SECRET: `${webhookSecret},an older secret` } })
})
afterAll(() => engine.close())

const answer = (changes: object = {}) => ({
  type: 'training.status',
  job_id: randomUUID(),
  company_id: acme,
  status: 'completed',
  timestamp: '2026-11-21T09:29:58.120Z',
  rep_id: seedUsers.acmeRep.id,
  data: { score: 7 },
  ...changes,
})

async function post(body: object, options: Partial<SigningOptions> & { path?: string } = {}) {
  const { path = '/webhooks/uwc/training/status', ...signing } = options
  const text = JSON.stringify(body)
  return await send(engine.app.url + path, text, standardHeaders(text, { id: `msg_${randomUUID()}`, ...signing }))
}

const jobs = (jobId: string) =>
  engine.admin<Record<string, unknown>>('select * from uwc_jobs where job_id = $1', [jobId])
const told = async (jobId: string) =>
  (
    await engine.admin<{ event: string }>(`select event from event_logs where data->>'job_id' = $1 order by id`, [
      jobId,
    ])
  ).map(({ event }) => event)

describe('@integration an answer of the partner', () => {
  it('is stored with its job, and told in the company’s log', async () => {
    const body = answer()
    const id = `msg_${randomUUID()}`
    expect(await post(body, { id })).toEqual({
      status: 200,
      body: { status: 'processed', provider: 'uwc', event_id: `training/${id}/completed` },
    })
    expect(await jobs(body.job_id)).toMatchObject([
      {
        tenant_id: acme,
        kind: 'training',
        status: 'completed',
        result: { score: 7 },
        subject_id: seedUsers.acmeRep.id,
      },
    ])
    expect(await told(body.job_id)).toEqual(['worker.task.finished'])
    expect(await engine.receipts('external_id = $1', [body.job_id])).toMatchObject([{ tenant_id: acme, attempts: 1 }])
  })

  it('is taken at each of its addresses', async () => {
    const call = await callOf(engine, acme)
    for (const [path, kind] of [
      ['asr/complete', 'asr'],
      ['rag/indexed', 'rag'],
      ['training/status/', 'training'],
      ['analysis/complete', 'analysis'],
      ['followup/draft', 'followup'],
    ])
      for (const prefix of ['/webhooks', '/webhook']) {
        const body = answer({ call_id: call, data: { text: 'hello' } })
        expect((await post(body, { path: `${prefix}/uwc/${path}` })).status).toBe(200)
        expect(await jobs(body.job_id)).toMatchObject([{ kind }])
      }
    expect(await engine.admin('select text from transcripts where call_id = $1', [call])).toEqual([{ text: 'hello' }])
    expect((await post(answer(), { path: '/webhooks/uwc/other/thing' })).status).toBe(404)
  })

  it('may be signed in the older form, in hex or base64', async () => {
    for (const encoding of ['hex', 'base64'] as const) {
      const body = JSON.stringify(answer())
      const timestamp = String(Math.floor(Date.now() / 1000))
      const signature = createHmac('sha256', 'an older secret').update(`${timestamp}.${body}`).digest(encoding)
      const headers = { 'X-UWC-Timestamp': timestamp, 'X-UWC-Signature': `sha256=${signature}` }
      const url = `${engine.app.url}/webhooks/uwc/training/status`
      expect((await send(url, body, headers)).body.status).toBe('processed')
      // An id that nobody signed makes no other event of it.
      expect((await send(url, body, { ...headers, 'webhook-id': 'msg_other' })).body.status).toBe('duplicate_ignored')
    }
  })

  it('is refused by field', async () => {
    expect(await post(answer({ job_id: undefined, company_id: 7 }))).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/job_id' }, { pointer: '/company_id' }] },
    })
  })
})

describe('@idempotency an answer of the partner', () => {
  it('is ignored the second time', async () => {
    const [body, id] = [answer(), `msg_${randomUUID()}`]
    await post(body, { id })
    expect(await post(body, { id })).toMatchObject({ status: 200, body: { status: 'duplicate_ignored' } })
    expect(await engine.receipts('external_id = $1', [body.job_id])).toMatchObject([
      { attempts: 2, status: 'processed' },
    ])
    expect(await told(body.job_id)).toEqual(['worker.task.finished'])
  })

  it('has its effect once when fifty come at the same instant', async () => {
    const [body, id] = [answer(), `msg_${randomUUID()}`]
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(body, { id })))
    expect(answers.filter(({ body: said }) => said.status === 'processed')).toHaveLength(1)
    expect(await engine.receipts('external_id = $1', [body.job_id])).toMatchObject([{ attempts: 50 }])
    expect(await told(body.job_id)).toEqual(['worker.task.finished'])
  })

  it('of another status is another event, and a late one undoes nothing', async () => {
    const [body, id] = [answer(), `msg_${randomUUID()}`]
    for (const status of ['queued', 'completed', 'running'])
      expect((await post({ ...body, status }, { id })).body.status).toBe('processed')
    expect(await jobs(body.job_id)).toMatchObject([{ status: 'completed' }])
    expect(await engine.receipts('external_id = $1', [body.job_id])).toHaveLength(3)
  })
})

describe('@multitenant an answer of the partner', () => {
  it('about another company’s call, or of no company, has no effect', async () => {
    const theirs = answer({ call_id: await callOf(engine, borealis), rep_id: undefined, data: { text: 'stolen' } })
    expect((await post(theirs, { path: '/webhooks/uwc/asr/complete' })).status).toBe(202)
    expect(await engine.receipts('external_id = $1', [theirs.job_id])).toMatchObject([
      { status: 'unmatched', error: 'the call is not the company’s', error_side: 'theirs' },
    ])
    const nobodys = answer({ company_id: randomUUID() })
    expect((await post(nobodys)).body.status).toBe('accepted')
    expect(await engine.receipts('external_id = $1', [nobodys.job_id])).toMatchObject([{ status: 'waiting' }])
    expect([await jobs(theirs.job_id), await jobs(nobodys.job_id)]).toEqual([[], []])
    expect(await engine.admin(`select from transcripts where text = 'stolen'`)).toEqual([])
  })
})

describe('@unit an answer that the partner did not sign', () => {
  it('is refused for one byte, another key, a stale time or no signature, and nothing is stored', async () => {
    const text = JSON.stringify(answer())
    const url = `${engine.app.url}/webhooks/uwc/training/status`
    const good = standardHeaders(text, { id: 'msg_1' })
    const before = await engine.receipts()
    const now = Math.floor(Date.now() / 1000)
    const older = (key: string, at: number) => ({
      'x-uwc-timestamp': String(at),
      'x-uwc-signature': createHmac('sha256', key).update(`${at}.${text}`).digest('hex'),
    })
    const answers = [
      await send(url, text.replace('completed', 'completeD'), good),
      await send(url, text, standardHeaders(text, { id: 'msg_1', secret: 'whsec_c29tZWJvZHkgZWxzZQ==' })),
      await send(url, text, standardHeaders(text, { id: 'msg_1', at: now - 302 })),
      await send(url, text, standardHeaders(text, { id: 'msg_1', at: now + 302 })),
      await send(url, text, {}),
      await send(url, text, older('another secret', now)),
      await send(url, text, older('an older secret', now - 302)),
    ]
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 401))
    expect(await engine.receipts()).toEqual(before)
  })
})
