import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normaliseTavusEvent } from '../../src/providers/tavus/events.js'
import { utcMicroseconds } from '../../src/providers/timestamp.js'

const path = new URL('../fixtures/tavus/conversation.json', import.meta.url)
const { callbacks, verbose } = JSON.parse(readFileSync(path, 'utf8')) as { callbacks: object[]; verbose: object[] }
const at = '2026-07-11T06:45:47.472000Z'
const event = (event_type: string, properties: object = {}) =>
  normaliseTavusEvent({ event_type, timestamp: at, properties })

describe('the callbacks of a conversation', () => {
  it('say what happened, in the common words', () => {
    expect(callbacks.map(normaliseTavusEvent)).toEqual([
      { kind: 'joined', at, facts: { joinedAt: at } },
      { kind: 'joined', at, facts: { joinedAt: at } },
      {
        kind: 'shutdown',
        at: '2026-07-11T06:48:37.100000Z',
        facts: { shutdownAt: '2026-07-11T06:48:37.100000Z', shutdownReason: 'participant_left_timeout' },
        metadata: { shutdown_reason: 'participant_left_timeout' },
      },
      {
        kind: 'transcript',
        at: '2026-07-11T06:48:37.566057Z',
        facts: {},
        transcript: [
          { role: 'user', content: 'Hi.', at: '2026-07-11T06:46:00.000000Z' },
          { role: 'assistant', content: 'Hello!' },
        ],
      },
      {
        kind: 'recording',
        at: '2026-07-11T06:55:18.137386Z',
        facts: {},
        recordingUrl: 's3://rec/tavus/c0a1b2c3d4e5/1783752908137',
        metadata: { recording_duration_seconds: 14, recording_storage: 's3' },
      },
      {
        kind: 'perception',
        at: '2026-07-11T06:51:37.591677Z',
        facts: {},
        metadata: { perception_analysis: 'Summary of what was seen.' },
      },
    ])
  })

  it('say the same when they are asked for', () => {
    const [joined, transcript, shutdown] = verbose.map(normaliseTavusEvent)
    expect(joined?.facts).toEqual({ joinedAt: '2026-04-29T03:45:53.000000Z' })
    expect(transcript?.transcript?.[1]).toEqual({
      role: 'user',
      content: 'Hello.',
      at: '2026-04-29T03:45:57.100000Z',
      seconds_from_start: 3.26,
      duration: 0.8,
    })
    expect(shutdown?.facts).toEqual({
      shutdownAt: '2026-04-29T03:47:01.000000Z',
      shutdownReason: 'participant_left_timeout',
    })
  })
})

describe('a reason of a shutdown', () => {
  it.each([
    ['max_call_duration reached', 'max_call_duration'],
    ['participant_left_timeout reached', 'participant_left_timeout'],
    ['participant_left_timeout', 'participant_left_timeout'],
    ['Participant_Absent_Timeout Reached', 'participant_absent_timeout'],
    ['bot_could_not_join_meeting_it_was_probably_ended', 'could_not_join'],
    ['daily_room_has_been_deleted', 'room_deleted'],
    ['exception_encountered_during_conversation_startup', 'startup_exception'],
    ['end_conversation_endpoint_hit', 'end_conversation_endpoint_hit'],
    ['internal error occurred at step x', 'internal_error'],
    ['INTERNAL ERROR', 'internal_error'],
    ['constructor', 'other'],
    ['something new', 'other'],
    ['', 'other'],
  ])('%j is %s, under both names of its field', (raw, reason) => {
    for (const field of ['shutdown_reason', 'reason']) {
      const { facts, metadata } = event('system.shutdown', { [field]: raw })
      expect(facts).toEqual({ shutdownAt: at, shutdownReason: reason })
      expect(metadata).toEqual({ shutdown_reason: raw })
    }
  })

  it('that is missing is still a shutdown', () => {
    expect(event('system.shutdown')).toEqual({
      kind: 'shutdown',
      at,
      facts: { shutdownAt: at, shutdownReason: 'other' },
    })
  })
})

