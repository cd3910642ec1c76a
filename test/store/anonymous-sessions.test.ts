import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aSession, createWorld, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld({ poolSize: 8 })))
afterAll(() => world.close())

const rowOf = async (sessionId: string) =>
  (
    await world.admin<{ row: object }>('select to_jsonb(u) as row from untracked_sessions u where session_id = $1', [
      sessionId,
    ])
  )[0]?.row

describe('anonymous sessions', () => {
  const active = async () =>
    Number(
      (await world.admin<{ n: string }>('select count(*) as n from untracked_sessions where ended_at is null'))[0]?.n,
    )
  beforeAll(() => world.admin('update untracked_sessions set ended_at = now() where ended_at is null'))

  it('take exactly as many slots as there are, however many ask at once', async () => {
    const starts = Array.from({ length: 30 }, () => randomUUID())
    const taken = await Promise.all(starts.map((id) => world.sessions.reserveAnonymous(id, 7)))
    expect(taken.filter(Boolean)).toHaveLength(7)
    expect(await active()).toBe(7)
    const [winner = '', loser = ''] = [starts[taken.indexOf(true)], starts[taken.indexOf(false)]]
    expect(await world.sessions.reserveAnonymous(winner, 7)).toBe(true)
    expect(await world.sessions.reserveAnonymous(loser, 7)).toBe(false)
    expect(await active()).toBe(7)
    await world.sessions.releaseAnonymous(winner, 'error')
    expect(await rowOf(winner)).toMatchObject({ status: 'failed', end_reason: 'error' })
    expect(await world.sessions.reserveAnonymous(loser, 7)).toBe(true)
    expect(await world.sessions.reserveAnonymous(winner, 7)).toBe(false)
  })

  it('take a slot again after a start that failed', async () => {
    const id = randomUUID()
    expect(await world.sessions.reserveAnonymous(id, 100)).toBe(true)
    await world.sessions.releaseAnonymous(id, 'error')
    expect(await world.sessions.reserveAnonymous(id, 100)).toBe(true)
    expect(await rowOf(id)).toMatchObject({ status: 'starting', ended_at: null, end_reason: null })
  })

  it('keep the slot until their end, and free it then', async () => {
    const session = aSession({ owner: undefined })
    const { sessionId } = session
    const before = await active()
    expect(await world.sessions.reserveAnonymous(sessionId, 100)).toBe(true)
    await world.sessions.track(session)
    await world.sessions.releaseAnonymous(sessionId, 'error')
    expect(await rowOf(sessionId)).toMatchObject({ status: 'active', ended_at: null })
    expect(await active()).toBe(before + 1)
    const facts = { endRequestedAt: '2026-03-01T10:01:00Z', endRequestedBy: 'user' } as const
    await world.sessions.recordFacts({ sessionId, conversationId: session.conversationId, facts })
    expect(await active()).toBe(before)
    expect(await world.sessions.outcomeFor(sessionId)).toMatchObject({
      ...{
        status: 'completed',
        endReason: 'user',
        durationSeconds: 60,
        dbTracking: 'skipped: unauthenticated or missing data',
      },
    })
    expect(await world.sessions.reserveAnonymous(sessionId, 0)).toBe(true)
    expect(await active()).toBe(before)
  })

  it('are live again when their conversation came to be after they were given up', async () => {
    const session = aSession({ owner: undefined })
    await world.sessions.reserveAnonymous(session.sessionId, 100)
    await world.sessions.releaseAnonymous(session.sessionId, 'error')
    await world.sessions.track(session)
    expect(await rowOf(session.sessionId)).toMatchObject({ status: 'active', ended_at: null, end_reason: null })
  })

  it('are stale when they have no conversation after a while', async () => {
    const [fresh, stale, begun] = [randomUUID(), randomUUID(), aSession({ owner: undefined })]
    for (const id of [fresh, stale, begun.sessionId]) await world.sessions.reserveAnonymous(id, 1000)
    await world.sessions.track(begun)
    await world.admin(
      `update untracked_sessions set updated_at = now() - interval '10 minutes' where session_id = any($1)`,
      [[stale, begun.sessionId]],
    )
    const found = (await world.sessions.staleAnonymous(300)).map(({ sessionId }) => sessionId)
    expect(found).toEqual([stale])
  })
})
