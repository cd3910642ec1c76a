import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SessionFacts } from '../../src/domain/session.js'
import { acme, actors, aSession, createWorld, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld()))
afterAll(() => world.close())

const at = (seconds: number) => new Date(Date.UTC(2026, 2, 1, 10, 0, seconds)).toISOString()

interface Course {
  start_time: Date
  end_time: Date | null
  duration: number | null
  status: string
  transcript: unknown
  metadata: object
}

const courseOf = async (table: string, sessionId: string) =>
  (
    await world.admin<Course>(
      `select start_time, end_time, duration, status, transcript, metadata from ${table} where session_id = $1`,
      [sessionId],
    )
  )[0]

/** What the session's own row says in the same words. */
const ofSession = async (sessionId: string) =>
  (
    await world.admin<Course>(
      `select coalesce(joined_at, created_at) as start_time, ended_at as end_time, duration_seconds as duration, status,
         transcript, metadata from conversations_users where session_id = $1`,
      [sessionId],
    )
  )[0]

async function expectConsistent(sessionId: string): Promise<Course | undefined> {
  const session = await ofSession(sessionId)
  expect(session).toBeDefined()
  expect(await courseOf('mentor_conversations', sessionId)).toEqual(session)
  expect(await courseOf('daily_sessions', sessionId)).toEqual(session)
  return session
}

