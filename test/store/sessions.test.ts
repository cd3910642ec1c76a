import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import { ConflictingSessionError } from '../../src/domain/errors.js'
import { acme, actors, aSession, borealis, createWorld, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld({ poolSize: 8 })))
afterAll(() => world.close())

const skipped = { dbTracking: 'skipped: unauthenticated or missing data', systemUserId: null }
const success = { dbTracking: 'success', systemUserId: seedUsers.acmeRep.id }
const { acmeRep, borealisLead } = seedUsers

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
      ...{ endReason: null, prewarm, prewarmMs: 1250, startMs: 1800, hasTranscript: false, transcript: null },
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
      const { items } = await world.sessions.list(actor, { limit: 100 })
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

describe('findByConversation and findOwner', () => {
  it('say whose a tracked session is, across all companies', async () => {
    const owner = { userId: borealisLead.id, tenantId: borealis }
    const session = aSession({ owner })
    await world.sessions.track(session)
    const expected = { sessionId: session.sessionId, conversationId: session.conversationId, tracked: true, owner }
    expect(await world.sessions.findByConversation('tavus', session.conversationId)).toEqual(expected)
    expect(await world.sessions.findOwner(session.sessionId)).toEqual(expected)
  })

  it('say that an anonymous session is nobody’s', async () => {
    const session = aSession({ owner: undefined })
    await world.sessions.track(session)
    const expected = {
      sessionId: session.sessionId,
      conversationId: session.conversationId,
      tracked: false,
      owner: undefined,
    }
    expect(await world.sessions.findByConversation('tavus', session.conversationId)).toEqual(expected)
    expect(await world.sessions.findOwner(session.sessionId)).toEqual(expected)
  })

  it('say whose a session without a company is', async () => {
    const session = aSession({ owner: { userId: 'auth0|9' } })
    await world.sessions.track(session)
    expect((await world.sessions.findOwner(session.sessionId))?.owner).toEqual({ userId: 'auth0|9' })
  })

  it.each([['nothing'], ['\0'], ["' or true --"]])('find nothing under %j', async (id) => {
    expect(await world.sessions.findByConversation('tavus', id)).toBeUndefined()
    expect(await world.sessions.findOwner(id)).toBeUndefined()
    expect(await world.sessions.outcomeFor(id)).toBeUndefined()
    expect(await world.sessions.find(actors.acmeLead, id)).toBeUndefined()
  })
})

