import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aSession, borealis } from '../store/world.js'
import { seedUsers } from '../../src/dev/seed.js'
import { anEvent, eventually, shutdown, startEngine, type TestEngine } from './harness.js'

describe('more events at once than have a workflow of their own', () => {
  let engine: TestEngine
  beforeAll(async () => {
    engine = await startEngine({ env: { WEBHOOK_MAX_INFLIGHT: '0' } })
  })
  afterAll(() => engine.close())

  it('are accepted, then drained, and their sessions told', async () => {
    const sessions = await Promise.all(Array.from({ length: 30 }, () => engine.session()))
    const answers = await Promise.all(
      sessions.map((session) => engine.post(session.sessionId, shutdown(session.conversationId))),
    )
    expect(new Set(answers.map(({ status, body }) => `${status} ${String(body.status)}`))).toEqual(
      new Set(['202 accepted']),
    )
    await eventually(async () => (await engine.receipts(`status = 'processed' and not signal_pending`)).length === 30)
    expect(engine.signals.map(({ sessionId }) => sessionId).sort()).toEqual(
      sessions.map(({ sessionId }) => sessionId).sort(),
    )
    expect(engine.signals[0]?.message.kind).toBe('shutdown')
    for (const { sessionId } of sessions) expect((await engine.sessionRow(sessionId))?.status).toBe('completed')
    expect(engine.wakes.count).toBeLessThan(10)
  })

  it('are duplicates of one another whether or not they are finished', async () => {
    const session = await engine.session()
    const event = shutdown(session.conversationId)
    const answers = await Promise.all([1, 2, 3].map(() => engine.post(session.sessionId, event)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 202])
  })
})

describe('the drain', () => {
  let engine: TestEngine
  const failing = new Set<string>()
  beforeAll(async () => {
    engine = await startEngine({
      worker: false,
      env: { WEBHOOK_MAX_INFLIGHT: '0', WEBHOOK_MATCH_MINUTES: '0.01' },
      effectsOf: (real) => (delivery) => {
        if (failing.has(delivery.externalId)) throw new RangeError('a bug')
        return real(delivery)
      },
    })
  })
  afterAll(() => engine.close())
  const drain = (limit = 256) => engine.engine.activityDeps.drain.batch(limit)
  const settledBy = async (limit?: number) => (await drain(limit)).map(({ status }) => status).sort()

  it('lets one bad receipt stop no other, and gives it up after five tries', async () => {
    const sessions = await Promise.all(Array.from({ length: 10 }, () => engine.session()))
    failing.add(sessions[4]?.conversationId ?? '')
    for (const session of sessions) await engine.post(session.sessionId, shutdown(session.conversationId))
    expect(await settledBy()).toEqual([...Array.from({ length: 9 }, () => 'processed'), 'received'])
    expect(await engine.receipts(`status = 'received'`)).toMatchObject([{ tries: 1, error_side: 'ours' }])
    for (let tries = 2; tries <= 5; tries++) {
      expect(await drain()).toEqual([])
      await engine.admin('update webhook_receipts set next_attempt_at = now()')
      await drain()
    }
    expect(await engine.receipts(`status <> 'processed'`)).toMatchObject([{ status: 'failed', tries: 5 }])
    expect(await engine.metrics.exposition()).not.toContain('Mrs')
  })

  it('takes turns, so that one company’s burst does not hold up another', async () => {
    const [loud, quiet] = [
      await engine.session(),
      await engine.session({ owner: { userId: seedUsers.borealisLead.id, tenantId: borealis } }),
    ]
    for (let n = 0; n < 20; n++)
      await engine.post(loud.sessionId, anEvent(loud.conversationId, `application.burst_${n}`))
    await engine.post(quiet.sessionId, anEvent(quiet.conversationId, 'application.single'))
    for (let n = 0; n < 20; n++) await engine.post(randomUUID(), anEvent('c-unknown', `application.unknown_${n}`))
    const taken = await drain(3)
    expect(new Map(taken.map(({ sessionId, status }) => [sessionId, status]))).toEqual(
      new Map([
        [loud.sessionId, 'processed'],
        [quiet.sessionId, 'processed'],
        [undefined, 'waiting'],
      ]),
    )
    expect(taken).toHaveLength(3)
    while ((await drain()).length > 0);
    await engine.admin(`delete from webhook_receipts where status = 'waiting'`)
  })

  it('picks up a receipt whose workflow was never started, once it is old enough', async () => {
    const session = await engine.session()
    await engine.post(session.sessionId, shutdown(session.conversationId))
    await engine.admin('update webhook_receipts set drain = false where session_id = $1', [session.sessionId])
    expect(await drain()).toEqual([])
    await engine.admin(
      `update webhook_receipts set received_at = now() - interval '16 seconds' where session_id = $1`,
      [session.sessionId],
    )
    expect(await settledBy()).toEqual(['processed'])
  })

  it('looks for a session ever more seldom, and parks the event in the end', async () => {
    const { sessionId, conversationId } = aSession()
    await engine.post(sessionId, shutdown(conversationId))
    expect(await settledBy()).toEqual(['waiting'])
    const dueMs = await engine.engine.activityDeps.drain.nextDueMs()
    expect(dueMs).toBeLessThanOrEqual(600)
    await new Promise((resolve) => setTimeout(resolve, 650))
    expect(await settledBy()).toEqual(['unmatched'])
    expect(await engine.receipts('session_id = $1', [sessionId])).toMatchObject([
      { error: 'no such session', error_side: 'theirs' },
    ])
    expect(await drain()).toEqual([])
  })

  it('sends the signals that a dead drain left behind', async () => {
    const session = await engine.session()
    await engine.post(session.sessionId, shutdown(session.conversationId))
    await drain() // died before it sent them
    expect(await engine.receipts('session_id = $1', [session.sessionId])).toMatchObject([{ signal_pending: true }])
    expect(await engine.engine.activityDeps.drain.leftoverSignals(10)).toEqual([])
    await engine.admin(
      `update webhook_receipts set first_processed_at = now() - interval '11 seconds' where session_id = $1`,
      [session.sessionId],
    )
    const [leftover] = await engine.engine.activityDeps.drain.leftoverSignals(10)
    expect(leftover).toMatchObject({ sessionId: session.sessionId, signal: { kind: 'shutdown' } })
    await engine.engine.activityDeps.drain.signalsSent([leftover?.receiptId ?? ''])
    expect(await engine.receipts('session_id = $1', [session.sessionId])).toMatchObject([{ signal_pending: false }])
  })

  it('shares receipts with another drain, each taken once', async () => {
    const sessions = await Promise.all(Array.from({ length: 20 }, () => engine.session()))
    for (const session of sessions) await engine.post(session.sessionId, shutdown(session.conversationId))
    const both = (await Promise.all([drain(15), drain(15)])).flat()
    const rest = await drain()
    const ids = [...both, ...rest].map(({ receiptId }) => receiptId)
    expect(new Set(ids).size).toBe(20)
    expect(ids).toHaveLength(20)
  })

  it('finds the session by its conversation where no token named it', async () => {
    const session = await engine.session()
    await engine.post(session.sessionId, shutdown(session.conversationId))
    await engine.admin('update webhook_receipts set session_id = null where session_id = $1', [session.sessionId])
    expect(await settledBy()).toEqual(['processed'])
    expect(await engine.receipts('session_id = $1', [session.sessionId])).toHaveLength(1)
  })
})
