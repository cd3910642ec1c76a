import { createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Simulator } from '../../src/simulator/server.js'
import { call } from '../support/client.js'
import { startPartner, uwcKey } from '../uwc/harness.js'
import { webhookSecret } from '../webhooks/signed.js'

let simulator: Simulator
beforeEach(async () => (simulator = await startPartner()))
afterEach(() => simulator.close())

const signed = (body: string, at = Math.floor(Date.now() / 1000)) => {
  const key = Buffer.from(webhookSecret.replace('whsec_', ''), 'base64')
  return {
    'webhook-id': 'r-1',
    'webhook-timestamp': String(at),
    'webhook-signature': `v1,${createHmac('sha256', key).update(`r-1.${at}.${body}`).digest('base64')}`,
  }
}

async function send(path: string, body: object | undefined, headers: Record<string, string> = {}) {
  const raw = body === undefined ? '' : JSON.stringify(body)
  return await call(`${simulator.url}/uwc/v1${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    ...(body === undefined ? {} : { raw }),
    headers: { authorization: `Bearer ${uwcKey}`, 'x-company-id': 'company-1', ...signed(raw), ...headers },
  })
}

const analysis = { company_id: 'company-1', request_id: 'r-1', call_id: 'c-1' }

describe('the simulated partner', () => {
  it('takes a job once for each request id, and tells how it stands', async () => {
    simulator.configure({ uwc_job_ms: 0 })
    const first = await send('/analysis/submit', analysis)
    const again = await send('/analysis/submit', analysis)
    expect([first.status, again.status]).toEqual([202, 200])
    expect(again.body.job_id).toBe(first.body.job_id)
    expect((await send('/analysis/submit', { ...analysis, call_id: 'c-2' })).status).toBe(409)
    expect((await send(`/jobs/${first.body.job_id as string}`, undefined)).body).toMatchObject({
      status: 'completed',
      request_id: 'r-1',
      company_id: 'company-1',
      call_id: 'c-1',
      data: { sentiment: 0.4 },
    })
    expect((await send('/jobs/job_x', undefined)).status).toBe(404)
    const foreign = { 'x-company-id': 'company-2' }
    expect((await send(`/jobs/${first.body.job_id as string}`, undefined, foreign)).status).toBe(404)
  })

  it('refuses another key, a signature that does not fit, and a stale one', async () => {
    const stale = signed(JSON.stringify(analysis), Math.floor(Date.now() / 1000) - 302)
    for (const headers of [
      { authorization: 'Bearer other' },
      { 'webhook-signature': 'v1,AAAA' },
      signed('{}'),
      stale,
    ] as Record<string, string>[])
      expect((await send('/analysis/submit', analysis, headers)).status).toBe(401)
  })

  it.each([
    ['/asr/batch', { audio_urls: [] }, 'audio_urls'],
    ['/documents/index', { documents: [{ document_id: 'd' }] }, 'documents.0.content'],
    ['/training/submit', { training_data: { rep_id: 'r' } }, 'training_data.media_urls'],
    ['/analysis/submit', {}, 'call_id'],
    ['/followups/draft', {}, 'lead or a call'],
    ['/rag/query', { query: 'x' }, 'context'],
  ])('names the field of %s that is wrong', async (path, body, named) => {
    const answer = await send(path, { company_id: 'company-1', request_id: 'r-1', ...body })
    expect(answer.status).toBe(422)
    expect(answer.body.error.message).toContain(named)
  })

  it('has faults of its own: latency, 5xx, 429, a lost answer', async () => {
    simulator.faults.add({ operation: 'uwc_submit', kind: 'status', status: 500, times: 1 })
    expect((await send('/analysis/submit', analysis)).status).toBe(500)
    simulator.faults.add({ operation: 'uwc_submit', kind: 'status', status: 429, retry_after: 7, times: 1 })
    expect((await send('/analysis/submit', analysis)).headers.get('retry-after')).toBe('7')
    simulator.faults.add({ operation: 'uwc_submit', kind: 'lost_answer', times: 1 })
    await expect(send('/analysis/submit', analysis)).rejects.toThrow()
    const { body } = await call(`${simulator.url}/__sim/uwc/jobs`, { method: 'GET' })
    expect(body.jobs).toMatchObject([{ request_id: 'r-1', submissions: 1 }])
    simulator.faults.add({ operation: 'uwc_ask', kind: 'reset', times: 1 })
    const question = { company_id: 'company-1', request_id: 'r-1', query: 'x', context: { user_role: 'rep' } }
    await expect(send('/rag/query', question)).rejects.toThrow()
    expect((await send('/rag/query', question)).status).toBe(200)
  })

  it('alone plays nobody else', async () => {
    expect((await call(`${simulator.url}/v2/conversations`, { body: {} })).status).toBe(404)
    expect((await call(`${simulator.url}/__sim/health`, { method: 'GET' })).status).toBe(200)
  })
})
