import { describe, expect, it } from 'vitest'
import type { CallFact } from '../../src/domain/call.js'
import { foldCall } from '../../src/domain/call-fold.js'
import { livekitEndedReasons, outcomeRules } from '../../src/domain/call-rules.js'
import { at, left, person, room, told } from './call-facts.js'

const fold = (...facts: CallFact[]) => foldCall(told(...facts))
const finished = (seconds: number) => room({ finishedAt: at(seconds) })
const phone = { kind: 'sip' } as const

type Case = [
  name: string,
  facts: CallFact[],
  outcome: string,
  rule: string,
  reason: string,
  seconds: number,
  end: number,
]
const cases: Case[] = [
  ['a human came and left', [person(), left(62)], 'completed', 'talked', 'client_initiated', 60, 62],
  ['the leaving alone is known', [left(62)], 'completed', 'talked', 'client_initiated', 60, 62],
  [
    'the room was closed 20 s after the leaving',
    [left(62), finished(82)],
    'completed',
    'talked',
    'client_initiated',
    60,
    62,
  ],
  ['the leaving was lost', [person(), finished(82)], 'completed', 'talked', 'room_finished', 80, 82],
  ['the backend deleted the room', [left(30, 'ROOM_DELETED')], 'completed', 'talked', 'room_deleted', 28, 30],
  [
    'the backend removed the human',
    [left(30, 'PARTICIPANT_REMOVED')],
    'completed',
    'talked',
    'participant_removed',
    28,
    30,
  ],
  ['a reason that is newer than the table', [left(30, 'NEWER')], 'completed', 'talked', 'newer', 28, 30],
  [
    'a killed client is noticed 20 s late',
    [left(82, 'CONNECTION_TIMEOUT')],
    'completed',
    'lost',
    'connection_timeout',
    60,
    62,
  ],
  [
    'a client was killed at once',
    [left(24, 'CONNECTION_TIMEOUT')],
    'failed',
    'lost_at_once',
    'connection_timeout',
    2,
    4,
  ],
  ['a socket closed after a while', [left(30, 'SIGNAL_CLOSE')], 'completed', 'lost', 'signal_close', 28, 30],
  ['a socket closed at once', [left(4, 'SIGNAL_CLOSE')], 'failed', 'lost_at_once', 'signal_close', 2, 4],
  ['the server went down', [left(30, 'SERVER_SHUTDOWN')], 'failed', 'fault', 'server_shutdown', 28, 30],
  ['the agent failed', [left(30, 'AGENT_ERROR')], 'failed', 'fault', 'agent_error', 28, 30],
  ['the media failed', [left(30, 'MEDIA_FAILURE')], 'failed', 'fault', 'media_failure', 28, 30],
  ['nobody came', [room(), finished(60)], 'no_answer', 'nobody_came', 'nobody_joined', 0, 60],
  [
    'an agent, an egress and an ingress came, and no human',
    [
      left(30, 'CLIENT_INITIATED', { kind: 'agent', sid: 'PA_a' }),
      left(30, 'CLIENT_INITIATED', { kind: 'egress', sid: 'PA_e' }),
      left(30, 'CLIENT_INITIATED', { kind: 'ingress', sid: 'PA_i' }),
      finished(60),
    ],
    'no_answer',
    'nobody_came',
    'nobody_joined',
    0,
    60,
  ],
  [
    'a client never got as far as media',
    [{ ...left(9, 'SIGNAL_CLOSE'), joinedAt: at(8), aborted: true }],
    'failed',
    'not_connected',
    'signal_close',
    0,
    9,
  ],
  [
    'a phone was hung up',
    [left(62, 'CLIENT_INITIATED', { ...phone, sipCallStatus: 'hangup' })],
    'completed',
    'talked',
    'client_initiated',
    60,
    62,
  ],
  [
    'a phone was cut off',
    [left(62, 'CLIENT_INITIATED', { ...phone, sipCallStatus: 'active' })],
    'completed',
    'lost',
    'client_initiated',
    60,
    62,
  ],
  [
    'a phone was cut off at once',
    [left(3, 'CLIENT_INITIATED', { ...phone, sipCallStatus: 'active' })],
    'failed',
    'lost_at_once',
    'client_initiated',
    1,
    3,
  ],
  [
    'the room of an active phone was deleted',
    [left(3, 'ROOM_DELETED', { ...phone, sipCallStatus: 'active' })],
    'completed',
    'talked',
    'room_deleted',
    1,
    3,
  ],
  [
    'the callee was busy',
    [left(9, 'USER_REJECTED', { ...phone, sipCallStatus: 'ringing' })],
    'busy',
    'rejected',
    'user_rejected',
    0,
    9,
  ],
  [
    'the callee was busy, whatever the status says',
    [left(9, 'USER_REJECTED', { ...phone, sipCallStatus: 'hangup' })],
    'busy',
    'rejected',
    'user_rejected',
    0,
    9,
  ],
  [
    'the callee did not answer',
    [left(40, 'USER_UNAVAILABLE', { ...phone, sipCallStatus: 'ringing' })],
    'no_answer',
    'unavailable',
    'user_unavailable',
    0,
    40,
  ],
  [
    'the network failed while a phone rang',
    [left(9, 'CLIENT_INITIATED', { ...phone, sipCallStatus: 'dialing' })],
    'failed',
    'not_reached',
    'client_initiated',
    0,
    9,
  ],
  [
    'the backend gave up while a phone rang',
    [left(9, 'ROOM_DELETED', { ...phone, sipCallStatus: 'ringing' })],
    'failed',
    'not_reached',
    'room_deleted',
    0,
    9,
  ],
  [
    'the trunk failed',
    [left(9, 'SIP_TRUNK_FAILURE', { ...phone, sipCallStatus: 'dialing' })],
    'failed',
    'not_reached',
    'sip_trunk_failure',
    0,
    9,
  ],
  [
    'a colleague waited in the room and the callee did not answer',
    [
      left(60, 'CLIENT_INITIATED', { sid: 'PA_c', identity: 'rep' }),
      left(40, 'USER_UNAVAILABLE', { ...phone, sipCallStatus: 'ringing' }),
    ],
    'no_answer',
    'unavailable',
    'user_unavailable',
    0,
    40,
  ],
  [
    'the callee was busy first and answered the second time',
    [
      left(9, 'USER_REJECTED', { ...phone, sipCallStatus: 'ringing' }),
      left(80, 'CLIENT_INITIATED', { ...phone, sid: 'PA_2', joinedAt: at(20), sipCallStatus: 'hangup' }),
    ],
    'completed',
    'talked',
    'client_initiated',
    60,
    80,
  ],
]