describe('list', () => {
  const ids: string[] = []
  const owner = { userId: borealisLead.id, tenantId: borealis }
  const list = (filter: Partial<Parameters<World['sessions']['list']>[1]> = {}) =>
    world.sessions.list(actors.borealisLead, {
      limit: 100,
      from: new Date('2025-01-01'),
      to: new Date('2025-02-01'),
      ...filter,
    })
  const idsOf = async (filter: Parameters<typeof list>[0]) =>
    (await list(filter)).items.map(({ sessionId }) => sessionId)

  beforeAll(async () => {
    for (let n = 0; n < 7; n++) {
      // Two by two at the same instant: the session's id decides.
      const session = aSession({ owner, createdAt: `2025-01-0${1 + Math.floor(n / 2)}T00:00:00Z` })
      await world.sessions.track(session)
      ids.push(session.sessionId)
      if (n === 0)
        await world.sessions.recordFacts({ sessionId: session.sessionId, facts: { endedAt: '2025-01-01T00:01:00Z' } })
    }
  })

  it('gives every session once, newest first, page by page', async () => {
    const pages: string[][] = []
    let cursor: string | undefined
    do {
      const page = await list({ limit: 2, cursor })
      pages.push(page.items.map(({ sessionId }) => sessionId))
      cursor = page.nextCursor
    } while (cursor !== undefined)
    expect(pages.map((page) => page.length)).toEqual([2, 2, 2, 1])
    expect(pages.flat()).toEqual(await idsOf({}))
    expect([...pages.flat()].sort()).toEqual([...ids].sort())
    const times = (await list()).items.map(({ createdAt }) => createdAt.getTime())
    expect(times).toEqual([...times].sort((a, b) => b - a))
  })

  it('has no next page after a last one that is full', async () => {
    expect((await list({ limit: 7 })).nextCursor).toBeUndefined()
  })

  it('does not skip rows within the same millisecond', async () => {
    const [first, second] = ids.slice(-2)
    for (const [id, time] of [
      [first, '2025-01-20T00:00:00.000100Z'],
      [second, '2025-01-20T00:00:00.000900Z'],
    ])
      await world.admin('update conversations_users set created_at = $2 where session_id = $1', [id, time])
    const page = await list({ limit: 1 })
    expect(page.items[0]?.sessionId).toBe(second)
    expect((await list({ limit: 1, cursor: page.nextCursor })).items[0]?.sessionId).toBe(first)
  })

  it('filters by status, provider, user and time', async () => {
    expect(await idsOf({ status: 'completed' })).toEqual([ids[0]])
    expect(await idsOf({ status: 'failed' })).toEqual([])
    expect(await idsOf({ provider: 'tavus' })).toHaveLength(7)
    expect(await idsOf({ userId: borealisLead.id })).toHaveLength(7)
    expect(await idsOf({ userId: acmeRep.id })).toEqual([])
    const day = { from: new Date('2025-01-02T00:00:00Z'), to: new Date('2025-01-03T00:00:00Z') }
    expect((await idsOf(day)).sort()).toEqual(ids.slice(2, 4).sort())
  })

  it('does not carry transcripts', async () => {
    expect((await list({ limit: 1 })).items[0]).not.toHaveProperty('transcript')
  })

  it.each([
    ['not base64 §'],
    [''],
    [Buffer.from('{}').toString('base64url')],
    [Buffer.from('["2025-01-01T00:00:00.000000Z","x"]').toString('base64url')],
    [Buffer.from(`["2025-99-01T00:00:00.000000Z","${randomUUID()}"]`).toString('base64url')],
    [Buffer.from(`["2025-01-01T00:00:00.000000Z","${randomUUID()}",1]`).toString('base64url')],
  ])('refuses the cursor %j', async (cursor) => {
    await expect(list({ cursor })).rejects.toMatchObject({ status: 422, errors: [{ pointer: 'query/cursor' }] })
  })

  it('serves a page from an index that begins with the tenant', async () => {
    const plan = await world.database.withTenant(actors.acmeRep, async (trx) => {
      await trx.raw('set local enable_seqscan = off')
      const { rows } = await trx.raw<{ rows: Record<string, string>[] }>(
        `explain select 1 from conversations_users where (created_at, session_id) < (now(), ?::uuid)
         order by created_at desc, session_id desc limit 50`,
        [randomUUID()],
      )
      return rows.map((row) => row['QUERY PLAN']).join('\n')
    })
    expect(plan).toMatch(/Index (Only )?Scan using conversations_users_(tenant|user)_idx/)
    expect(plan).toMatch(/Index Cond: .*tenant_id = /)
    expect(plan).not.toMatch(/Sort/)
  })
})

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
    expect((await rowOf(winner)).row).toMatchObject({ status: 'failed', end_reason: 'error' })
    expect(await world.sessions.reserveAnonymous(loser, 7)).toBe(true)
    expect(await world.sessions.reserveAnonymous(winner, 7)).toBe(false)
  })

  it('take a slot again after a start that failed', async () => {
    const id = randomUUID()
    expect(await world.sessions.reserveAnonymous(id, 100)).toBe(true)
    await world.sessions.releaseAnonymous(id, 'error')
    expect(await world.sessions.reserveAnonymous(id, 100)).toBe(true)
    expect((await rowOf(id)).row).toMatchObject({ status: 'starting', ended_at: null, end_reason: null })
  })

  it('keep the slot until their end, and free it then', async () => {
    const session = aSession({ owner: undefined })
    const { sessionId } = session
    const before = await active()
    expect(await world.sessions.reserveAnonymous(sessionId, 100)).toBe(true)
    await world.sessions.track(session)
    await world.sessions.releaseAnonymous(sessionId, 'error')
    expect((await rowOf(sessionId)).row).toMatchObject({ status: 'active', ended_at: null })
    expect(await active()).toBe(before + 1)
    const facts = { endRequestedAt: '2026-03-01T10:01:00Z', endRequestedBy: 'user' } as const
    await world.sessions.recordFacts({ sessionId, conversationId: session.conversationId, facts })
    expect(await active()).toBe(before)
    expect(await world.sessions.outcomeFor(sessionId)).toMatchObject({
      ...{ status: 'completed', endReason: 'user', durationSeconds: 60, dbTracking: skipped.dbTracking },
    })
    expect(await world.sessions.reserveAnonymous(sessionId, 0)).toBe(true)
    expect(await active()).toBe(before)
  })

  it('are live again when their conversation came to be after they were given up', async () => {
    const session = aSession({ owner: undefined })
    await world.sessions.reserveAnonymous(session.sessionId, 100)
    await world.sessions.releaseAnonymous(session.sessionId, 'error')
    await world.sessions.track(session)
    expect((await rowOf(session.sessionId)).row).toMatchObject({ status: 'active', ended_at: null, end_reason: null })
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

describe('the open sessions', () => {
  it('are counted and listed until they end, those without a conversation apart', async () => {
    const before = await world.sessions.countOpen()
    const open = [aSession(), aSession({ owner: undefined })]
    for (const session of open) await world.sessions.track(session)
    await world.sessions.reserveAnonymous(randomUUID(), 1000)
    expect(await world.sessions.countOpen()).toBe(before + 3)
    const listed = (await world.sessions.listOpenOlderThan(60)).map(({ sessionId }) => sessionId)
    for (const { sessionId } of open) expect(listed).toContain(sessionId)
    expect(await world.sessions.listOpenOlderThan(100 * 365 * 86_400)).toEqual([])
    for (const { sessionId } of open)
      await world.sessions.recordFacts({ sessionId, facts: { endedAt: '2026-03-01T10:10:00Z' } })
    expect(await world.sessions.countOpen()).toBe(before + 1)
  })
})
