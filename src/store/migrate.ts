import type { Knex } from 'knex'
import { migrations, type Migration } from '../../migrations/index.js'
import { bringBack, type KeptRows, takeBack } from '../../migrations/kept-rows.js'
import { asUnavailable } from './database-down.js'
import { createPool } from './pool.js'
import { grantRoles } from './role-grants.js'

export interface MigrateOptions {
  /** Of the role that owns the tables. */
  url: string
  log?: { info(fields: object, message: string): void }
}

/** Key of the advisory lock; one per database, so that two starts at once do each step once. */
const migrationLock = 4_851_205

/** What became of rows that a schema has, or had, no place for. */
export interface MovedRows {
  /** Kept, until the migration runs again. */
  kept: KeptRows[]
  /** Back in their tables. */
  back: KeptRows[]
  /** Still kept: what they belong to is gone, or their place is taken. */
  left: KeptRows[]
}

/** Names without the file's extension: the same before and after the build. Taking back loses no row. */
const sourceWith = (moved: MovedRows): Knex.MigrationSource<Migration> => ({
  getMigrations: () => Promise.resolve(migrations),
  getMigrationName: ({ name }) => name,
  getMigration: ({ name, up, down }) =>
    Promise.resolve({
      name,
      async up(knex: Knex) {
        await up(knex)
        const { back, left } = await bringBack(knex, name)
        moved.back.push(...back)
        moved.left.push(...left)
      },
      async down(knex: Knex) {
        moved.kept.push(...(await takeBack(knex, name, down)))
      },
    }),
})

/** Runs what has not run yet, and lets the application's login take the application's roles. */
export async function migrateUp(
  options: MigrateOptions & { applicationRole?: string },
): Promise<{ applied: string[] } & Pick<MovedRows, 'back' | 'left'>> {
  const moved: MovedRows = { kept: [], back: [], left: [] }
  const { back, left } = moved
  const applied = await locked(options.url, async (trx) => {
    const [, names] = (await trx.migrate.latest({ migrationSource: sourceWith(moved) })) as [number, string[]]
    return names
  })
  await onConnection(options.url, (connection) => grantRoles(connection, options.applicationRole))
  options.log?.info({ applied, back, left }, 'database migrated')
  return { applied, back, left }
}

/** Takes back the migration that ran last; its rows are kept aside. */
export async function migrateDown(options: MigrateOptions): Promise<{ undone: string | undefined; kept: KeptRows[] }> {
  const moved: MovedRows = { kept: [], back: [], left: [] }
  const undone = await locked(options.url, async (trx) => {
    const [, names] = (await trx.migrate.down({ migrationSource: sourceWith(moved) })) as [number, string[]]
    return names[0]
  })
  options.log?.info({ undone, kept: moved.kept }, 'migration taken back')
  return { undone, kept: moved.kept }
}

/** What has run and what has not; it changes nothing. */
export async function migrationStatus({ url }: { url: string }): Promise<{ applied: string[]; pending: string[] }> {
  return await onConnection(url, async (connection) => {
    const { rows } = await connection.raw<{ rows: { known: boolean }[] }>(
      `select to_regclass('knex_migrations') is not null as known`,
    )
    const applied = rows[0]?.known ? await connection('knex_migrations').orderBy('id').pluck<string[]>('name') : []
    return { applied, pending: migrations.map(({ name }) => name).filter((name) => !applied.includes(name)) }
  })
}

/** All or nothing under one lock: a killed run leaves neither half a schema nor knex's own lock row behind. */
function locked<T>(url: string, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  return onConnection(url, (connection) =>
    connection.transaction(async (trx) => {
      await trx.raw('select pg_advisory_xact_lock(?)', [migrationLock])
      await trx.migrate.forceFreeMigrationsLock({ migrationSource: sourceWith({ kept: [], back: [], left: [] }) })
      return await work(trx)
    }),
  )
}

async function onConnection<T>(url: string, work: (connection: Knex) => Promise<T>): Promise<T> {
  const connection = createPool({ url, name: 'parley-migrate', size: 1, acquireTimeoutMs: 5_000 })
  try {
    return await work(connection)
  } catch (error) {
    throw asUnavailable(error)
  } finally {
    await connection.destroy()
  }
}