describe('an event', () => {
  it('of a recording is found by its bucket and key where no address is given', () => {
    expect(event('application.recording_ready', { bucket_name: 'rec', s3_key: '/a/b' }).recordingUrl).toBe(
      's3://rec/a/b',
    )
    expect(event('application.recording_ready', { storage_uri: 'javascript://x' }).recordingUrl).toBeUndefined()
    expect(event('application.recording_ready', { storage_uri: 'gs://bucket/key' }).recordingUrl).toBe(
      'gs://bucket/key',
    )
    expect(event('application.recording_ready')).toEqual({ kind: 'recording', at, facts: {}, metadata: {} })
  })

  it('that only remarks on something is kept with the session', () => {
    expect(event('application.recording_copy_failed', { error_message: 'no access' })).toMatchObject({
      kind: 'recording_failed',
      metadata: { recording_copy_failed: 'no access' },
    })
    expect(event('application.perception_unavailable', { reason: 'no_vision_history' })).toMatchObject({
      kind: 'perception',
      metadata: { perception_unavailable: 'no_vision_history' },
    })
    const tool = {
      tool_id: 't1',
      status: 'success',
      request: { body: 'private' },
      response: { http_status: 200, body: 'private' },
    }
    expect(event('application.post_call_action_executed', tool)).toEqual({
      kind: 'other',
      at,
      facts: {},
      metadata: { post_call_actions: { t1: { status: 'success', http_status: 200, at } } },
    })
    expect(event('system.participant_joined').kind).toBe('participant_joined')
  })

  it('without a time moves no fact', () => {
    for (const type of ['system.replica_joined', 'system.shutdown'])
      expect(normaliseTavusEvent({ event_type: type, properties: { reason: 'x' } })).toMatchObject({
        kind: 'other',
        facts: {},
      })
  })

  it('may be any JSON: there is always an answer', () => {
    const types = callbacks.map((callback) => (callback as { event_type: string }).event_type)
    const properties = fc.oneof(
      fc.jsonValue(),
      fc.record({ transcript: fc.jsonValue(), storage_uri: fc.jsonValue(), shutdown_reason: fc.jsonValue() }),
    )
    const anyEvent = fc.record(
      {
        event_type: fc.oneof(fc.constantFrom(...types, '__proto__', 'toString'), fc.jsonValue()),
        timestamp: fc.jsonValue(),
        properties,
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.oneof(anyEvent, fc.jsonValue()), (value) => {
        const normalised = normaliseTavusEvent(value)
        expect(Number.isNaN(Date.parse(normalised.at))).toBe(false)
        for (const fact of ['joinedAt', 'shutdownAt'] as const)
          if (normalised.facts[fact] !== undefined) expect(Number.isNaN(Date.parse(normalised.facts[fact]))).toBe(false)
      }),
      { numRuns: 500 },
    )
  })
})

describe('a time', () => {
  it.each([
    ['2026-07-11T06:45:47.472000Z', '2026-07-11T06:45:47.472000Z'],
    ['2026-07-11T06:45:47Z', '2026-07-11T06:45:47.000000Z'],
    ['2026-07-11T08:45:47.4720001+02:00', '2026-07-11T06:45:47.472000Z'],
    ['2026-07-11T08:45:47.5+0200', '2026-07-11T06:45:47.500000Z'],
    ['2026-07-11 06:45:47.123456', '2026-07-11T06:45:47.123456Z'],
    ['2026-07-11t06:45:47z', '2026-07-11T06:45:47.000000Z'],
    [1777434353.84, '2026-04-29T03:45:53.840000Z'],
    [0, '1970-01-01T00:00:00.000000Z'],
    ['', undefined],
    ['2026-07-11', undefined],
    ['2026-13-11T06:45:47Z', undefined],
    [Infinity, undefined],
    [-1, undefined],
    [1e18, undefined],
    [null, undefined],
    [{}, undefined],
  ])('%j is read as %s', (given, expected) => {
    expect(utcMicroseconds(given)).toBe(expected)
  })

  it('has one text for one instant, however it is written', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1971-01-01'), max: new Date('2099-01-01'), noInvalidDate: true }),
        (date) => {
          const iso = date.toISOString()
          expect(utcMicroseconds(date.getTime() / 1000)).toBe(utcMicroseconds(iso))
          expect(utcMicroseconds(iso.replace('Z', '+00:00'))).toBe(utcMicroseconds(iso))
          expect(utcMicroseconds(utcMicroseconds(iso))).toBe(utcMicroseconds(iso))
        },
      ),
    )
  })
})
