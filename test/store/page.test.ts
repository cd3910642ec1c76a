import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createLeadStore } from '../../src/store/leads.js'
import { createTaskStore } from '../../src/store/tasks.js'
import { acme, actors, borealis, createWorld, pageOf, type World } from './world.js'

let world: World
let tasks: ReturnType<typeof createTaskStore>
let leads: ReturnType<typeof createLeadStore>
beforeAll(async () => {
  world = await createWorld()
  tasks = createTaskStore(world.database)
  leads = createLeadStore(world.database)
})
afterAll(() => world.close())
beforeEach(async () => {
  await world.admin('delete from tasks')
  await world.admin('delete from leads')
})

interface Given {
  /** Microseconds: many rows share a time, and some only a millisecond. */
  created: number
  due: number | null
}
const given: fc.Arbitrary<Given> = fc.record({
  created: fc.integer({ min: 0, max: 2500 }),
  due: fc.option(fc.integer({ min: 0, max: 3 })),
})

const insert = (rows: Given[]) =>
  world.admin<{ id: string }>(
    `insert into tasks (tenant_id, title, created_at, due_at)
     select $1, 'T', timestamptz '2026-01-01' + (r->>'created')::int * interval '1 microsecond',
       timestamptz '2026-02-01' + (r->>'due')::int * interval '1 day'
     from jsonb_array_elements($2) r returning id`,
    [acme, JSON.stringify(rows)],
  )

describe('pages @integration', () => {
  it('have no gap and no repeat, whatever is added and removed between them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(given, { minLength: 1, maxLength: 25 }),
        fc.array(fc.array(given, { maxLength: 3 }), { maxLength: 12 }),
        fc.constantFrom('created_at', '-created_at', 'due_at', '-due_at'),
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        async (first, later, sort, limit, removing) => {
          await world.admin('delete from tasks')
          const known = (await insert(first)).map(({ id }) => id)
          const removed = new Set<string>()
          const seen: string[] = []
          const turns = [...later]
          for (let cursor: string | undefined, page = 0; page === 0 || cursor; page++) {
            const { items, nextCursor } = await tasks.list(actors.acmeLead, pageOf({}, { sort, limit, cursor }))
            expect(items.length).toBeLessThanOrEqual(limit)
            seen.push(...items.map(({ id }) => id))
            cursor = nextCursor
            await insert(turns.shift() ?? [])
            // The very row that the cursor stands on may go.
            const last = items.at(-1)?.id
            if (removing && last && turns.length > 0) {
              removed.add(last)
              await world.admin('delete from tasks where id = $1', [last])
            }
          }
          expect(new Set(seen).size).toBe(seen.length)
          expect(known.filter((id) => !seen.includes(id))).toEqual([])
        },
      ),
      { numRuns: 25 },
    )
  })

  it('stand in order, those that are never due last', async () => {
    await insert([
      { created: 1, due: null },
      { created: 2, due: 1 },
      { created: 3, due: 0 },
    ])
    const days = async (sort: string) =>
      (await tasks.list(actors.acmeLead, pageOf({}, { sort }))).items.map(
        ({ dueAt }) => dueAt?.toISOString().slice(0, 10) ?? null,
      )
    expect(await days('due_at')).toEqual(['2026-02-01', '2026-02-02', null])
    expect(await days('-due_at')).toEqual([null, '2026-02-02', '2026-02-01'])
  })

  it('stand in the order of names, of which a filter takes those that begin alike', async () => {
    for (const name of ['bob', 'Alice', 'Älva', 'alan', '100 %', 'al_n'])
      await world.admin('insert into leads (tenant_id, name) values ($1, $2)', [acme, name])
    const names = async (filter: object, limit = 2) => {
      const found: string[] = []
      for (let cursor: string | undefined, first = true; first || cursor; first = false) {
        const page = await leads.list(actors.acmeCsr, pageOf(filter, { sort: 'name', limit, cursor }))
        found.push(...page.items.map(({ name }) => name))
        cursor = page.nextCursor
      }
      return found
    }
    expect(await names({})).toEqual(['100 %', 'al_n', 'alan', 'Alice', 'bob', 'Älva'])
    expect(await names({ name: 'AL' })).toEqual(['al_n', 'alan', 'Alice'])
    expect(await names({ name: 'al_' })).toEqual(['al_n'])
    expect(await names({ name: '%' })).toEqual([])
    expect(await names({ name: 'äl' })).toEqual(['Älva'])
  })
})

describe('a cursor @multitenant', () => {
  const rows = Array.from({ length: 4 }, (_, created) => ({ created, due: null }))
  const refused = { status: 422, errors: [{ pointer: 'query/cursor' }] }
  let cursor: string | undefined
  beforeEach(async () => {
    await insert(rows)
    cursor = (await tasks.list(actors.acmeLead, pageOf({ status: 'open' }, { limit: 2 }))).nextCursor
  })

  it('goes on with the same filter and sort, and another limit', async () => {
    const page = await tasks.list(actors.acmeLead, pageOf({ status: 'open' }, { cursor, limit: 50 }))
    expect(page).toMatchObject({ items: [{}, {}], nextCursor: undefined })
  })

  it('is refused with another filter, sort or list, and in another company', async () => {
    const open = { status: 'open' }
    const theirs = { ...actors.borealisLead, tenantId: borealis }
    for (const list of [
      () => tasks.list(actors.acmeLead, pageOf({}, { cursor })),
      () => tasks.list(actors.acmeLead, pageOf({ status: 'done' }, { cursor })),
      () => tasks.list(actors.acmeLead, pageOf({ ...open, owner: randomUUID() }, { cursor })),
      () => tasks.list(actors.acmeLead, pageOf(open, { cursor, sort: 'created_at' })),
      () => tasks.list(actors.acmeLead, pageOf(open, { cursor, sort: 'due_at' })),
      () => leads.list(actors.acmeLead, pageOf({}, { cursor })),
      () => tasks.list(theirs, pageOf(open, { cursor })),
    ])
      await expect(list()).rejects.toMatchObject(refused)
  })

  it('is refused when somebody has written it, and never fails in the database', async () => {
    const [scope, at, id] = JSON.parse(Buffer.from(cursor ?? '', 'base64url').toString()) as string[]
    for (const parts of [
      [],
      {},
      [scope],
      [scope, at],
      [scope, at, 'x'],
      [scope, at, id, 1],
      [scope, 'infinity', 7],
      [scope, '2026-02-30T00:00:00.000000Z', id],
      [scope, '0000-01-01T00:00:00.000000Z', id],
      [scope, "2026-01-01'; drop table tasks", id],
      [scope, null, id],
    ])
      await expect(
        tasks.list(
          actors.acmeLead,
          pageOf({ status: 'open' }, { cursor: Buffer.from(JSON.stringify(parts)).toString('base64url') }),
        ),
      ).rejects.toMatchObject(refused)
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, unit: 'binary' }), async (text) => {
        const list = tasks.list(actors.acmeLead, pageOf({ status: 'open' }, { cursor: text }))
        await expect(list).rejects.toMatchObject(refused)
      }),
      { numRuns: 30 },
    )
  })
})
