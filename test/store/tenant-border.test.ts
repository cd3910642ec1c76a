import type { Knex } from 'knex'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import { createDatabase } from '../../src/store/database.js'
import { fillTenant, rootTables } from '../support/tenant-rows.js'
import { leaksOf } from './tenant-leaks.js'
import { type TenantTable, tenantTables } from './tenant-tables.js'
import { acme, actors, borealis, createWorld, type World } from './world.js'

let world: World
let roots: TenantTable[]

beforeAll(async () => {
  world = await createWorld()
  for (const user of [seedUsers.acmeLead, seedUsers.borealisLead]) await fillTenant(world, user)
  roots = await rootTables(world)
})
afterAll(() => world.close())

const unforced = async () =>
  (await world.admin<TenantTable>(tenantTables)).filter(({ enabled, forced }) => !enabled || !forced)

describe('every table of tenants that the catalogue has @multitenant', () => {
  it('lets neither the application nor the service read, insert, update, delete or move over the border', async () => {
    expect(roots.length).toBeGreaterThan(10)
    for (const table of roots) {
      for (const [victim, thief] of [
        [acme, actors.borealisLead],
        [borealis, actors.acmeLead],
      ] as const)
        expect([table.name, await leaksOf({ world, table, victim, thief })]).toEqual([table.name, []])
    }
  })

  it('shows one company’s rows to nobody who has its connection afterwards', async () => {
    const database = createDatabase({ url: world.test.url, poolSize: 1 })
    let connection: pg.Client | undefined
    const look = (sql: string) => async (trx: Knex.Transaction) => {
      connection = (trx.raw('select 1') as unknown as { _connection: pg.Client })._connection
      return (await trx.raw<{ rows: { tenant_id: string }[] }>(sql)).rows
    }
    try {
      for (const { name } of roots) {
        const all = `select distinct tenant_id from ${name} where tenant_id is not null`
        const first = await database.withTenant(actors.acmeLead, look(all))
        const lent = connection
        await expect(connection?.query(`select from ${name}`), name).rejects.toThrow(/permission denied/)
        const second = await database.withTenant(actors.borealisLead, look(all))
        const service = await database.withService(borealis, look(all))
        expect(connection, 'the pool has one connection').toBe(lent)
        const [ofAcme, ofBorealis] = [[{ tenant_id: acme }], [{ tenant_id: borealis }]]
        expect([name, first, second, service]).toEqual([name, ofAcme, ofBorealis, ofBorealis])
      }
    } finally {
      await database.destroy()
    }
  })

  it('is out of reach for the owner as well, whose login migrates', async () => {
    const owner = new pg.Client({ connectionString: world.test.ownerUrl })
    await owner.connect()
    for (const { name } of roots) expect((await owner.query(`select from ${name}`)).rowCount, name).toBe(0)
    await owner.end()
  })
})

describe('these checks @multitenant', () => {
  const own = `tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid`
  const closed = `create policy strict_app on leaky to parley_app using (${own}) with check (${own});
    create policy strict_service on leaky to parley_service using (${own}) with check (${own});`
  const forced = 'alter table leaky enable row level security; alter table leaky force row level security;'

  async function leaksWith(sql: string): Promise<string[]> {
    await world.admin(`
      create table leaky (id uuid primary key default gen_random_uuid(), tenant_id uuid not null, note text);
      insert into leaky (tenant_id) values ('${acme}'), ('${borealis}');
      grant select, insert, update, delete on leaky to parley_app, parley_service; ${sql}`)
    try {
      const table = (await rootTables(world)).find(({ name }) => name === 'leaky')
      if (!table) throw new Error('the catalogue does not have the table')
      const open = (await unforced()).map(({ name }) => `${name} is not forced`)
      return [...open, ...(await leaksOf({ world, table, victim: acme, thief: actors.borealisLead }))]
    } finally {
      await world.admin('drop table leaky')
    }
  }

  it('find nothing on a table that is closed', async () => {
    expect(await leaksWith(forced + closed)).toEqual([])
  })

  it('find a table without row-level security', async () => {
    expect(await leaksWith('')).toEqual([
      'leaky is not forced',
      ...['read', 'insert', 'update', 'delete', 'move'].map((kind) => `${kind} by parley_app`),
      ...['read', 'insert', 'update', 'delete', 'move'].map((kind) => `${kind} by parley_service`),
    ])
  })

  it('find a table whose policies do not bind its owner', async () => {
    expect(await leaksWith(`alter table leaky enable row level security; ${closed}`)).toEqual(['leaky is not forced'])
  })

  it.each([
    ['for select to parley_app using (true)', ['read by parley_app']],
    ['for insert to parley_app with check (true)', ['insert by parley_app']],
    ['for update to parley_app using (true)', ['update by parley_app', 'move by parley_app']],
    ['for delete to parley_app using (true)', ['delete by parley_app']],
    ['for delete to parley_service using (true)', ['delete by parley_service']],
    ['for select to public using (true)', ['read by parley_app', 'read by parley_service']],
    [`for update to parley_app using (${own}) with check (true)`, ['move by parley_app']],
    [
      `for select to parley_app using (${own} or current_setting('app.role', true) = 'leadership')`,
      ['read by parley_app'],
    ],
  ])('find a second policy %s', async (policy, leaks) => {
    expect(await leaksWith(`${forced} ${closed} create policy loose on leaky ${policy}`)).toEqual(leaks)
  })
})

describe('the roles of the application @multitenant', () => {
  it('own nothing, are not superuser, and do not bypass policies; nor does the login that takes them', async () => {
    const rows = await world.admin(
      `select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
         exists (select from pg_class where relowner = r.oid) or exists (select from pg_proc where proowner = r.oid) as owns,
         exists (select from pg_auth_members m join pg_roles o on o.oid = m.roleid where m.member = r.oid
           and (o.rolsuper or o.rolbypassrls or exists (select from pg_class where relowner = o.oid))) as may_become_owner
       from pg_roles r where rolname in ('parley_app', 'parley_service', (select usename from pg_user where usename = 'parley'))
       order by 1`,
    )
    const bound = {
      rolsuper: false,
      rolbypassrls: false,
      rolcreaterole: false,
      rolcreatedb: false,
      rolreplication: false,
      owns: false,
      may_become_owner: false,
    }
    expect(rows).toEqual(['parley', 'parley_app', 'parley_service'].map((rolname) => ({ rolname, ...bound })))
  })
})