describe('the rows of a mentor session @integration', () => {
  it('are written with the session’s, and say whose it is', async () => {
    const session = aSession({ mode: 'mentor', metadata: { room: 1 } })
    await world.sessions.track(session)
    expect(await expectConsistent(session.sessionId)).toMatchObject({
      start_time: new Date(session.createdAt),
      end_time: null,
      duration: null,
      status: 'active',
      metadata: { room: 1 },
    })
    const rows = await world.admin(
      `select m.tenant_id, m.user_id, m.conversation_id, m.conversation_type_id, d.user_id as of, d.day::text
       from mentor_conversations m join daily_sessions d using (session_id) where session_id = $1`,
      [session.sessionId],
    )
    expect(rows).toEqual([
      {
        tenant_id: acme,
        user_id: actors.acmeRep.userId,
        conversation_id: session.conversationId,
        conversation_type_id: 1,
        of: actors.acmeRep.userId,
        day: '2026-03-01',
      },
    ])
  })

  it('have the day of the company’s time zone', async () => {
    await world.admin(`update companies set timezone = 'Pacific/Auckland' where id = $1`, [acme])
    const session = aSession({ mode: 'mentor', createdAt: '2026-03-01T20:00:00.000Z' })
    await world.sessions.track(session)
    await world.admin(`update companies set timezone = 'Not/PostgreSQLs' where id = $1`, [acme])
    const other = aSession({ mode: 'mentor', createdAt: '2026-03-01T20:00:00.000Z' })
    await world.sessions.track(other)
    const day = async (id: string) =>
      (await world.admin<{ day: string }>('select day::text from daily_sessions where session_id = $1', [id]))[0]?.day
    expect([await day(session.sessionId), await day(other.sessionId)]).toEqual(['2026-03-02', '2026-03-01'])
  })

  it('are there once, however often the session is tracked', async () => {
    const session = aSession({ mode: 'mentor' })
    await Promise.all([1, 2, 3].map(() => world.sessions.track(session)))
    expect(
      await world.admin(
        'select from mentor_conversations join daily_sessions using (session_id) where session_id = $1',
        [session.sessionId],
      ),
    ).toHaveLength(1)
  })

  it('are not there for a plain session, nor for one of nobody’s company', async () => {
    const plain = aSession()
    const nobodys = aSession({ mode: 'mentor', owner: undefined })
    for (const session of [plain, nobodys]) {
      await world.sessions.track(session)
      await world.sessions.recordFacts({ sessionId: session.sessionId, facts: { endedAt: at(9) } })
      expect(await courseOf('mentor_conversations', session.sessionId)).toBeUndefined()
      expect(await courseOf('daily_sessions', session.sessionId)).toBeUndefined()
    }
  })

  it('end with the session, with its times', async () => {
    const session = aSession({ mode: 'mentor' })
    await world.sessions.track(session)
    const tell = (facts: SessionFacts, ending = false) =>
      world.sessions.recordFacts({ sessionId: session.sessionId, facts, ending })
    await tell({ joinedAt: at(5) })
    expect(await expectConsistent(session.sessionId)).toMatchObject({ start_time: new Date(at(5)), status: 'active' })
    await tell({}, true)
    expect(await expectConsistent(session.sessionId)).toMatchObject({ status: 'ending' })
    await tell({ shutdownAt: at(35), shutdownReason: 'could_not_join' })
    expect(await expectConsistent(session.sessionId)).toMatchObject({
      end_time: new Date(at(35)),
      duration: 30,
      status: 'failed',
    })
  })

  it('are as the session’s row after any news in any order', async () => {
    const time = fc.integer({ min: 0, max: 50 }).map(at)
    const facts: fc.Arbitrary<SessionFacts> = fc.record(
      { createdAt: time, joinedAt: time, shutdownAt: time, endedAt: time, endRequestedAt: time },
      { requiredKeys: [] },
    )
    const event = fc.record({
      kind: fc.constant('transcript' as const),
      at: time,
      facts,
      transcript: fc.array(fc.record({ role: fc.constant('user' as const), content: fc.string() }), { maxLength: 2 }),
      metadata: fc.dictionary(fc.constantFrom('a', 'b'), fc.nat(3)),
    })
    const news = fc.record({ facts, ending: fc.boolean(), events: fc.array(event, { maxLength: 2 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(news, { maxLength: 4 }), async (list) => {
        const session = aSession({ mode: 'mentor' })
        await world.sessions.track(session)
        for (const one of list) {
          await world.sessions.recordFacts({ ...one, sessionId: session.sessionId })
          await expectConsistent(session.sessionId)
        }
      }),
      { numRuns: 25 },
    )
  }, 120_000)

  it('are undone with the session’s, and it with them', async () => {
    const session = aSession({ mode: 'mentor' })
    await world.admin(`alter table daily_sessions add constraint no_end check (status = 'active') not valid`)
    try {
      await world.sessions.track(session)
      await expect(
        world.sessions.recordFacts({ sessionId: session.sessionId, facts: { endedAt: at(9) } }),
      ).rejects.toThrow(/no_end/)
      expect(await expectConsistent(session.sessionId)).toMatchObject({ status: 'active', end_time: null })
    } finally {
      await world.admin('alter table daily_sessions drop constraint no_end')
    }
    await world.admin(`alter table daily_sessions add constraint none check (day is null) not valid`)
    const unwritten = aSession({ mode: 'mentor' })
    try {
      await expect(world.sessions.track(unwritten)).rejects.toThrow(/none/)
    } finally {
      await world.admin('alter table daily_sessions drop constraint none')
    }
    expect(await ofSession(unwritten.sessionId)).toBeUndefined()
  })
})

describe('the rows of a mentor session @multitenant', () => {
  it('are seen by its user and by leadership, as the session is', async () => {
    const session = aSession({ mode: 'mentor' })
    await world.sessions.track(session)
    const seen = async (who: keyof typeof actors, table: string) =>
      (
        await world.database.withTenant(actors[who], (trx) =>
          trx.raw<{ rows: unknown[] }>(`select from ${table} where session_id = ?`, [session.sessionId]),
        )
      ).rows.length
    for (const table of ['mentor_conversations', 'daily_sessions', 'conversations_users'])
      expect([
        await seen('acmeRep', table),
        await seen('acmeLead', table),
        await seen('acmeRep2', table),
        await seen('acmeCsr', table),
        await seen('borealisLead', table),
      ]).toEqual([1, 1, 0, 0, 0])
  })
})
