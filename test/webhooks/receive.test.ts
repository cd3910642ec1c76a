import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callbackUrl } from '../../src/providers/tavus/callback-token.js'
import { aSession } from '../store/world.js'
import { anEvent, eventually, shutdown, startEngine, type TestEngine } from './harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await startEngine()
})
afterAll(() => engine.close())

describe('a webhook of Tavus', () => {
  it('is processed by its own workflow before it is answered', async () => {
    const session = await engine.session()
    const answer = await engine.post(
      session.sessionId,
      anEvent(session.conversationId, 'system.replica_joined', {}, '2026-03-01T10:00:04.5Z'),
    )
    const eventId = `system.replica_joined/${session.conversationId}:2026-03-01T10:00:04.500000Z`
    expect(answer).toEqual({ status: 200, body: { status: 'processed', provider: 'tavus', event_id: eventId } })
    const key = `tavus/${eventId.replace('/', `/${session.sessionId}:`)}`
    const [receipt] = await engine.receipts('session_id = $1', [session.sessionId])
    expect(receipt).toMatchObject({
      delivery_key: key,
      status: 'processed',
      attempts: 1,
      drain: false,
      source: 'delivery',
    })
    expect(receipt?.workflow_id).toBe(`webhook/${key}`)
    expect(await engine.sessionRow(session.sessionId)).toMatchObject({
      status: 'active',
      joined_at: new Date('2026-03-01T10:00:04.500Z'),
    })
    const events = (await engine.eventsOf(session.sessionId)).map(({ event }) => event)
    expect(events).toEqual(['session.started', 'system.webhook.processed'])
    const run = await engine.client.workflow.getHandle(`webhook/${key}`).describe()
    expect(run.type).toBe('webhookDelivery')
  })

  it('is ignored the second time, which is counted', async () => {
    const session = await engine.session()
    const event = shutdown(session.conversationId)
    expect((await engine.post(session.sessionId, event)).body.status).toBe('processed')
    const [before] = await engine.receipts('session_id = $1', [session.sessionId])
    const again = await engine.post(session.sessionId, event)
    expect(again).toMatchObject({ status: 200, body: { status: 'duplicate_ignored', provider: 'tavus' } })
    const [after] = await engine.receipts('session_id = $1', [session.sessionId])
    expect(after).toMatchObject({ attempts: 2, status: 'processed' })
    expect(after?.last_seen_at.getTime()).toBeGreaterThan(before?.last_seen_at.getTime() ?? Infinity)
    expect(await engine.metrics.exposition()).toMatch(
      /webhook_duplicates_total\{provider="tavus",tenant_id="[0-9a-f-]{36}"\} 1/,
    )
  })

  it('has its effect once when fifty deliveries come at the same instant', async () => {
    const session = await engine.session()
    const event = shutdown(session.conversationId)
    const answers = await Promise.all(Array.from({ length: 50 }, () => engine.post(session.sessionId, event)))
    const said = answers.map(({ body }) => body.status).sort()
    expect(said).toEqual([...Array.from({ length: 49 }, () => 'duplicate_ignored'), 'processed'])
    expect(await engine.receipts('session_id = $1', [session.sessionId])).toMatchObject([
      { attempts: 50, status: 'processed' },
    ])
    const events = (await engine.eventsOf(session.sessionId)).map(({ event: name }) => name)
    expect(events.filter((name) => name === 'session.ended')).toHaveLength(1)
    expect(events.filter((name) => name === 'system.webhook.processed')).toHaveLength(1)
  })

  it('is one event under both names of the joining', async () => {
    const session = await engine.session()
    const joined = anEvent(session.conversationId, 'system.replica_joined')
    expect((await engine.post(session.sessionId, joined)).body.status).toBe('processed')
    const renamed = {
      ...joined,
      event_type: 'system.pal_joined',
      timestamp: joined.timestamp.replace('Z', '000+00:00'),
    }
    expect((await engine.post(session.sessionId, renamed)).body.status).toBe('duplicate_ignored')
  })

  it('reaches its session by a signal when the session waits for it', async () => {
    const session = await engine.session()
    const event = shutdown(session.conversationId)
    await engine.post(session.sessionId, event)
    const [receipt] = await engine.receipts('session_id = $1', [session.sessionId])
    expect(receipt).toMatchObject({ signal: { kind: 'shutdown', key: receipt?.delivery_key }, signal_pending: false })
  })

  it('is answered on every route, with and without a slash at the end, and never redirected', async () => {
    const session = await engine.session()
    for (const path of ['/tavus/callback', '/webhooks/tavus', '/webhook/tavus'])
      for (const end of ['', '/']) {
        const answer = await engine.post(
          session.sessionId,
          anEvent(session.conversationId, 'system.shutdown'),
          path + end,
        )
        expect([path + end, answer.status, answer.body.status]).toEqual([path + end, 200, 'processed'])
      }
    const got = await fetch(`${engine.app.url}/webhooks/tavus/`, { redirect: 'manual' })
    expect(got.status).toBe(405)
    expect(got.headers.get('allow')).toContain('POST')
  })

  it('of an unknown type is accepted and recorded', async () => {
    const session = await engine.session()
    const answer = await engine.post(session.sessionId, anEvent(session.conversationId, 'application.horoscope_ready'))
    expect(answer).toMatchObject({ status: 200, body: { status: 'processed' } })
    expect(await engine.receipts('session_id = $1', [session.sessionId])).toMatchObject([
      { kind: 'application.horoscope_ready', signal: null },
    ])
  })
})

