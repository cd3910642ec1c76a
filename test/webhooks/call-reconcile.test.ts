import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createCallReconcile } from '../../activities/call-reconcile.js'
import { createCallSources } from '../../src/call-sources.js'
import { createTransport } from '../../src/providers/request.js'
import { missedCallbacks } from '../../src/providers/twilio/missed.js'
import { createCallStore } from '../../src/store/calls.js'
import { aCall } from '../store/call-world.js'
import { actors } from '../store/world.js'
import { startEngine, type TestEngine } from './harness.js'
import { leaving, livekitEnv, livekitEvent, sendLivekit } from './livekit-sender.js'

/** What the provider knows, by the path that it is asked on. */
const answers: { rooms: object[]; participants: Record<string, object[]>; calls: Record<string, object> } = {
  rooms: [],
  participants: {},
  calls: {},
}
const asked: string[] = []

async function startProvider(): Promise<Server> {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const path = request.url ?? ''
      asked.push(path)
      const { room, names } = JSON.parse(Buffer.concat(chunks).toString() || '{}') as {
        room?: string
        names?: string[]
      }
      const found = path.endsWith('/ListRooms')
        ? { rooms: answers.rooms.filter((one) => names?.includes((one as { name: string }).name)) }
        : path.endsWith('/ListParticipants')
          ? { participants: answers.participants[room ?? ''] ?? [] }
          : answers.calls[path]
      const authentic = request.headers.authorization !== undefined
      response.writeHead(!authentic ? 401 : found ? 200 : 404, { 'content-type': 'application/json' })
      response.end(JSON.stringify(found ?? { code: 'not_found', msg: 'unknown' }))
    })()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

let provider: Server
let base: string
let engine: TestEngine
let calls: ReturnType<typeof createCallStore>
let sweep: () => Promise<{ found: number }>
const transport = createTransport({ provider: 'twilio' })

