import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import type { Actor } from '../../src/domain/identity.js'
import { createDatabase } from '../../src/store/database.js'
import { fillTenant } from '../support/tenant-rows.js'
import { acme, actors, aSession, borealis, createWorld, pageOf, type World } from './world.js'
import { type TenantTable, tenantTables } from './tenant-tables.js'

let world: World
let tables: TenantTable[]
let roots: TenantTable[]

beforeAll(async () => {
  world = await createWorld()
  tables = await world.admin<TenantTable>(tenantTables)
  roots = tables.filter((table) => !table.partition)
  for (const user of [seedUsers.acmeLead, seedUsers.borealisLead]) await fillTenant(world, user)
})
afterAll(() => world.close())

describe('two tenants', () => {
  const as =
    (actor: Actor) =>
    (sql: string, bindings: string[] = []) =>
      world.database.withTenant(actor, (trx) =>
        trx.raw<{ rows: Record<string, unknown>[]; rowCount: number }>(sql, bindings),
      )

  it('see their own rows in every table', async () => {
    for (const { name } of roots)
      for (const actor of [actors.acmeLead, actors.borealisLead]) {
        const { rows } = await as(actor)(`select distinct tenant_id from ${name}`)
        expect([name, rows]).toEqual([name, [{ tenant_id: actor.tenantId }]])
      }
  })

  it('read, change and delete nothing of the other', async () => {
    for (const { name, source } of roots) {
      const before = await world.admin(`select to_jsonb(t) as row from ${name} t where tenant_id = $1 order by 1`, [
        acme,
      ])
      expect([name, before.length > 0]).toEqual([name, true])
      const asB = as(actors.borealisLead)
      expect((await asB(`select from ${name} where tenant_id = ?`, [acme])).rowCount).toBe(0)
      expect((await asB(`update ${name} set ${source} = ${source} where tenant_id = ?`, [acme])).rowCount).toBe(0)
      expect((await asB(`delete from ${name} where tenant_id = ?`, [acme])).rowCount).toBe(0)
      const after = await world.admin(`select to_jsonb(t) as row from ${name} t where tenant_id = $1 order by 1`, [
        acme,
      ])
      expect(after).toEqual(before)
    }
  })

  it('insert nothing into the other', async () => {
    for (const { name } of roots) {
      const [columns] = await world.admin<{ list: string }>(
        `select string_agg(quote_ident(attname), ', ' order by attnum) as list from pg_attribute
         where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
        [name],
      )
      const [stolen] = await world.admin<{ row: object }>(
        `select to_jsonb(t) as row from ${name} t where tenant_id = $1 limit 1`,
        [acme],
      )
      const insert = `insert into ${name} (${columns?.list}) select ${columns?.list} from jsonb_populate_record(null::${name}, ?::jsonb)`
      await expect(as(actors.borealisLead)(insert, [JSON.stringify(stolen?.row)]), name).rejects.toThrow(
        /violates row-level security policy/,
      )
    }
  })

  it('move no row of their own into the other', async () => {
    for (const { name, source } of roots) {
      const moved = as(actors.borealisLead)(`update ${name} set ${source} = ?`, [acme])
      // Of a table that is its users' own, leadership has no row to move.
      const rows = await moved.then(
        ({ rowCount }) => rowCount,
        (error: unknown) => String(error),
      )
      expect(rows === 0 || /violates row-level security policy/.test(String(rows)), `${name}: ${rows}`).toBe(true)
    }
  })

  it('cannot reach a partition around its table', async () => {
    for (const { name } of tables.filter(({ partition }) => partition))
      for (const role of ['app', 'service'] as const) {
        const run =
          role === 'app'
            ? world.database.withTenant.bind(null, actors.acmeLead)
            : world.database.withService.bind(null, acme)
        await expect(run((trx) => trx.raw(`select from ${name}`))).rejects.toThrow(/permission denied/)
      }
  })

  it('do not see sessions of nobody’s company', async () => {
    await expect(as(actors.acmeLead)('select from untracked_sessions')).rejects.toThrow(/permission denied/)
  })
})

describe('inside a tenant', () => {
  it('a rep sees only the own sessions, and leadership all', async () => {
    const { sessionId } = aSession()
    await world.sessions.track(aSession({ sessionId }))
    expect(await world.sessions.find(actors.acmeRep, sessionId)).toBeDefined()
    expect(await world.sessions.find(actors.acmeLead, sessionId)).toBeDefined()
    expect(await world.sessions.find(actors.acmeRep2, sessionId)).toBeUndefined()
    expect(await world.sessions.find(actors.borealisLead, sessionId)).toBeUndefined()
    const seen = (await world.sessions.list(actors.acmeRep2, pageOf({ user: actors.acmeRep.userId }))).items
    expect(seen).toEqual([])
  })

  it('a rep sees neither receipts nor the log of others', async () => {
    for (const table of ['webhook_receipts', 'integrations', 'event_logs', 'refresh_tokens']) {
      const { rows } = await world.database.withTenant(actors.acmeRep2, (trx) =>
        trx.raw<{ rows: unknown[] }>(`select from ${table}`),
      )
      expect([table, rows]).toEqual([table, []])
    }
  })

  it('the service sees every tenant until it adopts one, and then only that', async () => {
    const seen = await world.database.withService(undefined, async (trx) => {
      const tenants = async () =>
        (await trx.raw<{ rows: { n: number }[] }>('select count(distinct tenant_id)::int as n from users')).rows[0]?.n
      const before = await tenants()
      await world.database.adoptTenant(trx, borealis)
      return [before, await tenants()]
    })
    expect(seen).toEqual([2, 1])
  })

  it('the service that adopted a tenant writes nothing into another', async () => {
    // Without "returning", which would ask the policy for reading as well.
    for (const sql of [
      `insert into event_logs (tenant_id, event) values (:acme, 'identity.logout')`,
      `update users set company_id = :acme`,
    ]) {
      const write = world.database.withService(borealis, (trx) => trx.raw(sql, { acme }))
      await expect(write, sql).rejects.toThrow(/row-level security/)
    }
  })

  it('the service that adopted a tenant still settles a receipt of no tenant', async () => {
    const updated = await world.database.withService(acme, async (trx) => {
      const [receipt] = await trx('webhook_receipts')
        .insert({
          delivery_key: `tavus/${randomUUID()}`,
          provider: 'tavus',
          kind: 'x',
          external_id: 'c',
          status: 'received',
          payload: Buffer.alloc(0),
        })
        .returning<{ id: string }[]>('id')
      return await trx('webhook_receipts').where({ id: receipt?.id }).update({ status: 'processed', tenant_id: acme })
    })
    expect(updated).toBe(1)
  })
})

describe('a connection', () => {
  it('is refused every tenant table outside of withTenant and withService', async () => {
    const client = new pg.Client({ connectionString: world.test.url })
    await client.connect()
    for (const { name } of [...tables, { name: 'untracked_sessions' }, { name: 'knex_migrations' }])
      await expect(client.query(`select from ${name}`), name).rejects.toThrow(/permission denied/)
    await client.end()
  })

  it('leaks nothing to its next borrower, after a commit or a rollback', async () => {
    const database = createDatabase({ url: world.test.url, poolSize: 1 })
    const context = `select current_setting('app.tenant_id') as tenant, current_setting('app.user_id') as "user",
      current_setting('app.role') as role, session_user::text as login, current_user::text as "as"`
    try {
      await database.withTenant(actors.acmeLead, (trx) => trx.raw('select 1'))
      await expect(
        database.withTenant(actors.acmeLead, () => Promise.reject(new Error('changed my mind'))),
      ).rejects.toThrow('changed my mind')
      const { rows } = await database.withService(undefined, (trx) => trx.raw<{ rows: object[] }>(context))
      expect(rows).toEqual([{ tenant: '', user: '', role: '', login: 'parley', as: 'parley_service' }])
      const seen = await database.withTenant(actors.borealisLead, (trx) =>
        trx.raw<{ rows: object[] }>('select distinct tenant_id from users'),
      )
      expect(seen.rows).toEqual([{ tenant_id: borealis }])
    } finally {
      await database.destroy()
    }
  })

  it('has nothing of its last borrower left on it between transactions', async () => {
    const database = createDatabase({ url: world.test.url, poolSize: 1 })
    let connection: pg.Client | undefined
    const work = async (trx: Knex.Transaction) => {
      // The pool's only connection: the one that the transaction had.
      connection = (trx.raw('select 1') as unknown as { client: unknown; _connection: pg.Client })._connection
      await trx.raw('select from users')
    }
    try {
      for (const run of [() => database.withTenant(actors.acmeLead, work), () => database.withService(acme, work)]) {
        await run()
        const left = await connection?.query(
          `select current_user::text as "as", coalesce(current_setting('app.tenant_id', true), '') as tenant,
             coalesce(current_setting('app.user_id', true), '') as "user", coalesce(current_setting('app.role', true), '') as role`,
        )
        expect(left?.rows).toEqual([{ as: 'parley', tenant: '', user: '', role: '' }])
        await expect(connection?.query('select from users')).rejects.toThrow(/permission denied/)
      }
    } finally {
      await database.destroy()
    }
  })

  it('serves fifty transactions of two tenants at once without mixing them', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const actor = index % 2 ? actors.acmeLead : actors.borealisLead
        const { rows } = await world.database.withTenant(actor, (trx) =>
          trx.raw<{ rows: { tenant_id: string }[] }>('select distinct tenant_id from users, pg_sleep(0.01)'),
        )
        return rows.length === 1 && rows[0]?.tenant_id === actor.tenantId
      }),
    )
    expect(answers.every(Boolean)).toBe(true)
  })
})
