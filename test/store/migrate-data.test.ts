import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { migrations } from '../../migrations/index.js'
import { applicationRole, ownerRole } from '../../src/dev/postgres-roles.js'
import { migrateCommand } from '../../src/store/migrate-command.js'
import { migrateDown, migrateUp } from '../../src/store/migrate.js'
import { rowsOfTenant } from './tenant-tables.js'
import { acme, actors, aSession, borealis, createWorld, type World } from './world.js'

let world: World
beforeEach(async () => (world = await createWorld()))
afterEach(() => world.close())

/** What follows from other rows is made anew, and is tested on its own. */
const tables = async () =>
  (
    await world.admin<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
         and not relispartition and relname not like 'knex%'
         and coalesce(obj_description(oid, 'pg_class'), '') not like 'computed %' order by 1`,
    )
  ).map(({ name }) => name)

/** Every row of every table, as text. */
async function everything(): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {}
  for (const table of await tables())
    found[table] = (
      await world.admin<{ row: string }>(`select to_jsonb(t)::text as row from ${table} t order by 1`)
    ).map(({ row }) => row)
  return found
}

/** A row of each company in every table that has rows of companies. */
async function fill(): Promise<void> {
  for (const sql of Object.values(rowsOfTenant))
    for (const [tenantId, userId] of [
      [acme, actors.acmeRep.userId],
      [borealis, actors.borealisLead.userId],
    ])
      await world.database.withService(undefined, (trx) => trx.raw(sql, { tenantId, userId, key: randomUUID() }))
  await world.sessions.track(aSession({ mode: 'mentor' }))
  await world.admin(`insert into untracked_sessions (session_id, status) values ($1, 'active')`, [randomUUID()])
  await world.admin(
    `insert into refresh_tokens (tenant_id, user_id, family_id, token_hash, expires_at) values ($1, $2, $3, '\\x01ff', now())`,
    [acme, actors.acmeRep.userId, randomUUID()],
  )
  await world.admin(
    `insert into clerk_entities (entity, external_id, facts) values ('user', 'user_1', '{"a": [1, null]}')`,
  )
  await world.admin(
    `insert into uwc_jobs (tenant_id, kind, request_id, origin, status, request) values
       ($1, 'asr', 'r1', 'api', 'timed_out', '{"a": 1}'), ($1, 'rag', 'r2', 'api', 'queued', null)`,
    [acme],
  )
  await world.admin(`update companies set disabled_at = now(), clerk_updated_at = 5 where id = $1`, [borealis])
  await world.admin(`update webhook_receipts set accounts = '{AC1,+15005550006}' where tenant_id = $1`, [acme])
  await world.admin(
    `insert into event_logs (tenant_id, event) select $1, 'session.started' from generate_series(1, 7)`,
    [acme],
  )
}

const down = async (until: string) => {
  for (let undone: string | undefined; undone !== until;) ({ undone } = await migrateDown({ url: world.test.ownerUrl }))
}
const up = () => migrateUp({ url: world.test.ownerUrl, applicationRole })
const run = async (word: string) => {
  const out: string[] = []
  const io = { out: (line: string) => void out.push(line), err: (line: string) => void out.push(line) }
  const url = world.test.ownerUrl
  return { code: await migrateCommand([word], () => ({ url, applicationUrl: world.test.url }), io), out }
}

describe('migrations down and up again @integration', () => {
  it.each(migrations.map(({ name }) => name))('to before %s, and every row and value is as it was', async (name) => {
    await fill()
    const before = await everything()
    expect(Object.keys(before).filter((table) => before[table]?.length === 0)).toEqual([])
    await down(name)
    await up()
    expect(await everything()).toEqual(before)
    // A migration that took nothing away kept nothing.
    const [kept] = await world.admin<{ parts: string | null }>(`select to_regclass('parley_kept.parts')::text as parts`)
    if (kept?.parts) expect(await world.admin('select from parley_kept.parts')).toEqual([])
    expect(
      await world.admin(`select from pg_tables where schemaname = 'parley_kept' and tablename <> 'parts'`),
    ).toEqual([])
    const forced = `select relname from pg_class where relkind in ('r', 'p') and relrowsecurity and not relforcerowsecurity`
    expect(await world.admin(forced)).toEqual([])
  })

  it('number the event log on from where it was', async () => {
    await fill()
    await down('0001_foundation')
    await up()
    const [entry] = await world.admin<{ next: string; last: string }>(
      `select nextval('event_logs_id_seq') as next, max(id) as last from event_logs`,
    )
    expect(Number(entry?.next)).toBeGreaterThan(Number(entry?.last))
  })

  it('keep what two companies call by one id, of which the older schema knows the first', async () => {
    for (const tenant of [acme, borealis])
      await world.admin(
        `insert into call_logs (company_id, provider, external_id, status) values ($1, 'twilio', 'CA1', 'ringing')`,
        [tenant],
      )
    const before = await everything()
    await down('0009_calls_per_company')
    expect(await world.admin('select company_id from call_logs')).toEqual([{ company_id: acme }])
    await down('0003_calls')
    await up()
    expect(await everything()).toEqual(before)
  })

  it('say what they keep and bring back, and what has no place any more', async () => {
    const other = randomUUID()
    await world.admin(`insert into companies (id, name) values ($1, 'Gone')`, [other])
    for (const tenant of [acme, other])
      await world.admin(`insert into integrations (tenant_id, provider, account) values ($1, 'twilio', $2)`, [
        tenant,
        `AC-${tenant}`,
      ])
    await down('0003_calls')
    expect(await run('down')).toEqual({
      code: 0,
      out: ['undone   0002_integrations', 'kept     2 rows of integrations'],
    })
    await world.admin('delete from companies where id = $1', [other])
    const { code, out } = await run('up')
    expect(code).toBe(0)
    expect(out).toContain('back     1 row of integrations')
    expect(out).toContain('still kept, for its place is gone or taken: 1 row of integrations')
    await world.admin(`insert into companies (id, name) values ($1, 'Again')`, [other])
    await down('0002_integrations')
    expect((await run('up')).out).not.toContain('still kept, for its place is gone or taken: 1 row of integrations')
    expect(await world.admin('select from integrations where tenant_id = $1', [other])).toHaveLength(1)
  })

  it('make nothing of tables that are empty', async () => {
    await down('0005_identity_partner')
    expect(await run('down')).toEqual({ code: 0, out: ['undone   0004_messages'] })
    expect(await run('down')).toEqual({ code: 0, out: ['undone   0003_calls'] })
  })
  it('refuse to lose rows where the schema that keeps them may not be made', async () => {
    await fill()
    const database = new URL(world.test.url).pathname.slice(1)
    const other = `keeper_${randomUUID().slice(0, 8)}`
    await world.admin(`create role ${other}`)
    try {
      await world.admin(`alter database ${database} owner to ${other}`)
      await world.admin(`revoke create on database ${database} from public, ${ownerRole}`)
      const before = await everything()
      await world.admin(`grant all on schema public to ${ownerRole}`)
      await expect(down('0009_calls_per_company')).rejects.toThrow(
        /^rows of \w+ would be lost.*create schema parley_kept/,
      )
      expect(await everything()).toEqual(before)
      await world.admin(`create schema parley_kept authorization ${ownerRole}`)
      await down('0009_calls_per_company')
      await up()
      expect(await everything()).toEqual(before)
    } finally {
      await world.admin(`alter database ${database} owner to ${ownerRole}`)
      await world.admin(`drop role ${other}`)
    }
  })
})
