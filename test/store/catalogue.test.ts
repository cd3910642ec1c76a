import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rowsOfTenant, storedTables, type TenantTable, tenantTables } from './tenant-tables.js'
import { createWorld, type World } from './world.js'

let world: World
let tables: TenantTable[]
let roots: TenantTable[]

beforeAll(async () => {
  world = await createWorld()
  tables = await world.admin<TenantTable>(tenantTables)
  roots = tables.filter((table) => !table.partition)
})
afterAll(() => world.close())

describe('the catalogue', () => {
  it('has the tables that a tenant owns', () => {
    expect(roots.map(({ name }) => name)).toEqual([...storedTables, ...Object.keys(rowsOfTenant)].sort())
    expect(tables.length).toBeGreaterThanOrEqual(roots.length + 3)
  })

  it('forces row-level security on every one of them, partitions included', () => {
    expect(tables.filter(({ enabled, forced }) => !enabled || !forced)).toEqual([])
  })

  it('has policies for the application and one for the service on each, and none for anybody else', async () => {
    const policies = await world.admin<{ name: string; roles: string; service: number; commands: string }>(
      `select tablename as name, string_agg(distinct array_to_string(roles, ','), ' ') as roles,
         count(*) filter (where 'parley_service' = any(roles))::int as service,
         string_agg(cmd, ' ' order by cmd) filter (where 'parley_app' = any(roles)) as commands
       from pg_policies where permissive = 'PERMISSIVE' group by 1`,
    )
    expect(policies.map(({ name }) => name).sort()).toEqual(roots.map(({ name }) => name))
    for (const { name, roles, service, commands } of policies) {
      expect([name, roles, service]).toEqual([name, 'parley_app parley_service', 1])
      // One for all, or one for each command; beside them there may be more to read.
      expect(['ALL', 'ALL SELECT', 'DELETE INSERT SELECT UPDATE'], name).toContain(commands)
    }
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
