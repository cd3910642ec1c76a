import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../src/dev/ports.js'
import { onDatabase } from '../../src/dev/postgres-roles.js'
import { startPostgres } from '../../src/dev/postgres.js'
import { UnavailableError } from '../../src/domain/errors.js'
import { asUnavailable, isDatabaseDown } from '../../src/store/database-down.js'
import { createDatabase } from '../../src/store/database.js'
import { migrateUp } from '../../src/store/migrate.js'
import { actors, createWorld, pageOf, holdTransaction, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld({ poolSize: 3 })))
afterAll(() => world.close())

const countUsers = async (database: World['database']) => {
  const { rows } = await database.withService(undefined, (trx) =>
    trx.raw<{ rows: { n: string }[] }>('select count(*) as n from users'),
  )
  return rows[0]?.n
}

const ours = `datname = current_database() and application_name = 'parley'`
const down = { code: 'database_unavailable', status: 503 }

describe('withTenant and withService', () => {
  it('answer what the work answers, with int8 as text and timestamps as Date', async () => {
    const { rows } = await world.database.withTenant(actors.acmeLead, (trx) =>
      trx.raw<{ rows: object[] }>(`select 9007199254740993 as big, '2026-03-01T10:00:00Z'::timestamptz as time`),
    )
    expect(rows).toEqual([{ big: '9007199254740993', time: new Date('2026-03-01T10:00:00Z') }])
  })

  it('undo everything when the work fails, and say why', async () => {
    const work = world.database.withService(undefined, async (trx) => {
      await trx.raw(`update users set display_name = 'Nobody'`)
      throw new Error('changed my mind')
    })
    await expect(work).rejects.toThrow('changed my mind')
    expect(await world.admin(`select from users where display_name = 'Nobody'`)).toEqual([])
  })

  it('refuse a tenant that is no UUID', async () => {
    const actor = { ...actors.acmeLead, tenantId: 'org_123' }
    await expect(world.database.withTenant(actor, (trx) => trx.raw('select 1'))).rejects.toMatchObject({ status: 403 })
  })

  it('take an odd user id for a user that is nobody', async () => {
    const actor = { ...actors.acmeRep, userId: `'; reset role; --` }
    expect((await world.sessions.list(actor, pageOf({}))).items).toEqual([])
  })

  it('limit the time of a statement', async () => {
    const { rows } = await world.database.withService(undefined, (trx) =>
      trx.raw<{ rows: object[] }>(
        `select current_setting('statement_timeout') as statement, current_setting('idle_in_transaction_session_timeout') as idle`,
      ),
    )
    expect(rows).toEqual([{ statement: '15s', idle: '30s' }])
  })

  it('say soon that the pool is exhausted', async () => {
    const database = createDatabase({ url: world.test.url, poolSize: 1, acquireTimeoutMs: 200 })
    const letGo = await holdTransaction(database, () => Promise.resolve())
    await expect(countUsers(database)).rejects.toMatchObject(down)
    await letGo()
    expect(await countUsers(database)).toBe('5')
    await database.destroy()
  })
})

describe('a lost connection', () => {
  const killAll = () => world.admin(`select pg_terminate_backend(pid) from pg_stat_activity where ${ours}`)

  it('while idle goes unnoticed', async () => {
    await Promise.all([countUsers(world.database), countUsers(world.database), countUsers(world.database)])
    await killAll()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await Promise.all([1, 2, 3].map(() => countUsers(world.database)))).toEqual(['5', '5', '5'])
  })

  it('in the middle of a transaction is reported as the database being away, and the next call works', async () => {
    const lost = world.database.withService(undefined, async (trx) => {
      await trx.raw('select 1')
      await killAll()
      await trx.raw('select 1')
    })
    await expect(lost).rejects.toMatchObject(down)
    expect(await countUsers(world.database)).toBe('5')
  })

  it('between the last statement and the commit is reported, not taken for a success', async () => {
    const lost = world.database.withService(undefined, async (trx) => {
      await trx.raw(`update users set display_name = 'Lost'`)
      await killAll()
    })
    await expect(lost).rejects.toMatchObject(down)
    expect(await world.admin(`select from users where display_name = 'Lost'`)).toEqual([])
  })
})

describe('a server that is away', () => {
  it('is reported within seconds, also to a ping', async () => {
    const lines: string[] = []
    const log = { warn: (_: object, message: string) => void lines.push(message) }
    const database = createDatabase({ url: `postgres://parley:x@127.0.0.1:${await freePort()}/x`, poolSize: 2, log })
    const began = Date.now()
    await expect(countUsers(database)).rejects.toBeInstanceOf(UnavailableError)
    await expect(database.ping()).rejects.toMatchObject(down)
    await expect(database.assertSafeRole()).rejects.toMatchObject(down)
    expect(Date.now() - began).toBeLessThan(5_000)
    expect(lines).toContain('database unavailable')
    await database.destroy()
  })

  it('does not hold a ping for longer than it may take', async () => {
    const database = createDatabase({ url: world.test.url, poolSize: 1 })
    const letGo = await holdTransaction(database, () => Promise.resolve())
    const began = Date.now()
    await expect(database.ping(100)).rejects.toMatchObject(down)
    expect(Date.now() - began).toBeLessThan(1_000)
    await letGo()
    await database.ping()
    await database.destroy()
  })
})

