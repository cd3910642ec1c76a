import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callRoutes } from '../../src/http/routes/calls.js'
import { createCallStore } from '../../src/store/calls.js'
import { startApp, type TestApp, tokenFor } from '../http/harness.js'
import { aCall } from '../store/call-world.js'
import { actors } from '../store/world.js'
import { eventually, startEngine, type TestEngine } from './harness.js'
import { leaving, livekitEnv, livekitEvent, sendLivekit, type SendOptions } from './livekit-sender.js'

let engine: TestEngine
let api: TestApp
let calls: ReturnType<typeof createCallStore>
beforeAll(async () => {
  engine = await startEngine({ env: livekitEnv })
  calls = createCallStore(engine.database)
  api = await startApp({ routes: callRoutes({ calls }) })
})
afterAll(async () => {
  await api.stop()
  await engine.close()
})

const send = (event: object, options?: SendOptions) => sendLivekit(engine.app.url, event, options)
async function made() {
  const { row } = await calls.create(actors.acmeRep, aCall())
  return { id: row.id, room: row.externalId }
}
const rowOf = async (id: string) =>
  (await engine.admin<Record<string, unknown>>('select * from call_logs where id = $1', [id]))[0]
const receiptsOf = (eventId: string) => engine.receipts('external_id = $1', [eventId])
const logged = async (callId: string) =>
  (
    await engine.admin<{ event: string }>(`select event from event_logs where data->>'call_id' = $1 order by id`, [
      callId,
    ])
  ).map(({ event }) => event)
