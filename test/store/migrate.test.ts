import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { migrations } from '../../migrations/index.js'
import { applicationRole, onDatabase, ownerRole, urlFor } from '../../src/dev/postgres-roles.js'
import { createDatabase } from '../../src/store/database.js'
import { migrateCommand, migrateUsage } from '../../src/store/migrate-command.js'
import { migrateDown, migrateUp, migrationStatus } from '../../src/store/migrate.js'
import { createWorld, type World } from './world.js'

const names = migrations.map(({ name }) => name)
const { adminUrl, passwords } = inject('postgres')
const made: string[] = []

/** A database without a single table, of the owner role. */
async function emptyDatabase() {
  const database = `empty_${randomBytes(6).toString('hex')}`
  made.push(database)
  await onDatabase(adminUrl, (client) => client.query(`create database ${database} owner ${ownerRole}`))
  return {
    ownerUrl: urlFor(adminUrl, { role: ownerRole, password: passwords.owner, database }),
    url: urlFor(adminUrl, { role: applicationRole, password: passwords.application, database }),
    admin: (sql: string) =>
      onDatabase(
        urlFor(adminUrl, { ...superuser(), database }),
        async (client) => (await client.query(sql)).rows as object[],
      ),
  }
}

const superuser = () => ({ role: new URL(adminUrl).username, password: decodeURIComponent(new URL(adminUrl).password) })

afterEach(async () => {
  for (const database of made.splice(0))
    await onDatabase(adminUrl, (client) => client.query(`drop database if exists ${database} with (force)`))
})

const schema = `
  select 'column' as kind, c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || a.attnotnull || a.attgenerated::text as it
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped and c.relname not like 'knex%'
  union all select 'policy', tablename || policyname || coalesce(qual, '') || coalesce(with_check, '') from pg_policies
  union all select 'constraint', conrelid::regclass || pg_get_constraintdef(oid) from pg_constraint
    where connamespace = 'public'::regnamespace and conrelid::regclass::text not like 'knex%'
  union all select 'function', pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace and prokind <> 'a'
  union all select 'aggregate', a.aggfnoid::regprocedure || ' ' || a.aggtransfn || ' ' || a.aggfinalfn || coalesce(a.agginitval, '')
    from pg_aggregate a join pg_proc p on p.oid = a.aggfnoid where p.pronamespace = 'public'::regnamespace
  union all select 'grant', c.relname || c.relacl::text from pg_class c where relnamespace = 'public'::regnamespace and c.relname not like 'knex%'
  order by 1, 2`

describe('migrateUp', () => {
  it('makes the schema as a role that is not superuser, and does nothing the second time', async () => {
    const { ownerUrl } = await emptyDatabase()
    expect(await migrationStatus({ url: ownerUrl })).toEqual({ applied: [], pending: names })
    expect(await migrateUp({ url: ownerUrl, applicationRole })).toMatchObject({ applied: names })
    expect(await migrateUp({ url: ownerUrl, applicationRole })).toMatchObject({ applied: [] })
    expect(await migrationStatus({ url: ownerUrl })).toEqual({ applied: names, pending: [] })
  })

  it('lets the application act as its roles, and inherit none of their rights', async () => {
    const { ownerUrl, url } = await emptyDatabase()
    await migrateUp({ url: ownerUrl, applicationRole })
    const database = createDatabase({ url, poolSize: 1 })
    await database.assertSafeRole()
    await database.destroy()
    await expect(onDatabase(url, (client) => client.query('select from users'))).rejects.toThrow(/permission denied/)
    await expect(onDatabase(ownerUrl, (client) => client.query('select id from users'))).resolves.toMatchObject({
      rows: [],
    })
  })

  it('runs each migration once when two start at the same instant', async () => {
    const { ownerUrl } = await emptyDatabase()
    const runs = await Promise.all([1, 2, 3].map(() => migrateUp({ url: ownerUrl, applicationRole })))
    expect(runs.map(({ applied }) => applied.length).sort()).toEqual([0, 0, names.length])
  })

  it('runs in two databases of one cluster at the same instant', async () => {
    const databases = await Promise.all([emptyDatabase(), emptyDatabase()])
    const runs = await Promise.all(databases.map(({ ownerUrl }) => migrateUp({ url: ownerUrl, applicationRole })))
    expect(runs).toMatchObject([{ applied: names }, { applied: names }])
  })

  it('heals after a run that was killed, whatever lock it left', async () => {
    const { ownerUrl, admin } = await emptyDatabase()
    const held = new pg.Client({ connectionString: ownerUrl })
    held.on('error', () => undefined)
    await held.connect()
    await held.query('begin')
    await held.query('select pg_advisory_xact_lock(4851205)')
    const waiting = migrateUp({ url: ownerUrl, applicationRole })
    await admin(`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted
      and database = (select oid from pg_database where datname = current_database())`)
    expect(await waiting).toMatchObject({ applied: names })
    await admin('update knex_migrations_lock set is_locked = 1')
    expect(await migrateUp({ url: ownerUrl, applicationRole })).toMatchObject({ applied: [] })
  })

  it('takes the login of its own url for the application when none is named', async () => {
    const { ownerUrl } = await emptyDatabase()
    await migrateUp({ url: ownerUrl })
    const database = createDatabase({ url: ownerUrl, poolSize: 1 })
    await database.assertSafeRole()
    await database.destroy()
  })

  it('quotes the name of the application’s role', async () => {
    const { ownerUrl, admin } = await emptyDatabase()
    const role = 'Odd "role"; drop table users'
    await admin(`create role "${role.replaceAll('"', '""')}"`)
    try {
      await migrateUp({ url: ownerUrl, applicationRole: role })
      const members = await admin(
        `select roleid::regrole::text as of, inherit_option, set_option from pg_auth_members
         where member = (select oid from pg_roles where rolname like 'Odd%') order by 1`,
      )
      expect(members).toEqual([
        { of: 'parley_app', inherit_option: false, set_option: true },
        { of: 'parley_service', inherit_option: false, set_option: true },
      ])
    } finally {
      await admin(`drop role "${role.replaceAll('"', '""')}"`)
    }
  })

  it('says what a superuser must do when the roles are another owner’s', async () => {
    const { admin } = await emptyDatabase()
    const other = `other_${randomBytes(4).toString('hex')}`
    await admin(`create role ${other} login createrole password 'p'`)
    const database = made.at(-1) ?? ''
    await admin(`alter database ${database} owner to ${other}`)
    const url = urlFor(adminUrl, { role: other, password: 'p', database })
    try {
      await expect(migrateUp({ url })).rejects.toThrow(
        new RegExp(`could not be granted to "${other}".*let a superuser run: grant parley_app to "${other}"`),
      )
      await admin(`grant parley_app, parley_service to ${other} with inherit false, set true`)
      expect(await migrateUp({ url })).toMatchObject({ applied: [] })
    } finally {
      await onDatabase(adminUrl, (client) => client.query(`drop database ${database} with (force)`))
      await onDatabase(adminUrl, (client) => client.query(`drop role ${other}`))
    }
  })

  it('names the application’s role when there is none such', async () => {
    const { ownerUrl } = await emptyDatabase()
    await expect(migrateUp({ url: ownerUrl, applicationRole: 'nobody_here' })).rejects.toThrow(/"nobody_here"/)
  })

  it('says that the database is away when it is', async () => {
    await expect(migrateUp({ url: 'postgres://a:b@127.0.0.1:1/x' })).rejects.toMatchObject({
      code: 'database_unavailable',
    })
  })
})

