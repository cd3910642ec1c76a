import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { applicationRole } from '../../src/dev/postgres-roles.js'
import { createDatabase } from '../../src/store/database.js'
import { createCallStore } from '../../src/store/calls.js'
import { migrateDown, migrateUp } from '../../src/store/migrate.js'
import { aCall, apply, fillCalls, livekitEffect, pending } from './call-world.js'
import { acme, actors, createWorld, type World } from './world.js'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

describe('the tables of calls @integration', () => {
  it('have the columns and indexes that installations query', async () => {
    const columns = async (table: string) =>
      (
        await world.admin<{ name: string }>(
          'select column_name as name from information_schema.columns where table_name = $1',
          [table],
        )
      ).map(({ name }) => name)
    expect(await columns('call_logs')).toEqual(expect.arrayContaining(['outcome', 'metadata', 'recordingUrl']))
    expect(await columns('livekit_call_events')).toEqual(expect.arrayContaining(['eventId', 'processed', 'createdAt']))
    const indexes = await world.admin<{ indexname: string }>(
      `select indexname from pg_indexes where tablename = 'livekit_call_events' order by 1`,
    )
    const names = indexes.map(({ indexname }) => indexname)
    expect(names.length).toBeGreaterThanOrEqual(5)
    expect(names).toContain('idx_lce_eventId')
    expect(names.filter((name) => !name.startsWith('idx_lce_'))).toEqual([])
  })

  it('hold an event of LiveKit once', async () => {
    const insert = `insert into livekit_call_events ("eventId", event, "createdAt") values ('EV_1', 'room_started', now())`
    await world.admin(insert)
    await expect(world.admin(insert)).rejects.toThrow(/idx_lce_eventId/)
  })
})

/** As the application runs it: the role, the policies and the planner's own choice. */
const planOf = (sql: string, bindings: (string | number)[], actor = actors.acmeRep) =>
  world.database.withTenant(actor, async (trx) => {
    const { rows } = await trx.raw<{ rows: { 'QUERY PLAN': string }[] }>(`explain ${sql}`, bindings)
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  })

describe('reads among many calls @integration', () => {
  let id: string
  beforeAll(async () => {
    await world.admin(
      `insert into call_logs (company_id, user_id, provider, external_id, status, created_at)
       select $1, 'user-' || n % 200, 'twilio', 'CA' || n, 'ended', now() - n * interval '1 second'
       from generate_series(1, 50000) as n`,
      [acme],
    )
    const { row } = await createCallStore(world.database).create(actors.acmeRep, aCall())
    id = row.id
    await world.admin(
      `insert into livekit_call_events (tenant_id, call_id, "eventId", event, room_sid, processed, "createdAt")
       select $1, $2, 'EV_many' || n, 'room_started', 'RM_' || n, true, now() from generate_series(1, 5000) as n`,
      [acme, id],
    )
    await world.admin('analyze call_logs, livekit_call_events')
  })

  it('the outcome of one is an index scan', async () => {
    for (const actor of [actors.acmeRep, actors.acmeLead]) {
      const plan = await planOf('select outcome from call_logs where id = ? and user_id = ?', [id, actor.userId], actor)
      expect(plan).toContain('Index Scan using call_logs_pkey')
      expect(plan).not.toContain('Seq Scan')
    }
  })

  it('a page is an index scan, of a rep and of the company', async () => {
    const page = 'order by created_at desc, id desc limit 21'
    const own = await planOf(`select id from call_logs where user_id = ? ${page}`, [actors.acmeRep.userId])
    expect(own).toContain('call_logs_user_idx')
    const all = await planOf(`select id from call_logs ${page}`, [], actors.acmeLead)
    expect(all).toContain('call_logs_tenant_idx')
    for (const plan of [own, all]) expect(plan).not.toContain('Seq Scan')
  })

  it('neither an event nor the comparison with the provider reads the whole table', async () => {
    const database = createDatabase({ url: world.test.url, poolSize: 1 })
    const store = createCallStore(database)
    const flush = () => database.withService(undefined, (trx) => trx.raw('select pg_stat_force_next_flush()'))
    const scans = async () => {
      await flush()
      const [row] = await world.admin<{ n: number }>(
        `select sum(seq_scan)::int as n from pg_stat_user_tables where relname in ('call_logs', 'livekit_call_events')`,
      )
      return row?.n ?? 0
    }
    try {
      const before = await scans()
      await apply({ database }, pending(livekitEffect('x', [], { callId: id })), pending(livekitEffect('y', [])))
      await store.listOpen('livekit', { olderThanSeconds: 60, youngerThanSeconds: 600, limit: 10 })
      await store.find(actors.acmeRep, id)
      expect(await scans()).toBe(before)
      await database.withService(undefined, (trx) => trx.raw(`select from call_logs where ended_reason = 'x'`))
      expect(await scans()).toBeGreaterThan(before)
    } finally {
      await database.destroy()
    }
  })
})

describe('the migration of calls @integration', () => {
  it('goes down and up again, with its rows and those of the other tables in place', async () => {
    const other = await createWorld()
    try {
      await fillCalls(other, acme)
      await other.admin(`insert into integrations (tenant_id, provider, account) values ($1, 'twilio', 'AC1')`, [acme])
      const count = async (table: string) => (await other.admin(`select from ${table}`)).length
      const rows = async () => ({ users: await count('users'), integrations: await count('integrations') })
      const before = await rows()
      expect(await count('call_logs')).toBe(1)
      expect(await count('livekit_call_events')).toBe(1)
      for (let undone: string | undefined; undone !== '0003_calls';)
        ({ undone } = await migrateDown({ url: other.test.ownerUrl }))
      await expect(count('call_logs')).rejects.toThrow(/does not exist/)
      expect(await rows()).toEqual(before)
      await migrateUp({ url: other.test.ownerUrl, applicationRole })
      expect(await rows()).toEqual(before)
      expect(await count('call_logs')).toBe(1)
      expect(await count('livekit_call_events')).toBe(1)
      await fillCalls(other, acme)
      expect(await count('call_logs')).toBe(2)
    } finally {
      await other.close()
    }
  })
})