describe('the outcome of a LiveKit call @unit', () => {
  it.each(cases)('is right when %s', (_name, facts, outcome, rule, reason, seconds, end) => {
    const row = fold(...facts)
    expect({ ...row, metadata: row.metadata.livekit }).toMatchObject({
      status: 'ended',
      outcome,
      endedReason: reason,
      durationSeconds: seconds,
      endedAt: at(end),
      metadata: { outcome_rule: rule },
    })
    expect(fold(...[...facts].reverse())).toEqual(row)
  })

  it('has a case for every rule but the last, which nothing is known to reach', () => {
    const proven = new Set(cases.map(([, , , rule]) => rule))
    expect(outcomeRules.filter(({ name }) => !proven.has(name)).map(({ name }) => name)).toEqual(['unknown'])
  })

  it('is documented with every reason that it gives', () => {
    const given = cases.map(([, , , , reason]) => reason).filter((reason) => reason !== 'newer')
    expect(given.filter((reason) => !Object.hasOwn(livekitEndedReasons, reason))).toEqual([])
  })
})

describe('a LiveKit call on its way @unit', () => {
  it('rings while nobody is there, a dialled phone included, and is in progress with a human', () => {
    expect(fold(room())).toMatchObject({ status: 'ringing', startedAt: at(0), outcome: undefined })
    expect(fold(room(), person({ kind: 'agent' })).status).toBe('ringing')
    expect(fold(room(), person({ ...phone, sipCallStatus: 'dialing' })).status).toBe('ringing')
    expect(fold(room(), person({ ...phone, sipCallStatus: 'active' })).status).toBe('in_progress')
    expect(fold(room(), person())).toMatchObject({ status: 'in_progress', answeredAt: at(2), outcome: undefined })
  })

  it('goes on while one human is there', () => {
    const other = person({ sid: 'PA_2', identity: 'ben', joinedAt: at(10) })
    expect(fold(left(30), other).status).toBe('in_progress')
    expect(fold(left(30), { ...other, leftAt: at(50) })).toMatchObject({ status: 'ended', durationSeconds: 48 })
  })

  it('is one stay across a second connection of the same identity', () => {
    const again = person({ sid: 'PA_2', joinedAt: at(20) })
    const replaced = left(20, 'DUPLICATE_IDENTITY')
    expect(fold(replaced).status).toBe('in_progress')
    expect(fold(replaced, again).status).toBe('in_progress')
    expect(fold(replaced, again, { ...again, leftAt: at(62), disconnectReason: 'CLIENT_INITIATED' })).toMatchObject({
      status: 'ended',
      outcome: 'completed',
      endedReason: 'client_initiated',
      answeredAt: at(2),
      durationSeconds: 60,
    })
    expect(fold(replaced, room({ finishedAt: at(40) }))).toMatchObject({ status: 'ended', durationSeconds: 18 })
  })

  it('is one stay across a migration', () => {
    const moved = left(20, 'MIGRATION')
    expect(fold(moved).status).toBe('in_progress')
    expect(fold(moved, left(62))).toMatchObject({ status: 'ended', durationSeconds: 60 })
  })

  it('is open again when somebody comes back, and measured to the last leaving', () => {
    const back = person({ sid: 'PA_2', joinedAt: at(40) })
    expect(fold(left(30)).status).toBe('ended')
    expect(fold(left(30), back)).toMatchObject({ status: 'in_progress', outcome: undefined })
    expect(fold(left(30), { ...back, leftAt: at(52), disconnectReason: 'CLIENT_INITIATED' }).durationSeconds).toBe(50)
  })

  it('never has a negative length, though leavings come in whole seconds', () => {
    expect(fold(left(1.0, 'CLIENT_INITIATED', { joinedAt: at(1.7) })).durationSeconds).toBe(0)
  })
})