describe('assertSafeRole', () => {
  const withUrl = async (url: string, work: (database: World['database']) => Promise<void>) => {
    const database = createDatabase({ url, poolSize: 1 })
    await work(database).finally(() => database.destroy())
  }
  const check = (url: string) => withUrl(url, (database) => database.assertSafeRole())

  it('is content with the application’s login, and with the owner’s, who acts as the application', async () => {
    await check(world.test.url)
    await check(world.test.ownerUrl)
  })

  it('refuses a role that owns a tenant table', async () => {
    const [before] = await world.admin<{ owner: string }>(
      `select relowner::regrole::text as owner from pg_class where oid = 'users'::regclass`,
    )
    await world.admin('alter table users owner to parley_app')
    try {
      await expect(check(world.test.url)).rejects.toThrow(/owner of users/)
    } finally {
      await world.admin(`alter table users owner to ${before?.owner}`)
    }
  })

  it('says what to do when the login may not take the role', async () => {
    await world.admin(`create role stranger login password 'p'`)
    const url = new URL(world.test.url)
    Object.assign(url, { username: 'stranger', password: 'p' })
    try {
      await expect(check(url.href)).rejects.toThrow(/parley_app.*permission denied to set role.*npm run migrate/)
    } finally {
      await world.admin('drop role stranger')
    }
  })
})

// Roles and restarts concern a whole cluster, which other test files share.
describe('a cluster of its own', () => {
  let folder: string
  let port: number
  let server: Awaited<ReturnType<typeof startPostgres>>
  let database: World['database']
  const start = async () => {
    server = await startPostgres({ dataDir: join(folder, 'postgres'), durable: false, password: 'p', port })
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'parley-cluster-'))
    await chmod(folder, 0o755)
    port = await freePort()
    await start()
    await migrateUp({ url: server.adminUrl })
    database = createDatabase({ url: server.adminUrl, poolSize: 3 })
  })
  afterAll(async () => {
    await database.destroy()
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('is found again by the same pool after its restart', async () => {
    expect(await Promise.all([countUsers(database), countUsers(database)])).toEqual(['0', '0'])
    await server.stop()
    await expect(countUsers(database)).rejects.toMatchObject(down)
    await start()
    expect(await Promise.all([countUsers(database), countUsers(database)])).toEqual(['0', '0'])
  })

  it('is refused when a role of the application bypasses the policies', async () => {
    const alter = (attribute: string) =>
      onDatabase(server.adminUrl, (client) => client.query(`alter role parley_service ${attribute}`))
    await database.assertSafeRole()
    await alter('bypassrls')
    await expect(database.assertSafeRole()).rejects.toThrow(/parley_service.*BYPASSRLS/)
    await alter('nobypassrls superuser')
    await expect(database.assertSafeRole()).rejects.toThrow(/parley_service.*superuser/)
    await alter('nosuperuser')
    await database.assertSafeRole()
  })
})

describe('isDatabaseDown', () => {
  const error = (message: string, more: object = {}) => Object.assign(new Error(message), more)

  it.each([
    error('connect', { code: 'ECONNREFUSED' }),
    error('read', { code: 'ECONNRESET' }),
    error('terminating connection due to administrator command', { code: '57P01' }),
    error('the database system is starting up', { code: '57P03' }),
    error('connection failure', { code: '08006' }),
    error('sorry, too many clients already', { code: '53300' }),
    error('Connection terminated unexpectedly'),
    error('Knex: Timeout acquiring a connection', { name: 'KnexTimeoutError' }),
    new UnavailableError('gone', 'database_unavailable'),
  ])('recognises %s', (cause) => {
    expect(isDatabaseDown(cause)).toBe(true)
    expect(asUnavailable(cause)).toMatchObject(down)
  })

  it.each([
    error('duplicate key', { code: '23505' }),
    error('canceling statement due to statement timeout', { code: '57014' }),
    error('permission denied', { code: '42501' }),
    new DOMException('The operation was aborted', 'AbortError'),
    error('no such user'),
    new UnavailableError('later', 'engine_unavailable'),
    'connection terminated',
    undefined,
  ])('lets %s be what it is', (cause) => {
    expect(isDatabaseDown(cause)).toBe(false)
    expect(asUnavailable(cause)).toBe(cause)
  })
})
