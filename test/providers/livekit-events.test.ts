import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldCall } from '../../src/domain/call-fold.js'
import type { CallEffect } from '../../src/domain/webhook.js'
import { integerOf, secondsFrom, timeFrom } from '../../src/providers/livekit/proto-json.js'
import { createLivekitWebhooks } from '../../src/providers/livekit/webhook.js'

const provider = createLivekitWebhooks({ apiKey: 'k', webhookSecrets: ['s'], acceptUnsigned: false })
const { vectors } = JSON.parse(readFileSync(new URL('../fixtures/vectors/livekit.json', import.meta.url), 'utf8')) as {
  vectors: { name: string; raw_body: string }[]
}
const real = (name: string) => JSON.parse(vectors.find((one) => one.name === name)?.raw_body ?? '') as object

const effectOf = (body: object): CallEffect => {
  const raw = Buffer.from(JSON.stringify({ id: 'EV_1', createdAt: '1795256083', ...body }))
  return provider.effects(provider.parse(raw, {}, new URL('http://localhost'), {})) as CallEffect
}

describe('what LiveKit says @unit', () => {
  it('of a leaving: the stay, with both of its ends, and the room', () => {
    expect(effectOf(real('real_participant_left_client_initiated'))).toEqual({
      target: 'call',
      provider: 'livekit',
      externalId: 'session-1001',
      facts: [
        { type: 'room', sid: 'RM_pnUTTEHUN5pe', name: 'session-1001', startedAt: '2026-11-21T10:14:40.518Z' },
        {
          type: 'participant',
          sid: 'PA_29ZbWUhn72df',
          roomSid: 'RM_pnUTTEHUN5pe',
          identity: 'candidate-1',
          kind: 'standard',
          joinedAt: '2026-11-21T10:14:41.192Z',
          leftAt: '2026-11-21T10:14:43.000Z',
          disconnectReason: 'CLIENT_INITIATED',
        },
      ],
      livekit: {
        eventId: 'EV_8TCkEVshCEVA',
        event: 'participant_left',
        roomSid: 'RM_pnUTTEHUN5pe',
        roomName: 'session-1001',
        participantIdentity: 'candidate-1',
        createdAt: '2026-11-21T10:14:43.000Z',
      },
    })
  })

  it('of a whole real call comes to its outcome', () => {
    const names = ['real_room_started', 'real_participant_joined', 'real_track_published']
    const ends = ['real_participant_left_client_initiated', 'real_participant_left_removed', 'real_room_finished']
    const facts = Object.fromEntries([...names, ...ends].map((name) => [name, effectOf(real(name)).facts]))
    expect(foldCall(facts)).toMatchObject({
      status: 'ended',
      outcome: 'completed',
      endedReason: 'client_initiated',
      startedAt: '2026-11-21T10:14:40.518Z',
      endedAt: '2026-11-21T10:14:43.000Z',
      durationSeconds: 2,
    })
  })

  it('of a call’s own id in the room’s metadata', () => {
    const callId = '0199a3c2-6d1e-7000-8000-0000000000aa'
    const of = (metadata: unknown) =>
      effectOf({ event: 'room_started', room: { sid: 'RM_1', name: 'r', metadata } }).callId
    expect(of(JSON.stringify({ call_id: callId.toUpperCase() }))).toBe(callId)
    for (const other of [undefined, 'text', '[]', 'null', '{"call_id":7}', '{"call_id":"x"}', { call_id: callId }])
      expect(of(other)).toBeUndefined()
  })

  it('of a finished room', () => {
    expect(
      effectOf({ event: 'room_finished', room: { sid: 'RM_1', name: 'r', creationTime: 1795256080 } }).facts,
    ).toEqual([
      {
        type: 'room',
        sid: 'RM_1',
        name: 'r',
        startedAt: '2026-11-21T10:14:40.000Z',
        finishedAt: '2026-11-21T10:14:43.000Z',
      },
    ])
  })

  it('of a client that never connected', () => {
    const participant = { sid: 'PA_1', identity: 'ada', joinedAt: '1795256081', disconnectReason: 'SIGNAL_CLOSE' }
    const { facts } = effectOf({
      event: 'participant_connection_aborted',
      room: { sid: 'RM_1', name: 'r' },
      participant,
    })
    expect(facts.find(({ type }) => type === 'participant')).toEqual({
      type: 'participant',
      sid: 'PA_1',
      roomSid: 'RM_1',
      identity: 'ada',
      kind: 'standard',
      leftAt: '2026-11-21T10:14:43.000Z',
      disconnectReason: 'SIGNAL_CLOSE',
      aborted: true,
    })
  })

  it('of who is human: what is left out is the first name, and an agent may join as a client', () => {
    const kind = (participant: object) => {
      const { facts } = effectOf({
        event: 'participant_joined',
        room: { sid: 'RM_1' },
        participant: { sid: 'PA_1', ...participant },
      })
      const fact = facts.find(({ type }) => type === 'participant')
      return fact?.type === 'participant' ? fact.kind : undefined
    }
    expect(
      ['INGRESS', 'EGRESS', 'SIP', 'AGENT', 'CONNECTOR', 'BRIDGE', 'ROBOT', 3].map((one) => kind({ kind: one })),
    ).toEqual(['ingress', 'egress', 'sip', 'agent', 'connector', 'bridge', 'unknown', 'unknown'])
    expect(kind({})).toBe('standard')
    expect(kind({ permission: { agent: true } })).toBe('agent')
  })

  it('of a phone: who called whom, as far as it tells', () => {
    const attributes = {
      'sip.callID': 'SCL_1',
      'sip.phoneNumber': '+15550100',
      'sip.trunkPhoneNumber': '+15550199',
      'sip.twilio.callSid': 'CA1',
    }
    const details = (more: object) =>
      effectOf({
        event: 'participant_joined',
        room: { sid: 'RM_1' },
        participant: { sid: 'PA_1', kind: 'SIP', attributes: { ...attributes, ...more } },
      }).facts.find(({ type }) => type === 'details')
    const metadata = { sip: { call_id: 'SCL_1', twilio_call_sid: 'CA1' } }
    const at = '2026-11-21T10:14:43.000Z'
    expect(details({ 'sip.ruleID': 'SDR_1' })).toEqual({
      type: 'details',
      at,
      direction: 'inbound',
      from: '+15550100',
      to: '+15550199',
      metadata,
    })
    expect(details({ 'sip.callStatus': 'dialing' })).toEqual({
      type: 'details',
      at,
      direction: 'outbound',
      from: '+15550199',
      to: '+15550100',
      metadata,
    })
    expect(details({ 'sip.callStatus': 'active' })).toEqual({ type: 'details', at, metadata })
  })

  it('of a recording, in nanoseconds beyond what a number holds', () => {
    const effect = effectOf(real('go_signer_egress_ended'))
    expect(effect).toMatchObject({ externalId: 'session-1001', livekit: { roomSid: 'RM_exampleroom01' } })
    expect(effect.facts).toEqual([
      {
        type: 'details',
        at: '2026-11-21T10:07:30.000Z',
        metadata: { egress: { EG_example01: { status: 'EGRESS_COMPLETE' } } },
      },
      { type: 'recording', url: 'https://bucket.s3.amazonaws.com/rec/session-1001.mp4', durationSeconds: 41 },
    ])
  })

  it('of a recording only where there is one', () => {
    const location = 'https://bucket/x.mp4'
    const urls = (egressInfo: object) =>
      effectOf({ event: 'egress_ended', egressInfo }).facts.flatMap((fact) =>
        fact.type === 'recording' ? fact.url : [],
      )
    expect(
      urls({
        status: 'EGRESS_COMPLETE',
        fileResults: [{ location }, {}, 7],
        segmentResults: [{ playlistLocation: 's3://b/p.m3u8' }],
      }),
    ).toEqual([location, 's3://b/p.m3u8'])
    expect(urls({ status: 'EGRESS_LIMIT_REACHED', file: { location } })).toEqual([location])
    for (const status of ['EGRESS_FAILED', 'EGRESS_ABORTED', undefined, 6])
      expect(urls({ status, file: { location } })).toEqual([])
    expect(urls({ status: 'EGRESS_COMPLETE', file: { location: 'javascript:alert(1)' } })).toEqual([])
    const failed = effectOf({
      event: 'egress_ended',
      egressInfo: { egressId: 'EG_1', status: 'EGRESS_FAILED', error: 'disk' },
    })
    expect(failed.facts).toMatchObject([{ metadata: { egress: { EG_1: { status: 'EGRESS_FAILED', error: 'disk' } } } }])
  })

  it('of everything else is kept and changes nothing, wherever the room stands in it', () => {
    for (const [body, roomName] of [
      [real('real_track_published'), 'session-1001'],
      [{ event: 'egress_started', egressInfo: { roomName: 'r' } }, 'r'],
      [{ event: 'ingress_started', ingressInfo: { roomName: 'r' } }, 'r'],
      [{ event: 'agent_job_started', job: { room: { name: 'r', sid: 'RM_1' } } }, 'r'],
      [{ event: 'of_tomorrow' }, ''],
    ] as const)
      expect(effectOf(body)).toMatchObject({ externalId: roomName, facts: [] })
  })

  it('is some effect for any JSON, at the time of its coming when it has none of its own', () => {
    const names = [
      'room_finished',
      'participant_joined',
      'participant_left',
      'participant_connection_aborted',
      'egress_ended',
    ]
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.jsonValue(), fc.jsonValue(), (event, one, two) => {
        const body = { event, room: one, participant: two, egressInfo: one, ingressInfo: two, job: one, createdAt: two }
        const effect = effectOf(body)
        expect(effect.target).toBe('call')
        expect(effect.livekit?.createdAt).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
        foldCall({ event: effect.facts })
      }),
      { numRuns: 1000 },
    )
    const before = new Date().toISOString()
    expect((effectOf({ event: 'room_started', createdAt: undefined }).livekit?.createdAt ?? '') >= before).toBe(true)
  })
})

describe('integers of proto3 JSON @unit', () => {
  it('are read as strings and as numbers, and nothing else', () => {
    expect(integerOf('1795255608790667249')).toBe(1795255608790667249n)
    expect(integerOf(7)).toBe(7n)
    for (const other of [1.5, 2 ** 60, '1.5', '', 'x', null, {}, '9'.repeat(30)])
      expect(integerOf(other)).toBeUndefined()
    expect(timeFrom('1795255608790667249', 'nanoseconds')).toBe('2026-11-21T10:06:48.790Z')
    expect(timeFrom('0', 'seconds')).toBeUndefined()
    expect(timeFrom('99999999999999', 'seconds')).toBeUndefined()
    expect(secondsFrom('41000000000')).toBe(41)
    expect(secondsFrom('-1')).toBeUndefined()
  })
})
