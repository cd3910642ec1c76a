import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SessionEvent } from '../../src/domain/event.js'
import type { SessionFacts } from '../../src/domain/session.js'
import type { ApplyInput, TrackInput } from '../../src/store/sessions.js'
import { aSession, createWorld, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld()))
afterAll(() => world.close())

const at = (seconds: number) => new Date(Date.UTC(2026, 2, 1, 10, 0, seconds)).toISOString()

/** Everything of the row but when it was changed last and what names it. */
async function rowOf(sessionId: string, table = 'conversations_users') {
  const [found] = await world.admin<{ row: object }>(
    `select to_jsonb(t) - '{updated_at,session_id,conversation_user_id,external_conversation_id,tavus_conversation_id}'::text[] as row
     from ${table} t where session_id = $1`,
    [sessionId],
  )
  return found?.row
}

const logOf = async (sessionId: string) =>
  (
    await world.admin<{ event: string }>('select event from event_logs where session_id = $1 order by 1', [sessionId])
  ).map(({ event }) => event)

describe('any order and repetition of the same news', () => {
  const time = fc.integer({ min: 0, max: 9 }).map(at)
  const facts: fc.Arbitrary<SessionFacts> = fc.record(
    {
      createdAt: time,
      joinedAt: time,
      shutdownAt: time,
      endedAt: time,
      endRequestedAt: time,
      shutdownReason: fc.constantFrom('other', 'max_call_duration', 'room_deleted', 'could_not_join'),
      endRequestedBy: fc.constantFrom('user', 'abandoned', 'error'),
      foundByReconcile: fc.constant(true),
    },
    { requiredKeys: [] },
  )
  const text = fc.constantFrom('a', 'b', 'ä\0')
  const sessionEvent: fc.Arbitrary<SessionEvent> = fc.record(
    {
      kind: fc.constant<SessionEvent['kind']>('other'),
      at: time,
      facts,
      transcript: fc.array(fc.record({ role: fc.constantFrom('user', 'assistant'), content: text }), { maxLength: 2 }),
      recordingUrl: fc.constantFrom('s3://b/1', 's3://b/2'),
      metadata: fc.dictionary(fc.constantFrom('perception', 'recordings', 'x'), fc.jsonValue({ maxDepth: 2 }), {
        maxKeys: 2,
      }),
    },
    { requiredKeys: ['kind', 'at', 'facts'] },
  )
  const news = fc.record({ events: fc.array(sessionEvent, { maxLength: 2 }), facts, ending: fc.boolean() })
  /** The news in one order, and all of it with repetitions in another. */
  const orders = fc
    .array(news, { minLength: 1, maxLength: 4 })
    .chain((list) =>
      fc
        .array(fc.nat(list.length - 1), { maxLength: 3 })
        .chain((again) =>
          fc.tuple(fc.constant(list), shuffled([...list, ...again.map((index) => list[index] ?? list[0])])),
        ),
    )

  function shuffled<T>(items: T[]): fc.Arbitrary<T[]> {
    return fc
      .shuffledSubarray(
        items.map((_, index) => index),
        { minLength: items.length },
      )
      .map((order) => order.flatMap((index) => items.slice(index, index + 1)))
  }

  async function after(
    list: (Omit<ApplyInput, 'sessionId'> | undefined)[],
    changes: Partial<TrackInput>,
    table: string,
  ) {
    const session = aSession({ ...changes, metadata: { x: 'mine', y: 1 } })
    await world.sessions.track(session)
    for (const one of list) await world.sessions.recordFacts({ ...one, sessionId: session.sessionId })
    return { row: await rowOf(session.sessionId, table), log: await logOf(session.sessionId) }
  }

  it.each([
    ['conversations_users', {}],
    ['untracked_sessions', { owner: undefined }],
  ])(
    'makes the same row in %s',
    async (table, changes) => {
      await fc.assert(
        fc.asyncProperty(orders, async ([one, other]) => {
          const [first, second] = [await after(one, changes, table), await after(other, changes, table)]
          expect(second).toEqual(first)
          expect(new Set(first.log).size).toBe(first.log.length)
        }),
        { numRuns: 40 },
      )
    },
    120_000,
  )
})
