import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CallEnd, CallFact } from '../../src/domain/call.js'
import { type CallState, foldCall } from '../../src/domain/call-fold.js'
import { anyFacts, at, told } from './call-facts.js'

const fold = (...facts: CallFact[]) => foldCall(told(...facts))
const end = (changes: Partial<CallEnd> = {}): CallEnd => ({
  type: 'end',
  outcome: 'completed',
  reason: 'completed',
  ...changes,
})

describe('the row of a call @unit @idempotency', () => {
  it('is the same for every order of its events and every repetition of them', () => {
    const shuffled = anyFacts.chain((events) =>
      fc.tuple(
        fc.constant(events),
        fc.shuffledSubarray(events, { minLength: events.length }),
        fc.shuffledSubarray(events),
      ),
    )
    fc.assert(
      fc.property(shuffled, ([events, order, again]) => {
        const repeated = again.map(([key, facts]): [string, CallFact[]] => [`again/${key}`, facts])
        expect(foldCall(Object.fromEntries([...order, ...repeated]))).toEqual(foldCall(Object.fromEntries(events)))
      }),
      { numRuns: 3000 },
    )
  })

  it('is total: it has a status, an outcome exactly when it is over, and columns that PostgreSQL takes', () => {
    fc.assert(
      fc.property(anyFacts, (events) => {
        const row = foldCall(Object.fromEntries(events))
        expect(row.outcome !== undefined).toBe(row.status === 'ended')
        expect(row.endedReason !== undefined).toBe(row.status === 'ended')
        for (const time of [row.startedAt, row.answeredAt, row.endedAt])
          if (time !== undefined) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
        const seconds = row.durationSeconds ?? 0
        expect(Number.isInteger(seconds) && seconds >= 0 && seconds < 2 ** 31).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('goes forward only: more facts never bring an ended call back, but for a LiveKit room that is entered again', () => {
    const order = ['queued', 'ringing', 'in_progress', 'ended']
    const telephony = anyFacts.map((events) =>
      events.map(([key, facts]): [string, CallFact[]] => [
        key,
        facts.filter(({ type }) => type !== 'room' && type !== 'participant'),
      ]),
    )
    fc.assert(
      fc.property(telephony, (events) => {
        let reached = 0
        for (let n = 0; n <= events.length; n++) {
          const now = order.indexOf(foldCall(Object.fromEntries(events.slice(0, n))).status)
          expect(now).toBeGreaterThanOrEqual(reached)
          reached = now
        }
      }),
    )
  })
})

describe('a telephone call @unit', () => {
  const course: CallFact[] = [
    { type: 'details', at: at(0), direction: 'outbound', from: '+15550100', to: '+15550101', startedAt: at(0) },
    { type: 'progress', status: 'ringing', at: at(1) },
    { type: 'progress', status: 'in_progress', at: at(4) },
    end({ at: at(65), durationSeconds: 61 }),
  ]

  it('is folded from its course', () => {
    const row: CallState = {
      status: 'ended',
      direction: 'outbound',
      from: '+15550100',
      to: '+15550101',
      startedAt: at(0),
      answeredAt: at(4),
      endedAt: at(65),
      durationSeconds: 61,
      outcome: 'completed',
      endedReason: 'completed',
      recordingUrl: undefined,
      metadata: {},
    }
    expect(fold(...course)).toEqual(row)
    expect(fold(...[...course].reverse())).toEqual(row)
  })

  it('is queued, ringing and in progress on its way, and a late ringing takes nothing back', () => {
    expect(fold().status).toBe('queued')
    expect(fold(...course.slice(0, 2)).status).toBe('ringing')
    expect(fold(...course.slice(0, 3))).toMatchObject({ status: 'in_progress', outcome: undefined, endedAt: undefined })
    expect(fold(course[2] as CallFact, course[1] as CallFact).status).toBe('in_progress')
    expect(fold(course[3] as CallFact, course[1] as CallFact)).toMatchObject({ status: 'ended', outcome: 'completed' })
  })

  it('that was received is inbound and rings', () => {
    expect(fold({ type: 'received', at: at(0) })).toMatchObject({
      direction: 'inbound',
      status: 'ringing',
      startedAt: at(0),
    })
  })

  it('takes the end of the higher rank, and from the others what that leaves open', () => {
    const dialled = end({ outcome: 'no_answer', reason: 'no_answer', rank: 1 })
    expect(fold(end({ at: at(30), durationSeconds: 30 }), dialled)).toMatchObject({
      outcome: 'no_answer',
      endedReason: 'no_answer',
      endedAt: at(30),
      durationSeconds: 30,
    })
  })

  it('counts its length from the answer, or from what the provider says, and nothing when nobody answered', () => {
    expect(fold({ type: 'progress', status: 'in_progress', at: at(5) }, end({ at: at(20) })).durationSeconds).toBe(15)
    expect(fold(end({ startedAt: at(5), durationSeconds: 41.6 }))).toMatchObject({
      durationSeconds: 42,
      endedAt: at(47),
    })
    expect(fold(end({ outcome: 'busy', reason: 'busy', at: at(9) })).durationSeconds).toBe(0)
    expect(fold(end())).toMatchObject({ durationSeconds: undefined, endedAt: undefined })
  })

  it('takes each field from the later event, lists by their length, and provider’s words over the company’s', () => {
    const row = fold(
      { type: 'details', from: 'ours', metadata: { tags: ['x', 'y', 'z'], own: 1 } },
      { type: 'details', at: at(2), from: 'late', metadata: { tags: ['b', 'c'], score: { a: 1 } } },
      { type: 'details', at: at(2), metadata: { tags: ['b'], score: { b: 2 } } },
      { type: 'details', at: at(1), from: 'early', to: 'kept' },
    )
    expect(row).toMatchObject({ from: 'late', to: 'kept' })
    expect(row.metadata).toEqual({ own: 1, tags: ['b', 'c'], score: { a: 1, b: 2 } })
  })

  it('shows the longest recording, and all of several in its metadata', () => {
    const one: CallFact = { type: 'recording', url: 'https://x/short.mp3', durationSeconds: 3 }
    const two: CallFact = { type: 'recording', url: 'https://x/long.mp3', durationSeconds: 30 }
    expect(fold(one)).toMatchObject({ recordingUrl: one.url, metadata: {} })
    expect(fold(one, two)).toMatchObject({ recordingUrl: two.url, metadata: { recordings: [two.url, one.url] } })
  })
})