beforeAll(async () => {
  provider = await startProvider()
  base = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`
  engine = await startEngine({ env: { ...livekitEnv, LIVEKIT_URL: base } })
  calls = createCallStore(engine.database)
  const { registry, ingestDeliveries } = engine.engine
  const { sweepCalls } = createCallReconcile({
    sources: createCallSources(engine.config, { twilio: transport }),
    listOpen: calls.listOpen,
    ingest: (name, bodies) => ingestDeliveries(bodies.map((body) => registry.parse(name, body))),
    log: { warn: (fields: object) => void engine.lines.push({ ...fields }) } as never,
  })
  sweep = () => new MockActivityEnvironment().run(sweepCalls)
})
afterAll(async () => {
  await engine.close()
  await transport.close()
  provider.close()
})
beforeEach(async () => {
  Object.assign(answers, { rooms: [], participants: {}, calls: {} })
  asked.length = 0
  await engine.admin('truncate call_logs cascade')
})

/** Old enough to be asked for. */
async function made() {
  const { row } = await calls.create(actors.acmeRep, aCall())
  await engine.admin(`update call_logs set created_at = now() - interval '1 hour' where id = $1`, [row.id])
  // One reading of the clock for a whole call: two may lie on both sides of a second.
  return { id: row.id, room: row.externalId, sid: `RM_${row.externalId}`, at: Math.floor(Date.now() / 1000) }
}
const rowOf = async (id: string) =>
  (await engine.admin<Record<string, unknown>>('select * from call_logs where id = $1', [id]))[0]
const send = (event: object) => sendLivekit(engine.app.url, event)
const joining = (call: { room: string; sid: string; at: number }, sid = 'PA_1', identity = 'ada') =>
  livekitEvent(
    'participant_joined',
    { room: { sid: call.sid, name: call.room }, participant: { sid, identity, joinedAt: String(call.at - 600) } },
    call.at - 600,
  )

describe('comparing open calls with LiveKit @integration', () => {
  it('ends a call whose room is gone, once, and says so', async () => {
    const call = await made()
    await send(joining(call))
    expect(await sweep()).toEqual({ found: 1 })
    const row = await rowOf(call.id)
    expect(row).toMatchObject({ status: 'ended', outcome: 'completed', ended_reason: 'room_finished' })
    expect(row?.duration_seconds).toBeGreaterThanOrEqual(600)
    expect(await engine.receipts(`source = 'reconcile'`)).toMatchObject([
      { delivery_key: `livekit/room_finished/reconcile-${call.sid}`, status: 'processed' },
    ])
    const events = await engine.admin<{ event: string }>(`select event from event_logs where data->>'call_id' = $1`, [
      call.id,
    ])
    expect(events.filter(({ event }) => event === 'telephony.call.completed')).toHaveLength(1)
    expect(await sweep()).toEqual({ found: 0 })
  })

  it('is corrected by the webhook itself, should it come after all', async () => {
    const call = await made()
    await send(joining(call))
    await sweep()
    await send(leaving(call.room, { joinedAt: String(call.at - 600) }, call.at - 540))
    expect(await rowOf(call.id)).toMatchObject({
      outcome: 'completed',
      ended_reason: 'client_initiated',
      duration_seconds: 60,
    })
  })

  it('leaves a call alone whose room is open and whose people are there', async () => {
    const call = await made()
    await send(joining(call))
    answers.rooms = [{ sid: call.sid, name: call.room }]
    answers.participants = { [call.room]: [{ sid: 'PA_1', identity: 'ada', state: 'ACTIVE' }] }
    expect(await sweep()).toEqual({ found: 0 })
    expect(await rowOf(call.id)).toMatchObject({ status: 'in_progress' })
  })

  it('finds who came and who left in an open room', async () => {
    const call = await made()
    await send(joining(call))
    answers.rooms = [{ sid: call.sid, name: call.room }]
    const agent = { sid: 'PA_a', identity: 'agent', kind: 'AGENT', state: 'ACTIVE' }
    answers.participants = {
      [call.room]: [agent, { sid: 'PA_2', identity: 'ben', state: 'ACTIVE', joinedAt: '1795256081' }],
    }
    await sweep()
    expect(await rowOf(call.id)).toMatchObject({ status: 'in_progress' })
    answers.participants = { [call.room]: [agent] }
    await sweep()
    expect(await rowOf(call.id)).toMatchObject({ status: 'ended', outcome: 'completed' })
  })

  it('finds a call of which every webhook was lost, while it runs', async () => {
    const call = await made()
    answers.rooms = [{ sid: call.sid, name: call.room, creationTime: '1795256000' }]
    answers.participants = { [call.room]: [{ sid: 'PA_1', identity: 'ada', state: 'ACTIVE', joinedAt: '1795256081' }] }
    await sweep()
    expect(await rowOf(call.id)).toMatchObject({ status: 'in_progress', answered_at: new Date(1_795_256_081_000) })
  })

  it('asks neither for young calls nor for what was never seen and is not there', async () => {
    await calls.create(actors.acmeRep, aCall())
    expect([await sweep(), asked]).toEqual([{ found: 0 }, []])
    const call = await made()
    expect(await sweep()).toEqual({ found: 0 })
    expect(await rowOf(call.id)).toMatchObject({ status: 'queued' })
  })

  it('goes through all of more than one page', async () => {
    for (let n = 0; n < 103; n++) {
      const call = await made()
      await engine.admin(`update call_logs set facts = $2 where id = $1`, [
        call.id,
        { x: [{ type: 'room', sid: call.sid, name: call.room }] },
      ])
    }
    expect(await sweep()).toEqual({ found: 103 })
    expect(await engine.admin(`select from call_logs where status <> 'ended'`)).toEqual([])
  })

  it('is put off when LiveKit does not answer', async () => {
    const call = await made()
    await send(joining(call))
    const other = createCallSources(
      { ...engine.config, livekit: { ...engine.config.livekit, url: 'http://127.0.0.1:1' } },
      { twilio: transport },
    )
    await expect(other[0]?.missed([{ id: call.id, externalId: call.room, facts: {} }])).rejects.toMatchObject({
      code: 'provider_unreachable',
    })
    expect(await rowOf(call.id)).toMatchObject({ status: 'in_progress' })
  })
})

describe('comparing open calls with Twilio @unit', () => {
  const ask = (...sids: string[]) =>
    missedCallbacks({ baseUrl: base, accountSid: 'AC1', authToken: 't' }, transport, sids)
  const path = (sid: string) => `/2010-04-01/Accounts/AC1/Calls/${sid}.json`

  it('gives the callback of each call that is over there', async () => {
    answers.calls = {
      [path('CA1')]: {
        sid: 'CA1',
        status: 'completed',
        duration: '61',
        direction: 'inbound',
        from: '+15550100',
        to: '+15550101',
        end_time: 'Sat, 21 Nov 2026 09:30:05 +0000',
        parent_call_sid: null,
      },
      [path('CA2')]: { sid: 'CA2', status: 'in-progress' },
    }
    const callbacks = await ask('CA1', 'CA2', 'CA3')
    expect(callbacks.map((body) => Object.fromEntries(new URLSearchParams(body.toString())))).toEqual([
      {
        CallSid: 'CA1',
        AccountSid: 'AC1',
        CallbackSource: 'reconcile',
        CallStatus: 'completed',
        CallDuration: '61',
        Direction: 'inbound',
        From: '+15550100',
        To: '+15550101',
        Timestamp: 'Sat, 21 Nov 2026 09:30:05 +0000',
      },
    ])
    expect(asked).toEqual([path('CA1'), path('CA2'), path('CA3')])
  })

  it('needs both account and token', () => {
    const env = engine.config
    expect(createCallSources(env, { twilio: transport }).map(({ provider: name }) => name)).toEqual(['livekit'])
    const twilio = { ...env.twilio, accountSid: 'AC1', authTokens: ['t'] }
    expect(createCallSources({ ...env, twilio }, { twilio: transport }).map(({ provider: name }) => name)).toEqual([
      'livekit',
      'twilio',
    ])
  })
})