async function outcome(callId: string, { tenantId, userId, role } = actors.acmeRep) {
  const token = await tokenFor({ sub: userId, company_id: tenantId, role })
  const answer = await fetch(`${api.url}/api/calls/${callId}/outcome?user_id=${userId}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

const told = ['telephony.call.created', 'telephony.call.status', 'telephony.call.completed']

describe('a webhook of LiveKit @integration @idempotency', () => {
  it('is processed before it is answered, and ignored the second time', async () => {
    const call = await made()
    const event = leaving(call.room)
    expect(await send(event)).toEqual({
      status: 200,
      body: { status: 'processed', provider: 'livekit', event_id: event.id },
    })
    expect(await outcome(call.id)).toMatchObject({
      status: 200,
      body: { call_id: call.id, outcome: 'completed', duration_seconds: 60, ended_at: '2026-11-21T10:14:43.000Z' },
    })
    const row = await rowOf(call.id)
    expect(await send(event)).toMatchObject({ status: 200, body: { status: 'duplicate_ignored', event_id: event.id } })
    expect(await receiptsOf(event.id)).toMatchObject([
      {
        attempts: 2,
        status: 'processed',
        kind: 'participant_left',
        delivery_key: `livekit/participant_left/${event.id}`,
      },
    ])
    expect(await rowOf(call.id)).toEqual(row)
    expect(await logged(call.id)).toEqual(told)
    const [processed] = await engine.admin<Record<string, unknown>>(
      `select tenant_id, user_id, data from event_logs where event = 'system.webhook.processed' and data->>'external_id' = $1`,
      [event.id],
    )
    expect(processed).toMatchObject({ tenant_id: actors.acmeRep.tenantId, user_id: actors.acmeRep.userId })
  })

  it('has its effect once when fifty deliveries come at the same instant', async () => {
    const call = await made()
    const event = leaving(call.room)
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(event)))
    const said = answers.map(({ body }) => body.status).sort()
    expect(said).toEqual([...Array.from({ length: 49 }, () => 'duplicate_ignored'), 'processed'])
    expect(await receiptsOf(event.id)).toMatchObject([{ attempts: 50, status: 'processed' }])
    expect(await logged(call.id)).toEqual(told)
    const kept = await engine.admin('select from livekit_call_events where "eventId" = $1', [event.id])
    expect(kept).toHaveLength(1)
  })

  it('is answered on every route, with and without a slash at the end, by either secret', async () => {
    for (const path of ['/api/webhooks/call_completed', '/webhooks/livekit', '/webhook/livekit'])
      for (const [end, secret] of [
        ['', 'secret'],
        ['/', 'older-secret'],
      ] as const) {
        const call = await made()
        const answer = await send(leaving(call.room), { path: path + end, secret })
        expect([path + end, answer.status, answer.body.status]).toEqual([path + end, 200, 'processed'])
      }
  })

  it('gives the same row whatever the order of a call’s events', async () => {
    const rows = []
    for (const order of [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [2, 3, 0, 1],
    ]) {
      const call = await made()
      const room = {
        sid: 'RM_same',
        name: call.room,
        creationTime: '1795256000',
        metadata: JSON.stringify({ call_id: call.id }),
      }
      const participant = { sid: 'PA_1', identity: 'ada', joinedAt: '1795256010' }
      const events = [
        livekitEvent('room_started', { room }, 1_795_256_000),
        livekitEvent('participant_joined', { room, participant }, 1_795_256_010),
        livekitEvent(
          'participant_left',
          { room, participant: { ...participant, disconnectReason: 'CONNECTION_TIMEOUT' } },
          1_795_256_091,
        ),
        livekitEvent('room_finished', { room }, 1_795_256_111),
      ]
      for (const n of order) expect((await send(events[n] as object)).body.status).toBe('processed')
      const {
        outcome: o,
        status,
        duration_seconds,
        started_at,
        answered_at,
        ended_at,
        ended_reason,
        metadata,
      } = (await rowOf(call.id)) ?? {}
      rows.push({ o, status, duration_seconds, started_at, answered_at, ended_at, ended_reason, metadata })
      expect((await logged(call.id)).filter((name) => name === 'telephony.call.completed')).toHaveLength(1)
    }
    expect(rows[1]).toEqual(rows[0])
    expect(rows[2]).toEqual(rows[0])
    expect(rows[0]).toMatchObject({
      o: 'completed',
      status: 'ended',
      duration_seconds: 61,
      ended_reason: 'connection_timeout',
    })
  })

  it('that comes before its call is made known waits, and is matched then', async () => {
    const call = aCall()
    const event = leaving(call.externalId)
    expect(await send(event)).toMatchObject({ status: 202, body: { status: 'accepted', event_id: event.id } })
    expect(await receiptsOf(event.id)).toMatchObject([
      { status: 'waiting', error: 'no such call', error_side: 'theirs' },
    ])
    const { row } = await calls.create(actors.acmeRep, call)
    await engine.wakeDrain()
    await eventually(async () => (await receiptsOf(event.id))[0]?.status === 'processed')
    expect(await outcome(row.id)).toMatchObject({ body: { outcome: 'completed', duration_seconds: 60 } })
    expect(await send(event)).toMatchObject({ body: { status: 'duplicate_ignored' } })
  })

  it('stores no password of the relay', async () => {
    const call = await made()
    const password = randomUUID()
    const event = livekitEvent('room_started', { room: { sid: 'RM_pw', name: call.room, turnPassword: password } })
    await send(event)
    const [receipt] = await receiptsOf(event.id)
    expect(receipt?.payload.toString()).toContain('"turnPassword":""')
    expect(receipt?.payload.toString()).not.toContain(password)
    expect(JSON.stringify(engine.lines)).not.toContain(password)
  })
})

describe('a webhook that is not LiveKit’s @integration', () => {
  it.each<[string, SendOptions]>([
    ['signed with another secret', { secret: 'another' }],
    ['issued by another key', { key: 'another' }],
    ['of another body by one byte', { altered: ' ' }],
    ['whose token is stale', { ttlSeconds: -60 }],
    ['with a scheme before its token', { authorization: 'Bearer x' }],
    ['without a token', { authorization: null }],
  ])('%s is refused, and nothing is stored', async (_name, options) => {
    const call = await made()
    const event = leaving(call.room)
    const altered = options.altered === undefined ? {} : { altered: JSON.stringify(event) + options.altered }
    const answer = await send(event, { ...options, ...altered })
    expect([answer.status, answer.body.type]).toEqual([401, expect.stringContaining('webhook_not_authentic')])
    expect(await receiptsOf(event.id)).toEqual([])
    expect(await rowOf(call.id)).toMatchObject({ status: 'queued', outcome: null })
  })

  it('is refused where LiveKit is not configured', async () => {
    const other = await startEngine({ worker: false })
    const answer = await sendLivekit(other.app.url, leaving('x'))
    expect([answer.status, answer.body.type]).toEqual([503, expect.stringContaining('provider_not_configured')])
    await other.close()
  })

  it('that names no event is refused by the field', async () => {
    const answer = await send({ event: 'room_started' })
    expect([answer.status, answer.body.errors]).toEqual([
      422,
      [{ pointer: '/id', detail: 'must be the id of an event' }],
    ])
  })
})

describe('outcomes of two companies @integration @multitenant', () => {
  it('are each their own', async () => {
    const call = await made()
    await send(leaving(call.room))
    expect((await outcome(call.id)).status).toBe(200)
    expect((await outcome(call.id, actors.acmeRep2)).status).toBe(404)
    expect((await outcome(call.id, actors.borealisLead)).status).toBe(404)
    const seen = await engine.database.withTenant(actors.borealisLead, (trx) =>
      trx.raw<{ rows: unknown[] }>('select from livekit_call_events union all select from call_logs'),
    )
    expect(seen.rows).toEqual([])
  })
})