describe('a webhook that is not authentic', () => {
  const send = (url: string, body: unknown) => fetch(url, { method: 'POST', body: JSON.stringify(body) })

  it('is refused when one character of its token differs, and nothing is stored', async () => {
    const session = await engine.session()
    const url = callbackUrl({
      base: `${engine.app.url}/tavus/callback`,
      sessionId: session.sessionId,
      secrets: engine.config.tavus.callbackSecrets,
    })
    const token = new URL(url).searchParams.get('token') ?? ''
    for (const index of [0, 20, token.length - 1]) {
      const other = token[index] === 'A' ? 'B' : 'A'
      const forged = token.slice(0, index) + other + token.slice(index + 1)
      const answer = await send(url.replace(token, forged), shutdown(session.conversationId))
      expect(answer.status).toBe(401)
      expect(answer.headers.get('content-type')).toContain('application/problem+json')
      expect(await answer.json()).toMatchObject({ code: 'webhook_not_authentic' })
    }
    expect(await engine.receipts('session_id = $1', [session.sessionId])).toEqual([])
    expect(await engine.metrics.exposition()).toMatch(/webhook_failures_total\{provider="tavus",tenant_id=""\} \d/)
  })

  it('is refused without a token, with another session’s, and before it is parsed', async () => {
    const [one, two] = [await engine.session(), await engine.session()]
    const base = `${engine.app.url}/tavus/callback`
    const url = callbackUrl({ base, sessionId: one.sessionId, secrets: engine.config.tavus.callbackSecrets })
    expect((await send(base, shutdown(one.conversationId))).status).toBe(401)
    expect((await send(url.replace(one.sessionId, two.sessionId), shutdown(two.conversationId))).status).toBe(401)
    expect((await fetch(base, { method: 'POST', body: '{"half' })).status).toBe(401)
  })

  it('never leaves its token in the database or in the log', async () => {
    const session = await engine.session()
    await engine.post(
      session.sessionId,
      anEvent(session.conversationId, 'application.perception_analysis', { analysis: 'calm' }),
    )
    const url = callbackUrl({
      base: engine.app.url,
      sessionId: session.sessionId,
      secrets: engine.config.tavus.callbackSecrets,
    })
    const token = new URL(url).searchParams.get('token') ?? ''
    const [receipt] = await engine.receipts('session_id = $1', [session.sessionId])
    expect(receipt?.payload.toString()).toContain('calm')
    expect(receipt?.payload.toString()).not.toContain('webhook_url')
    expect(JSON.stringify([receipt, engine.lines]) + engine.app.text()).not.toContain(token)
  })
})

