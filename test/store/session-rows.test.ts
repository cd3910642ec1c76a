import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SessionFilter } from '../../src/store/sessions.js'
import { seedUsers } from '../../src/dev/seed.js'
import { actors, aSession, borealis, createWorld, pageOf, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld({ poolSize: 8 })))
afterAll(() => world.close())

const { acmeRep, borealisLead } = seedUsers

describe('list', () => {
  const ids: string[] = []
  const owner = { userId: borealisLead.id, tenantId: borealis }
  const january = { from: '2025-01-01T00:00:00.000Z', to: '2025-02-01T00:00:00.000Z' }
  const list = (filter: SessionFilter = {}, page: Parameters<typeof pageOf>[1] = {}) =>
    world.sessions.list(actors.borealisLead, pageOf({ ...january, ...filter }, page))
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
      const page = await list({}, { limit: 2, cursor })
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
    expect((await list({}, { limit: 7 })).nextCursor).toBeUndefined()
  })

  it('does not skip rows within the same millisecond', async () => {
    const [first, second] = ids.slice(-2)
    for (const [id, time] of [
      [first, '2025-01-20T00:00:00.000100Z'],
      [second, '2025-01-20T00:00:00.000900Z'],
    ])
      await world.admin('update conversations_users set created_at = $2 where session_id = $1', [id, time])
    const page = await list({}, { limit: 1 })
    expect(page.items[0]?.sessionId).toBe(second)
    expect((await list({}, { limit: 1, cursor: page.nextCursor })).items[0]?.sessionId).toBe(first)
  })

  it('filters by status, provider, user and time', async () => {
    expect(await idsOf({ status: 'completed' })).toEqual([ids[0]])
    expect(await idsOf({ status: 'failed' })).toEqual([])
    expect(await idsOf({ provider: 'tavus' })).toHaveLength(7)
    expect(await idsOf({ user: borealisLead.id })).toHaveLength(7)
    expect(await idsOf({ user: acmeRep.id })).toEqual([])
    const day = { from: '2025-01-02T00:00:00.000Z', to: '2025-01-03T00:00:00.000Z' }
    expect((await idsOf(day)).sort()).toEqual(ids.slice(2, 4).sort())
  })

  it('does not carry transcripts', async () => {
    expect((await list({}, { limit: 1 })).items[0]).not.toHaveProperty('transcript')
  })

  it.each([
    ['not base64 §'],
    [''],
    [Buffer.from('{}').toString('base64url')],
    [Buffer.from('["scope","2025-01-01T00:00:00.000000Z","x"]').toString('base64url')],
    [Buffer.from(`["scope","2025-99-01T00:00:00.000000Z","${randomUUID()}"]`).toString('base64url')],
    [Buffer.from(`["scope","2025-01-01T00:00:00.000000Z","${randomUUID()}",1]`).toString('base64url')],
  ])('refuses the cursor %j', async (cursor) => {
    await expect(list({}, { cursor })).rejects.toMatchObject({ status: 422, errors: [{ pointer: 'query/cursor' }] })
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
