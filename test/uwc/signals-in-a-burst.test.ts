import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Partnered, startWithPartner } from './harness.js'
import { beginJob, closedWith } from './told.js'

// No webhook has a workflow of its own, as in a burst: it is taken in the commit of its receipt.
let partnered: Partnered
beforeAll(async () => {
  partnered = await startWithPartner({ UWC_POLL_SECONDS: '3600', WEBHOOK_MAX_INFLIGHT: '0' })
}, 180_000)
afterAll(() => partnered.close())

describe('@integration the workflow of a job in a burst', () => {
  it('is told of what was taken at once', async () => {
    const { id, requestId } = await beginJob(partnered)
    await partnered.ended(id)
    expect(await closedWith(partnered, requestId)).toEqual(['jobOver'])
    expect(await partnered.admin(`select signal_pending from webhook_receipts where provider = 'uwc'`)).toEqual([
      { signal_pending: false },
    ])
  }, 120_000)
})
