import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aSession, borealis } from '../store/world.js'
import { eventually, shutdown } from './harness.js'
import { type Repair, startRepair } from './repair-harness.js'

let repair: Repair
beforeAll(async () => {
  repair = await startRepair()
})
afterAll(() => repair.close())

const replay = (id: string, as = 'acmeLead') => repair.ask(as, 'POST', `/${id}/replay`)

describe('POST /webhooks/deliveries/:id/replay @integration', () => {
  it('takes a failed one again, from the bytes that came, and tells its session', async () => {
    const { id, session, row } = await repair.failed()
    expect(await replay(id)).toMatchObject({ status: 200, body: { id, status: 'failed', fault: 'ours' } })
    expect(await repair.rowOf(id)).toMatchObject({ status: 'failed', tries: 5 })

    repair.failing.delete(session.conversationId)
    expect(await replay(id)).toMatchObject({ status: 200, body: { id, status: 'processed', error: null, fault: null } })
    expect(await repair.rowOf(id)).toMatchObject({
      status: 'processed',
      attempts: 1,
      error: null,
      payload: row.payload,
    })
    expect(await repair.logOf(session.sessionId)).toEqual(['session.ended', 'system.webhook.processed'])
    expect((await repair.sessionRow(session.sessionId))?.ended_at).not.toBeNull()
    await eventually(async () => repair.signals.some(({ sessionId }) => sessionId === session.sessionId))
  })

  it('takes a waiting one, and a parked one, whose session has come', async () => {
    const before = aSession()
    await repair.post(before.sessionId, shutdown(before.conversationId))
    const [waiting] = await repair.receipts('session_id = $1', [before.sessionId])
    // Nobody's as long as nothing is known of it; its company sees it once the drain has found whose it is.
    expect((await replay(waiting?.id ?? '')).status).toBe(404)

    const session = await repair.session()
    await repair.post(session.sessionId, shutdown('c-before-it-was-mended'))
    const [parked] = await repair.receipts('session_id = $1', [session.sessionId])
    expect(parked?.status).toBe('unmatched')
    await repair.admin('update conversations_users set external_conversation_id = $1 where session_id = $2', [
      'c-before-it-was-mended',
      session.sessionId,
    ])
    expect(await replay(parked?.id ?? '')).toMatchObject({ status: 200, body: { status: 'processed' } })
  })

  it('answers 202 while nobody takes it', async () => {
    const { id, session } = await repair.failed()
    repair.failing.set(session.conversationId, () => Object.assign(new Error('deadlock'), { code: '40P01' }))
    expect(await replay(id)).toMatchObject({ status: 202, body: { status: 'received' } })
    expect(await replay(id)).toMatchObject({ status: 409, body: { code: 'delivery_pending' } })
    repair.failing.delete(session.conversationId)
    await eventually(async () => (await repair.rowOf(id))?.status === 'processed')
  })
})

describe('a replay @idempotency', () => {
  it('is refused for what was processed, and changes nothing', async () => {
    const session = await repair.session()
    await repair.post(session.sessionId, shutdown(session.conversationId))
    const [before] = await repair.receipts('session_id = $1', [session.sessionId])
    expect(await replay(before?.id ?? '')).toMatchObject({ status: 409, body: { code: 'delivery_processed' } })
    expect((await repair.receipts('session_id = $1', [session.sessionId]))[0]).toEqual(before)
    expect(await repair.logOf(session.sessionId)).toEqual(['session.ended', 'system.webhook.processed'])
  })

  it('is superseded when another delivery of the event has succeeded', async () => {
    const { id, session, event } = await repair.failed()
    repair.failing.delete(session.conversationId)
    await eventually(async () => (await repair.post(session.sessionId, event)).status === 200)
    await eventually(
      async () => (await repair.receipts(`session_id = $1 and status = 'processed'`, [session.sessionId])).length === 1,
    )
    expect(await replay(id)).toMatchObject({ status: 409, body: { code: 'delivery_superseded' } })
    expect(await repair.rowOf(id)).toMatchObject({ status: 'failed' })
    expect(await repair.logOf(session.sessionId)).toEqual(['session.ended', 'system.webhook.processed'])
  })

  it('asked for many times at once has its effect once', async () => {
    const { id, session } = await repair.failed()
    repair.failing.delete(session.conversationId)
    const answers = await Promise.all(Array.from({ length: 8 }, () => replay(id)))
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status !== 409).length).toBeGreaterThanOrEqual(1)
    await eventually(async () => (await repair.rowOf(id))?.status === 'processed')
    expect(await repair.logOf(session.sessionId)).toEqual(['session.ended', 'system.webhook.processed'])
  })

  it('and the provider’s own repetition at the same time are one', async () => {
    const failed = await Promise.all(Array.from({ length: 10 }, () => repair.failed()))
    repair.failing.clear()
    await Promise.all(failed.flatMap(({ id, session, event }) => [replay(id), repair.post(session.sessionId, event)]))
    for (const { session } of failed) {
      await eventually(async () =>
        (await repair.receipts('session_id = $1', [session.sessionId])).every(({ status }) =>
          ['processed', 'failed'].includes(status),
        ),
      )
      const rows = await repair.receipts(`session_id = $1 and status = 'processed'`, [session.sessionId])
      expect(rows).toHaveLength(1)
      expect(await repair.logOf(session.sessionId)).toEqual(['session.ended', 'system.webhook.processed'])
    }
  })
})

describe('a replay @multitenant', () => {
  it('is the own company’s', async () => {
    const { id, session } = await repair.failed(borealis)
    repair.failing.delete(session.conversationId)
    expect((await replay(id)).status).toBe(404)
    expect((await replay(randomUUID())).status).toBe(404)
    expect(await repair.rowOf(id)).toMatchObject({ status: 'failed', tries: 5 })
    expect(await replay(id, 'borealisLead')).toMatchObject({ status: 200, body: { status: 'processed' } })
  })
})
