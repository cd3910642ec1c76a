import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCallStore } from '../../src/store/calls.js'
import { acme, actors, borealis } from '../store/world.js'
import { startEngine, type TestEngine } from './harness.js'
import { leaving, livekitEnv, livekitEvent, sendLivekit } from './livekit-sender.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await startEngine({ worker: false, env: { ...livekitEnv, WEBHOOK_ACK_MS: '500' } })
})
afterAll(() => engine.close())

const make = async (who: 'acmeLead' | 'borealisLead', externalId: string) => {
  const { row } = await createCallStore(engine.database).create(actors[who], {
    provider: 'livekit',
    externalId,
    direction: 'outbound',
    from: '+1',
    to: '+2',
    userId: actors[who].userId,
  })
  return row.id
}
const recorded = (room: string) =>
  livekitEvent('egress_ended', {
    egressInfo: {
      egressId: `EG_${room}`,
      roomId: `RM_${room}`,
      roomName: room,
      status: 'EGRESS_COMPLETE',
      fileResults: [{ location: `https://s3.example.com/${room}.mp4`, duration: '60000000000' }],
    },
  })
const named = (room: string, callId: string) => ({
  ...leaving(room),
  room: { sid: `RM_${room}`, name: room, metadata: JSON.stringify({ call_id: callId }) },
})
const calls = (...ids: string[]) =>
  engine.admin(
    `select tenant_id, "recordingUrl", status from call_logs where id = any($1::uuid[]) order by array_position($1::uuid[], id)`,
    [ids],
  )
const settle = async () => {
  await engine.admin('update webhook_receipts set drain = true, next_attempt_at = now()')
  await engine.engine.activityDeps.drain.batch(256)
}

describe('a room that two companies speak of @integration @multitenant', () => {
  it('stays the call’s that its metadata named, whoever has a call of the room’s name', async () => {
    const mine = await make('acmeLead', 'ours-1')
    const theirs = await make('borealisLead', 'sales')
    await sendLivekit(engine.app.url, named('sales', mine))
    await sendLivekit(engine.app.url, recorded('sales'))
    await sendLivekit(engine.app.url, leaving('sales', { sid: 'PA_2' }))
    await settle()
    expect(await calls(mine, theirs)).toEqual([
      { tenant_id: acme, recordingUrl: 'https://s3.example.com/sales.mp4', status: 'ended' },
      { tenant_id: borealis, recordingUrl: null, status: 'queued' },
    ])
  })

  it('keeps a recording waiting that comes before anything has shown whose the room is', async () => {
    const mine = await make('acmeLead', 'ours-2')
    const theirs = await make('borealisLead', 'late')
    await sendLivekit(engine.app.url, recorded('late'))
    await settle()
    expect((await calls(theirs))[0]).toMatchObject({ recordingUrl: null })
    expect((await engine.receipts(`kind = 'egress_ended' and status = 'waiting'`)).length).toBe(1)
    await sendLivekit(engine.app.url, named('late', mine))
    await settle()
    expect((await calls(mine))[0]).toMatchObject({ recordingUrl: 'https://s3.example.com/late.mp4' })
    expect((await calls(theirs))[0]).toEqual({ tenant_id: borealis, recordingUrl: null, status: 'queued' })
  })

  it('is the call’s of its name where nothing else is said, the recording too, also in one batch', async () => {
    const mine = await make('acmeLead', 'plain')
    await sendLivekit(engine.app.url, recorded('plain'))
    await sendLivekit(engine.app.url, leaving('plain'))
    await settle()
    expect(await calls(mine)).toEqual([
      { tenant_id: acme, recordingUrl: 'https://s3.example.com/plain.mp4', status: 'ended' },
    ])
  })
})
