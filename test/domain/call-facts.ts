import fc from 'fast-check'
import type { CallFact, CallFacts, ParticipantFact, RoomFact } from '../../src/domain/call.js'

const base = Date.parse('2026-03-01T10:00:00.000Z')
/** So many seconds after ten o'clock. */
export const at = (seconds: number) => new Date(base + seconds * 1000).toISOString()

export const room = (changes: Partial<RoomFact> = {}): RoomFact => ({
  type: 'room',
  sid: 'RM_1',
  name: 'room-1',
  startedAt: at(0),
  ...changes,
})
export const person = (changes: Partial<ParticipantFact> = {}): ParticipantFact => ({
  type: 'participant',
  sid: 'PA_1',
  roomSid: 'RM_1',
  identity: 'ada',
  kind: 'standard',
  joinedAt: at(2),
  ...changes,
})
export const left = (seconds: number, disconnectReason = 'CLIENT_INITIATED', changes: Partial<ParticipantFact> = {}) =>
  person({ leftAt: at(seconds), disconnectReason, ...changes })

/** Each fact as an event of its own. */
export const told = (...facts: CallFact[]): CallFacts =>
  Object.fromEntries(facts.map((fact, n) => [`event/${n}`, [fact]]))

const pick = <T>(...values: T[]) => fc.constantFrom(...values)
const time = fc.oneof(
  fc.integer({ min: -5, max: 90 }).map(at),
  pick('2026-03-01T11:00:01+01:00', 'no time', '+012026-03-01T10:00:00Z'),
)
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const withoutUndefined = (value: object) => JSON.parse(JSON.stringify(value)) as CallFact

const details = fc.record({
  type: fc.constant('details'),
  at: optional(time),
  direction: optional(pick('inbound', 'outbound')),
  from: optional(pick('+15550100', '+15550101')),
  to: optional(pick('+15550102', 'sip:ada')),
  startedAt: optional(time),
  metadata: optional(
    fc.dictionary(
      pick('tags', 'note', 'constructor', '__proto__'),
      fc.oneof(fc.string(), fc.array(fc.integer(), { maxLength: 3 }), fc.dictionary(pick('a', 'b'), fc.integer())),
    ),
  ),
})
const end = fc.record({
  type: fc.constant('end'),
  outcome: pick('completed', 'no_answer', 'busy', 'failed'),
  reason: pick('completed', 'busy', 'no_answer'),
  at: optional(time),
  startedAt: optional(time),
  durationSeconds: optional(fc.oneof(fc.integer({ min: -1, max: 100 }), fc.constant(1e12), fc.constant(41.6))),
  rank: optional(fc.integer({ min: 0, max: 2 })),
})
const participant = fc.record({
  type: fc.constant('participant'),
  sid: pick('PA_1', 'PA_2', 'PA_3'),
  roomSid: optional(pick('RM_1', 'RM_2')),
  identity: pick('ada', 'ben'),
  kind: pick('standard', 'sip', 'agent', 'egress', 'unknown'),
  joinedAt: optional(time),
  leftAt: optional(time),
  aborted: optional(fc.boolean()),
  disconnectReason: optional(
    pick('CLIENT_INITIATED', 'DUPLICATE_IDENTITY', 'MIGRATION', 'CONNECTION_TIMEOUT', 'USER_REJECTED', 'NEWER'),
  ),
  sipCallStatus: optional(pick('dialing', 'ringing', 'active', 'hangup', 'odd')),
})

/** Any fact of any provider. */
export const anyFact: fc.Arbitrary<CallFact> = fc
  .oneof(
    details,
    end,
    participant,
    fc.record({ type: fc.constant('received'), at: time }),
    fc.record({ type: fc.constant('progress'), status: pick('queued', 'ringing', 'in_progress'), at: optional(time) }),
    fc.record({
      type: fc.constant('recording'),
      url: pick('https://x/1.mp3', 'https://x/2.mp3'),
      durationSeconds: optional(fc.integer({ min: 0, max: 9 })),
    }),
    fc.record({
      type: fc.constant('room'),
      sid: pick('RM_1', 'RM_2'),
      name: fc.constant('room-1'),
      startedAt: optional(time),
      finishedAt: optional(time),
    }),
  )
  .map(withoutUndefined)

/** A call's events, each with what it says. */
export const anyFacts: fc.Arbitrary<[string, CallFact[]][]> = fc.uniqueArray(
  fc.tuple(
    fc.integer({ min: 0, max: 40 }).map((n) => `event/${n}`),
    fc.array(anyFact, { maxLength: 3 }),
  ),
  { maxLength: 12, selector: ([key]) => key },
)
