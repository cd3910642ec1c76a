import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/client.js'
import { type Partnered, startWithPartner } from './harness.js'
import { beginJob, closedWith } from './told.js'

// Nobody asks the partner for anything: what closes a workflow here is the signal of a webhook.
let partnered: Partnered
beforeAll(async () => {
  partnered = await startWithPartner({ UWC_POLL_SECONDS: '3600' })
}, 180_000)
afterAll(() => partnered.close())
afterEach(() => {
  partnered.simulator.faults.clear()
  partnered.simulator.configure({ uwc_job_ms: 150 })
})

describe('@integration the workflow of a job', () => {
  it('is told by the webhook, once however often that comes', async () => {
    partnered.simulator.faults.add({ operation: 'webhook', kind: 'duplicate', provider: 'uwc' })
    const { id, requestId } = await beginJob(partnered)
    expect(await closedWith(partnered, requestId)).toEqual(['jobOver'])
    expect(await partnered.rowOf(id)).toMatchObject({ status: 'completed' })
  })

  it('is told by a webhook that came while the engine was away', async () => {
    partnered.simulator.configure({ uwc_job_ms: 600_000 })
    const { id, requestId, call_id } = await beginJob(partnered)
    const row = await eventually(
      () => partnered.rowOf(id),
      (one) => typeof one?.job_id === 'string',
      30_000,
    )
    await partnered.temporal.cut()
    const told = {
      job_id: row?.job_id,
      company_id: row?.tenant_id,
      call_id,
      status: 'completed',
      data: { sentiment: 1 },
    }
    const answer = await partnered.tell('analysis/complete', told)
    await partnered.temporal.mend()
    expect(answer.status).toBeLessThan(300)
    expect(await closedWith(partnered, requestId)).toContain('jobOver')
    expect(await partnered.rowOf(id)).toMatchObject({ status: 'completed', result: { sentiment: 1 } })
  }, 120_000)

  it('is not told of what is not the end', async () => {
    partnered.simulator.configure({ uwc_job_ms: 600_000 })
    const { id, requestId, call_id } = await beginJob(partnered)
    const row = await eventually(
      () => partnered.rowOf(id),
      (one) => typeof one?.job_id === 'string',
      30_000,
    )
    const common = { job_id: row?.job_id, company_id: row?.tenant_id, request_id: requestId, call_id }
    for (const status of ['queued', 'running', 'pondering', 'completed'])
      expect((await partnered.tell('analysis/complete', { ...common, status })).status).toBe(200)
    expect(await closedWith(partnered, requestId)).toEqual(['jobOver'])
  })
})
