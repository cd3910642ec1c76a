import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callbackUrl } from '../../src/providers/tavus/callback-token.js'
import { acme, aSession } from '../store/world.js'
import { eventually, shutdown } from './harness.js'
import { type Repair, startRepair } from './repair-harness.js'

let repair: Repair
beforeAll(async () => {
  repair = await startRepair()
})
afterAll(() => repair.close())

/** Samples of an instrument, labels in the order of the specification. */
const samples = async (name: string) =>
  (await repair.metrics.exposition()).split('\n').filter((line) => line.startsWith(`${name}{`))

describe('metrics of webhooks @integration', () => {
  it('count events by provider, company and what became of them; duplicates, failures and answers', async () => {
    const session = await repair.session()
    const event = shutdown(session.conversationId)
    for (let n = 0; n < 3; n++) await repair.post(session.sessionId, event)
    expect(await samples('webhook_processed_total')).toEqual([
      `webhook_processed_total{provider="tavus",tenant_id="${acme}",status="processed"} 1`,
    ])
    expect(await samples('webhook_duplicates_total')).toEqual([
      `webhook_duplicates_total{provider="tavus",tenant_id="${acme}"} 2`,
    ])
    expect(await samples('webhook_failures_total')).toEqual([])
    expect(await samples('webhook_ack_duration_ms_count')).toEqual([
      'webhook_ack_duration_ms_count{provider="tavus"} 3',
    ])
    const sum = Number((await samples('webhook_ack_duration_ms_sum'))[0]?.split(' ')[1])
    expect(sum).toBeGreaterThan(0)
  })

  it('count a failure for the company of its session, and what is not authentic for nobody', async () => {
    const { session } = await repair.failed()
    expect(await samples('webhook_failures_total')).toEqual([
      `webhook_failures_total{provider="tavus",tenant_id="${acme}"} 1`,
    ])
    const address = callbackUrl({
      base: `${repair.app.url}/tavus/callback`,
      sessionId: session.sessionId,
      secrets: ['x'],
    })
    const refused = await fetch(address, { method: 'POST', body: '{}' })
    expect(refused.status).toBe(401)
    expect(await samples('webhook_failures_total')).toEqual([
      `webhook_failures_total{provider="tavus",tenant_id="${acme}"} 1`,
      'webhook_failures_total{provider="tavus",tenant_id=""} 1',
    ])
  })

  it('count what waits for a session that nobody knows without a company', async () => {
    const { sessionId, conversationId } = aSession()
    await repair.post(sessionId, shutdown(conversationId))
    await eventually(async () =>
      (await samples('webhook_processed_total')).includes(
        'webhook_processed_total{provider="tavus",tenant_id="",status="waiting"} 1',
      ),
    )
  })
  it('count what waits once, however often it is looked for', async () => {
    const { sessionId, conversationId } = aSession()
    const waiting = 'webhook_processed_total{provider="tavus",tenant_id="",status="waiting"}'
    const count = async () =>
      Number((await samples('webhook_processed_total')).find((line) => line.startsWith(waiting))?.split(' ')[1] ?? 0)
    const before = await count()
    await repair.post(sessionId, shutdown(conversationId))
    await eventually(async () => (await count()) === before + 1)
    for (let n = 0; n < 3; n++) {
      await repair.admin(
        `update webhook_receipts set next_attempt_at = now() - interval '1 second', error = 'looked' where session_id = $1`,
        [sessionId],
      )
      await repair.wakeDrain()
      await eventually(async () => (await repair.receipts('session_id = $1', [sessionId]))[0]?.error !== 'looked')
    }
    expect(await count()).toBe(before + 1)
  })
})