describe('a webhook that cannot be read', () => {
  const good = { conversation_id: 'c1', event_type: 'system.shutdown', timestamp: '2026-03-01T10:00:00Z' }
  const cases: [string, string, number, string | undefined][] = [
    ['half a JSON', '{"conversation_id": "c1"', 400, undefined],
    ['nothing', '', 400, undefined],
    ['text', 'hello', 400, undefined],
    ['a list', '[]', 422, ''],
    ['null', 'null', 422, ''],
    ['a number', '7', 422, ''],
    ['no conversation', JSON.stringify({ ...good, conversation_id: undefined }), 422, '/conversation_id'],
    ['a conversation that is a number', JSON.stringify({ ...good, conversation_id: 7 }), 422, '/conversation_id'],
    ['an empty conversation', JSON.stringify({ ...good, conversation_id: '' }), 422, '/conversation_id'],
    ['a conversation with NUL', JSON.stringify({ ...good, conversation_id: 'c\0' }), 422, '/conversation_id'],
    ['an endless conversation', JSON.stringify({ ...good, conversation_id: 'c'.repeat(201) }), 422, '/conversation_id'],
    ['no type', JSON.stringify({ ...good, event_type: undefined }), 422, '/event_type'],
    ['a type that is an object', JSON.stringify({ ...good, event_type: {} }), 422, '/event_type'],
    ['no time', JSON.stringify({ ...good, timestamp: undefined }), 422, '/timestamp'],
    ['a time that is none', JSON.stringify({ ...good, timestamp: 'yesterday' }), 422, '/timestamp'],
    ['a thirteenth month', JSON.stringify({ ...good, timestamp: '2026-13-01T00:00:00Z' }), 422, '/timestamp'],
    [
      'deep nesting',
      `{"conversation_id":"c1","event_type":"a","timestamp":1,"x":${'['.repeat(90_000)}${']'.repeat(90_000)}}`,
      422,
      '',
    ],
  ]
  it.each(cases)('is refused for %s', async (_name, body, status, pointer) => {
    const answer = await engine.post(randomUUID(), body)
    expect(answer.status).toBe(status)
    const errors = answer.body.errors as { pointer: string }[]
    if (pointer !== undefined) expect(errors.map((error) => error.pointer)).toEqual([pointer])
    expect(await engine.receipts(`external_id in ('c1', 'c')`)).toEqual([])
  })

  it('is refused with 413 beyond the limit', async () => {
    const answer = await engine.post(randomUUID(), JSON.stringify({ ...good, filler: 'x'.repeat(1024 * 1024) }))
    expect(answer).toMatchObject({ status: 413, body: { code: 'body_too_large' } })
  })
})

describe('an early webhook', () => {
  it('is accepted, and processed once its session is known', async () => {
    const { sessionId, conversationId } = aSession()
    const answer = await engine.post(sessionId, shutdown(conversationId))
    expect(answer).toMatchObject({ status: 202, body: { status: 'accepted' } })
    expect(await engine.receipts('session_id = $1', [sessionId])).toMatchObject([
      { status: 'waiting', error: 'no such session', error_side: 'theirs' },
    ])
    await engine.session({ sessionId, conversationId })
    await engine.wakeDrain()
    await eventually(async () => (await engine.receipts('session_id = $1', [sessionId]))[0]?.status === 'processed')
    expect((await engine.sessionRow(sessionId))?.end_reason).toBe('participant_left')
    await eventually(async () => engine.signals.some((signal) => signal.sessionId === sessionId))
  })

  it('of a conversation that is not the session’s is parked with its reason', async () => {
    const session = await engine.session()
    const answer = await engine.post(session.sessionId, shutdown('c-of-somebody-else'))
    expect(answer).toMatchObject({ status: 202 })
    expect(await engine.receipts('session_id = $1', [session.sessionId])).toMatchObject([
      { status: 'unmatched', error: 'the conversation is not the one of the session', error_side: 'theirs' },
    ])
    expect((await engine.sessionRow(session.sessionId))?.ended_at).toBeNull()
  })
})
