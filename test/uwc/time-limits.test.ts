import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { callOf, leadOf } from '../store/partner-rows.js'
import { acme, borealis } from '../store/world.js'
import { eventually } from '../support/client.js'
import { type Partnered, startWithPartner } from './harness.js'

let partnered: Partnered
beforeAll(async () => {
  partnered = await startWithPartner({ UWC_POLL_SECONDS: '0.3', UWC_JOB_TIMEOUT_SECONDS: '3' })
}, 180_000)
afterAll(() => partnered.close())
afterEach(() => {
  partnered.simulator.faults.clear()
  partnered.simulator.configure({ uwc_job_ms: 150 })
})

const begin = async () => {
  const call_id = await callOf(partnered, acme)
  const { body } = await partnered.post('/api/uwc/analysis', { call_id })
  return { call_id, id: body.id as string, requestId: body.request_id as string }
}
const statusOf = async (requestId: string) =>
  (await partnered.application.services.uwc.workflowOf('analysis', requestId).describe()).status.name
const closed = (requestId: string) =>
  eventually(
    () => statusOf(requestId),
    (name) => name === 'COMPLETED',
    60_000,
  )

describe('@integration a job that the partner does not finish', () => {
  it('is timed_out, says so once, and is completed by an answer that comes after its workflow has closed', async () => {
    partnered.simulator.configure({ uwc_job_ms: 600_000 })
    const { id, requestId, call_id } = await begin()
    const row = await partnered.ended(id, 'timed_out')
    expect(row).toMatchObject({ error: 'timed_out', job_id: expect.stringMatching(/^job_/) as unknown, request: null })
    await closed(requestId)
    expect((await partnered.get(`/api/uwc/jobs/${id}`)).body).toMatchObject({
      status: 'timed_out',
      error: { code: 'timed_out' },
      failed_at: expect.any(String) as unknown,
      completed_at: null,
    })
    const late = {
      job_id: row.job_id,
      company_id: acme,
      request_id: requestId,
      call_id,
      timestamp: new Date().toISOString(),
    }
    const told = { ...late, status: 'completed', data: { sentiment: 1 } }
    for (const message of ['msg_1', 'msg_1', 'msg_2'])
      expect((await partnered.tell('analysis/complete', told, `${message}${requestId}`)).status).toBe(200)
    expect(await partnered.rowOf(id)).toMatchObject({
      status: 'completed',
      result: { sentiment: 1 },
      error: 'timed_out',
    })
    expect((await partnered.told(id)).map(({ event, data }) => [event, data.error])).toEqual([
      ['worker.task.failed', 'timed_out'],
      ['worker.task.finished', undefined],
    ])
    expect(await statusOf(requestId)).toBe('COMPLETED')
  })

  it('is timed_out as well when the partner was away all the time, and says how it was', async () => {
    partnered.simulator.faults.add({ operation: 'uwc_submit', kind: 'status', status: 503 })
    const { id } = await begin()
    expect(await partnered.ended(id, 'timed_out')).toMatchObject({
      error: 'timed_out',
      error_detail: 'uwc answered submit_analysis with 503',
      job_id: null,
    })
    expect(await partnered.told(id)).toMatchObject([
      { event: 'worker.task.failed', data: { error: 'timed_out', job_id: null } },
    ])
  })

  it('is failed when an operator cancels it', async () => {
    partnered.simulator.configure({ uwc_job_ms: 600_000 })
    const { id, requestId } = await begin()
    await eventually(
      () => partnered.rowOf(id),
      (row) => typeof row?.job_id === 'string',
    )
    await partnered.application.services.uwc.workflowOf('analysis', requestId).cancel()
    expect(await partnered.ended(id, 'failed')).toMatchObject({ error: 'cancelled' })
  })
})

describe('@integration a job whose workflow is lost', () => {
  it('has another, which finds the row as the first one left it', async () => {
    partnered.simulator.faults.add({ operation: 'webhook', kind: 'lost', provider: 'uwc' })
    partnered.simulator.configure({ uwc_job_ms: 1500 })
    const { id, requestId } = await begin()
    await eventually(
      () => partnered.rowOf(id),
      (row) => typeof row?.job_id === 'string',
    )
    await partnered.application.services.uwc.workflowOf('analysis', requestId).terminate()
    await partnered.admin(`update uwc_jobs set started_at = now() - interval '1 day' where id = $1`, [id])
    expect(await partnered.ended(id)).toMatchObject({ error: null })
    expect((await partnered.jobsAtPartner()).filter((job) => job.request_id === requestId)).toMatchObject([
      { submissions: 1 },
    ])
  })

  it('does nothing more once its row is over', async () => {
    const { id, requestId } = await begin()
    await partnered.ended(id)
    await closed(requestId)
    const before = partnered.requests().length
    await partnered.application.services.uwc.begin({ id, tenantId: acme, kind: 'analysis', requestId })
    await closed(requestId)
    expect(partnered.requests().length).toBe(before)
    expect(await partnered.told(id)).toHaveLength(1)
  })
})

describe('@multitenant an answer of the partner', () => {
  it('under a request id of another company’s job is no word on that job', async () => {
    partnered.simulator.faults.add({ operation: 'webhook', kind: 'lost', provider: 'uwc' })
    partnered.simulator.configure({ uwc_job_ms: 600_000 })
    const { id, requestId } = await begin()
    const theirs = {
      job_id: `job_${randomUUID()}`,
      company_id: borealis,
      request_id: requestId,
      status: 'completed',
      timestamp: new Date().toISOString(),
      data: { sentiment: -1 },
    }
    expect((await partnered.tell('analysis/complete', theirs)).status).toBe(200)
    expect(await partnered.rowOf(id)).toMatchObject({ tenant_id: acme, status: 'queued', result: {} })
    expect(await partnered.admin('select tenant_id, origin from uwc_jobs where job_id = $1', [theirs.job_id])).toEqual([
      { tenant_id: borealis, origin: 'partner' },
    ])
  })
})

describe('@integration a follow-up that wants a draft', () => {
  it('is given one, of another company’s lead none', async () => {
    const { uwc } = partnered.application.services
    const lead = await leadOf(partnered, acme)
    const wanted = { tenantId: acme, requestKey: randomUUID(), leadId: lead, channel: 'sms' as const }
    const [first, again] = [await uwc.drafts.request(wanted), await uwc.drafts.request(wanted)]
    expect(again).toEqual(first)
    await uwc.drafts.startJob({ ...first, tenantId: acme })
    await partnered.ended(first.id)
    expect(await uwc.drafts.read(acme, first.id)).toEqual({
      status: 'completed',
      draft: 'Thank you for your time. See you on Thursday.',
      error: null,
    })
    await expect(uwc.drafts.request({ ...wanted, tenantId: borealis })).rejects.toMatchObject({ status: 404 })
    await expect(uwc.drafts.read(borealis, first.id)).rejects.toMatchObject({ status: 404 })
  })
})
