import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import { ConflictingSessionError } from '../../src/domain/errors.js'
import { acme, actors, aSession, createWorld, pageOf, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld({ poolSize: 8 })))
afterAll(() => world.close())

const skipped = { dbTracking: 'skipped: unauthenticated or missing data', systemUserId: null }
const success = { dbTracking: 'success', systemUserId: seedUsers.acmeRep.id }
const { acmeRep } = seedUsers

/** The session's row in either table, without the time of its last change. */
async function rowOf(sessionId: string) {
  const rows = await world.admin<{ table: string; row: Record<string, unknown> }>(
    `select 'conversations_users' as table, to_jsonb(c) as row from conversations_users c where session_id = $1
     union all select 'untracked_sessions', to_jsonb(u) from untracked_sessions u where session_id = $1`,
    [sessionId],
  )
  expect(rows).toHaveLength(1)
  return rows[0] as { table: string; row: Record<string, unknown> }
}

describe('track', () => {
  it('writes the row of a user of a company', async () => {
    const prewarm = { success: true, status: 200, duration_sec: 1.25 }
    const session = aSession({ prewarm, startMs: 1800, leadId: 'lead-1', metadata: { campaign: ['a'] } })
    expect(await world.sessions.track(session)).toEqual(success)
    const { sessionId, conversationId } = session
    expect(await world.sessions.find(actors.acmeRep, sessionId)).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/) as string,
      ...{ sessionId, conversationId, userId: acmeRep.id, companyId: acme, provider: 'tavus', mode: 'plain' },
      ...{ conversationUrl: 'https://tavus.daily.co/c1', status: 'active', leadId: 'lead-1' },
      ...{ createdAt: new Date('2026-03-01T10:00:00Z'), joinedAt: null, endedAt: null, durationSeconds: null },
      ...{
        endReason: null,
        shutdownReason: null,
        prewarm,
        prewarmMs: 1250,
        startMs: 1800,
        hasTranscript: false,
        transcript: null,
      },
      ...{ recordingUrl: null, metadata: { campaign: ['a'] }, updatedAt: expect.any(Date) as Date },
    })
    const { row } = await rowOf(sessionId)
    expect(row).toMatchObject({ tavus_conversation_id: conversationId, tenant_id: acme, owner_user_id: null })
    expect(row.facts).toEqual({ createdAt: '2026-03-01T10:00:00.000Z' })
  })

  it('keeps the token’s own id beside the user found by email, and shows the session to both', async () => {
    const session = aSession({ owner: { userId: 'auth0|7', email: acmeRep.email, tenantId: acme } })
    expect(await world.sessions.track(session)).toEqual(success)
    expect((await rowOf(session.sessionId)).row).toMatchObject({ user_id: acmeRep.id, owner_user_id: 'auth0|7' })
    for (const userId of [acmeRep.id, 'auth0|7']) {
      const actor = { tenantId: acme, userId, role: 'rep' } as const
      expect(await world.sessions.find(actor, session.sessionId)).toBeDefined()
      const { items } = await world.sessions.list(actor, pageOf({}))
      expect(items.map(({ sessionId }) => sessionId)).toContain(session.sessionId)
    }
    expect((await world.sessions.findOwner(session.sessionId))?.owner).toEqual({ userId: 'auth0|7', tenantId: acme })
  })

  it('answers a repeat as the first time and changes nothing, not even the time of the last change', async () => {
    const session = aSession()
    await world.sessions.track(session)
    await world.sessions.recordFacts({
      sessionId: session.sessionId,
      facts: { joinedAt: '2026-03-01T10:00:02Z', shutdownAt: '2026-03-01T10:00:32Z', shutdownReason: 'room_deleted' },
    })
    const before = await rowOf(session.sessionId)
    expect(before.row).toMatchObject({ status: 'completed', duration_seconds: 30 })
    expect(await world.sessions.track({ ...session, createdAt: '2026-03-01T11:00:00Z', metadata: { x: 1 } })).toEqual(
      success,
    )
    expect(await rowOf(session.sessionId)).toEqual(before)
  })

  it('writes one row when it is asked for many times at once', async () => {
    for (const session of [aSession(), aSession({ owner: undefined })]) {
      const answers = await Promise.all(Array.from({ length: 8 }, () => world.sessions.track(session)))
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
      await rowOf(session.sessionId)
    }
  })

  it.each([
    ['an anonymous session', undefined, null],
    ['a user whom nobody knows', { userId: 'auth0|1', email: 'who@else.test' }, 'auth0|1'],
    ['a company that does not exist', { userId: 'auth0|1', tenantId: randomUUID() }, 'auth0|1'],
  ])('leaves %s to nobody’s table', async (_, owner, ownerUserId) => {
    const session = aSession({ owner })
    expect(await world.sessions.track(session)).toEqual(skipped)
    expect(await world.sessions.track(session)).toEqual(skipped)
    const { table, row } = await rowOf(session.sessionId)
    expect(table).toBe('untracked_sessions')
    expect(row).toMatchObject({
      ...{ owner_user_id: ownerUserId, external_conversation_id: session.conversationId, status: 'active' },
      facts: { createdAt: session.createdAt },
    })
  })

  it('folds what is known of the end before the row was there', async () => {
    const session = aSession({ facts: { joinedAt: '2026-03-01T10:00:01Z', endedAt: '2026-03-01T10:00:11Z' } })
    await world.sessions.track(session)
    expect(await world.sessions.outcomeFor(session.sessionId)).toEqual({
      ...{ sessionId: session.sessionId, conversationId: session.conversationId, status: 'completed' },
      ...{ endedAt: '2026-03-01T10:00:11.000Z', durationSeconds: 10, endReason: 'provider', dbTracking: 'success' },
      shutdownReason: null,
    })
  })

  it('refuses another conversation for a session, tracked or not', async () => {
    for (const session of [aSession(), aSession({ owner: undefined })]) {
      await world.sessions.track(session)
      const before = await rowOf(session.sessionId)
      const other = world.sessions.track({ ...session, conversationId: 'another' })
      await expect(other).rejects.toBeInstanceOf(ConflictingSessionError)
      expect(await rowOf(session.sessionId)).toEqual(before)
    }
  })

  it('refuses another session for a conversation, tracked or not', async () => {
    for (const session of [aSession(), aSession({ owner: undefined })]) {
      await world.sessions.track(session)
      const other = world.sessions.track({ ...session, sessionId: randomUUID() })
      await expect(other).rejects.toBeInstanceOf(ConflictingSessionError)
    }
  })

  it('stores what a caller may send and PostgreSQL may not take', async () => {
    const session = aSession({ leadId: 'le\0ad', metadata: { 'no\0te': 'half \ud83d', list: [1, { x: null }] } })
    await world.sessions.track(session)
    const found = await world.sessions.find(actors.acmeRep, session.sessionId)
    expect(found).toMatchObject({ leadId: 'lead', metadata: { note: 'half \ufffd', list: [1, { x: null }] } })
  })
})