describe('migrateDown', () => {
  let world: World
  beforeAll(async () => (world = await createWorld()))
  afterAll(() => world.close())

  it('takes everything back, and up makes the same schema again', async () => {
    const { ownerUrl, admin } = await emptyDatabase()
    await migrateUp({ url: ownerUrl, applicationRole })
    const before = await admin(schema)
    for (const name of [...names].reverse())
      expect(await migrateDown({ url: ownerUrl })).toMatchObject({ undone: name })
    expect(await admin(schema)).toEqual([])
    expect(await migrateDown({ url: ownerUrl })).toMatchObject({ undone: undefined })
    expect(await migrateUp({ url: ownerUrl, applicationRole })).toMatchObject({ applied: names })
    expect(await admin(schema)).toEqual(before)
  })

  it('works on a database with data, and touches no other database of the cluster', async () => {
    const other = await createWorld()
    try {
      for (const _each of names) await migrateDown({ url: other.test.ownerUrl })
      expect(await world.users.findForLogin('lead@acme.test')).toBeDefined()
      await migrateUp({ url: other.test.ownerUrl, applicationRole })
      expect(await other.users.findForLogin('lead@acme.test')).toBeDefined()
      await world.database.assertSafeRole()
    } finally {
      await other.close()
    }
  })
})

describe('the folder of migrations', () => {
  it('is what the list says, in order', () => {
    const files = readdirSync(new URL('../../migrations/', import.meta.url)).filter((file) => /^\d/.test(file))
    expect(files.map((file) => file.replace(/\.ts$/, '')).sort()).toEqual(names)
  })
})

describe('npm run migrate', () => {
  const run = async (args: string[], url = 'postgres://a:b@127.0.0.1:1/x', applicationUrl?: string) => {
    const out: string[] = []
    const err: string[] = []
    const io = { out: (line: string) => void out.push(line), err: (line: string) => void err.push(line) }
    return { code: await migrateCommand(args, () => ({ url, applicationUrl }), io), out, err }
  }

  it('migrates up and down and tells the status by its exit code', async () => {
    const { ownerUrl, url } = await emptyDatabase()
    const listed = (word: string) => names.map((name) => `${word}${name}`)
    expect(await run(['status'], ownerUrl)).toEqual({ code: 3, out: listed('pending  '), err: [] })
    expect(await run(['up'], ownerUrl, url)).toEqual({ code: 0, out: listed('applied  '), err: [] })
    expect(await run(['up'], ownerUrl, url)).toEqual({ code: 0, out: ['nothing to do'], err: [] })
    expect(await run(['status'], ownerUrl)).toEqual({ code: 0, out: listed('applied  '), err: [] })
    expect(await run(['down'], ownerUrl)).toEqual({ code: 0, out: [`undone   ${names.at(-1)}`], err: [] })
  })

  it.each([[[]], [['sideways']], [['up', 'down']], [['constructor']]])('explains itself on %j', async (args) => {
    expect(await run(args)).toEqual({ code: 2, out: [], err: [migrateUsage] })
  })

  it('explains itself when asked', async () => {
    expect(await run(['--help'])).toEqual({ code: 0, out: [migrateUsage], err: [] })
  })

  it('fails in one line when the database is away', async () => {
    expect(await run(['up'])).toEqual({ code: 1, out: [], err: ['migrate up: the database is not available'] })
  })
})
