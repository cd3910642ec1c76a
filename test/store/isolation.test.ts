import { randomBytes, randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import type { Actor } from '../../src/domain/identity.js'
import { createDatabase } from '../../src/store/database.js'
import { appendEvents } from '../../src/store/event-log.js'
import { acme, actors, aSession, borealis, createWorld, type World } from './world.js'

interface TenantTable {
  name: string
  oid: number
  partition: boolean
  enabled: boolean
  forced: boolean
  /** The column that the tenant's is made of. */
  source: string
}

const tenantTables = `
  select c.relname as name, c.oid::int, c.relispartition as partition, c.relrowsecurity as enabled,
    c.relforcerowsecurity as forced,
    case when a.attgenerated = '' then 'tenant_id' when c.relname = 'companies' then 'id' else 'company_id' end as source
  from pg_class c join pg_attribute a on a.attrelid = c.oid
  where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and a.attname = 'tenant_id' and not a.attisdropped
  order by 1`

let world: World
let tables: TenantTable[]
let roots: TenantTable[]

beforeAll(async () => {
  world = await createWorld()
  tables = await world.admin<TenantTable>(tenantTables)
  roots = tables.filter((table) => !table.partition)
  for (const user of [seedUsers.acmeLead, seedUsers.borealisLead]) await fill(user)
})
afterAll(() => world.close())

/** One row of the user's company in every tenant table. */
async function fill({ id: userId, companyId: tenantId, email }: (typeof seedUsers)['acmeLead']) {
  const session = aSession({ owner: { userId, email, tenantId } })
  await world.sessions.track(session)
  await world.tokens.issue({ tenantId, userId, expiresAt: new Date(Date.now() + 60_000) })
  await world.database.withService(tenantId, async (trx) => {
    await trx.raw(
      `insert into webhook_receipts (delivery_key, provider, kind, external_id, tenant_id, status, payload)
       values (?, 'tavus', 'system.shutdown', 'c1', ?, 'processed', ?)`,
      [`tavus/${randomUUID()}`, tenantId, randomBytes(4)],
    )
    await appendEvents(trx, [{ event: 'identity.logout', tenantId, userId, data: {} }])
  })
}

describe('the catalogue', () => {
  it('has the tables that a tenant owns', () => {
    expect(roots.map(({ name }) => name)).toEqual([
      'companies',
      'conversations_users',
      'event_logs',
      'refresh_tokens',
      'users',
      'webhook_receipts',
    ])
    expect(tables.length).toBeGreaterThanOrEqual(roots.length + 3)
  })

  it('forces row-level security on every one of them, partitions included', () => {
    expect(tables.filter(({ enabled, forced }) => !enabled || !forced)).toEqual([])
  })

  it('has one policy for the application and one for the service on each, and none for anybody else', async () => {
    const policies = await world.admin<{ name: string; roles: string }>(
      `select tablename as name, string_agg(array_to_string(roles, ','), ' ' order by policyname) as roles from pg_policies group by 1`,
    )
    expect(policies.map(({ name }) => name).sort()).toEqual(roots.map(({ name }) => name))
    for (const { roles } of policies) expect(roles).toBe('parley_service parley_app')
  })

  it('gives nobody but the owner a right on a partition, which has no policy of its own', async () => {
    const grants = await world.admin(
      `select c.relname, a.grantee::regrole from pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
       where c.relispartition and a.grantee <> c.relowner`,
    )
    expect(grants).toEqual([])
  })

  it('grants PUBLIC no table, no sequence and no function', async () => {
    const grants = await world.admin(
      `select relname as name from pg_class c,
         aclexplode(coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))) a
       where c.relnamespace = 'public'::regnamespace and a.grantee = 0
       union all
       select proname from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
       where p.pronamespace = 'public'::regnamespace and a.grantee = 0`,
    )
    expect(grants).toEqual([])
  })

  it('fixes the search path of every function that runs with its owner’s rights', async () => {
    const loose = await world.admin(
      `select proname from pg_proc where pronamespace = 'public'::regnamespace and prosecdef
       and not coalesce(array_to_string(proconfig, ' '), '') like '%search_path=public, pg_temp%'`,
    )
    expect(loose).toEqual([])
  })

  it('has no view that runs with its owner’s rights', async () => {
    const views = await world.admin(
      `select relname from pg_class where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace
       and not coalesce('security_invoker=true' = any(reloptions), false)`,
    )
    expect(views).toEqual([])
  })

  it('has an index that starts with the tenant on every tenant table', async () => {
    const indexed = await world.admin<{ name: string }>(
      `select distinct c.relname as name from pg_index i join pg_class c on c.oid = i.indrelid
       join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0] where a.attname = 'tenant_id'`,
    )
    const names = indexed.map(({ name }) => name)
    expect(tables.filter(({ name }) => !names.includes(name))).toEqual([])
  })

  it('leaves the roles without a way around the policies', async () => {
    const roles = await world.admin(
      `select rolname, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb as mighty, rolcanlogin from pg_roles
       where rolname in ('parley_app', 'parley_service') order by 1`,
    )
    expect(roles).toEqual([
      { rolname: 'parley_app', mighty: false, rolcanlogin: false },
      { rolname: 'parley_service', mighty: false, rolcanlogin: false },
    ])
  })

  it('makes new partitions as closed as the first ones', async () => {
    const next = `event_logs_${new Date(Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() + 1)).toISOString().slice(0, 7).replace('-', '_')}`
    await world.admin(`drop table ${next}`)
    await world.eventLog.ensurePartitions()
    await world.eventLog.ensurePartitions()
    const made = (await world.admin<TenantTable>(tenantTables)).find(({ name }) => name === next)
    expect(made).toMatchObject({ partition: true, enabled: true, forced: true })
  })
})

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
    for (const { name, source } of roots)
      await expect(as(actors.borealisLead)(`update ${name} set ${source} = ?`, [acme]), name).rejects.toThrow(
        /violates row-level security policy/,
      )
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
    const seen = (await world.sessions.list(actors.acmeRep2, { limit: 10, userId: actors.acmeRep.userId })).items
    expect(seen).toEqual([])
  })

  it('a rep sees neither receipts nor the log of others', async () => {
    for (const table of ['webhook_receipts', 'event_logs', 'refresh_tokens']) {
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
    const insert = world.database.withService(borealis, (trx) =>
      appendEvents(trx, [{ event: 'identity.logout', tenantId: acme, data: {} }]),
    )
    await expect(insert).rejects.toThrow(/row-level security/)
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
      connection = (await (trx.client as Knex.Client).acquireConnection()) as pg.Client
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
