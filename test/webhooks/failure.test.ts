import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { acme } from '../store/world.js'
import { anEvent, eventually, shutdown, startEngine, type TestEngine } from './harness.js'

let engine: TestEngine
const failing = new Map<string, () => unknown>()
beforeAll(async () => {
  engine = await startEngine({
    effectsOf: (real) => (delivery) => {
      const error = failing.get(delivery.externalId)?.()
      if (error) throw error as Error
      return real(delivery)
    },
  })
})
afterAll(() => engine.close())

describe('an event whose effects fail', () => {
  it('is answered with 500 and its reason kept, and the next delivery succeeds', async () => {
    const session = await engine.session()
    const event = shutdown(session.conversationId)
    failing.set(session.conversationId, () => new TypeError('Mrs Smith has no phone'))
    const answer = await engine.post(session.sessionId, event)
    expect(answer).toMatchObject({ status: 500, body: { code: 'webhook_failed' } })
    const [failed] = await engine.receipts('session_id = $1', [session.sessionId])
    expect(failed).toMatchObject({ status: 'failed', tries: 5, error_side: 'ours', tenant_id: acme })
    expect(failed?.error).toMatch(/^TypeError at failure\.test\.ts:\d+$/)
    expect((await engine.sessionRow(session.sessionId))?.ended_at).toBeNull()

    failing.delete(session.conversationId)
    await eventually(async () => {
      const run = await engine.client.workflow.getHandle(`webhook/${failed?.delivery_key}`).describe()
      return run.status.name === 'FAILED'
    })
    expect(await engine.post(session.sessionId, event)).toMatchObject({ status: 200, body: { status: 'processed' } })
    const rows = await engine.receipts('session_id = $1', [session.sessionId])
    expect(rows.map(({ status }) => status)).toEqual(['failed', 'processed'])
    expect((await engine.eventsOf(session.sessionId)).map(({ event: name }) => name)).toEqual([
      'session.ended',
      'system.webhook.processed',
    ])
  })

  it('is taken by the drain when it comes again before its first run has closed', async () => {
    const session = await engine.session()
    const event = shutdown(session.conversationId)
    failing.set(session.conversationId, () => new Error('no'))
    expect((await engine.post(session.sessionId, event)).status).toBe(500)
    failing.delete(session.conversationId)
    expect([200, 202]).toContain((await engine.post(session.sessionId, event)).status)
    await eventually(
      async () => (await engine.receipts(`session_id = $1 and status = 'processed'`, [session.sessionId]))[0],
    )
  })

  it('is tried again when what failed may pass, and loses no try', async () => {
    const session = await engine.session()
    let left = 3
    failing.set(session.conversationId, () =>
      left-- > 0 ? Object.assign(new Error('deadlock'), { code: '40P01' }) : undefined,
    )
    expect(await engine.post(session.sessionId, shutdown(session.conversationId))).toMatchObject({
      status: 200,
      body: { status: 'processed' },
    })
    expect(await engine.receipts('session_id = $1', [session.sessionId])).toMatchObject([{ tries: 0, attempts: 1 }])
  })

  it('does not fail when what Tavus sent cannot be stored as it is', async () => {
    const session = await engine.session()
    const transcript = [{ role: 'user', content: 'half \ud800 and \0 nul', timestamp: 1777434353.84 }]
    const answer = await engine.post(
      session.sessionId,
      anEvent(session.conversationId, 'application.transcription_ready', { transcript }),
    )
    expect(answer).toMatchObject({ status: 200, body: { status: 'processed' } })
    expect((await engine.sessionRow(session.sessionId))?.transcript).toMatchObject([
      { role: 'user', at: '2026-04-29T03:45:53.840000Z' },
    ])
  })
})
