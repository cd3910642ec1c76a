import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { applicationRole, onDatabase, ownerRole, urlFor, withDatabase } from '../../src/dev/postgres-roles.js'

export interface TestDatabase {
  name: string
  /** Login of the application: neither owner nor superuser, so row-level security binds it. */
  url: string
  /** Login of the owner, who migrates. */
  ownerUrl: string
  /** Login of the superuser, whom no policy binds: to look at rows of every tenant. */
  adminUrl: string
  drop: () => Promise<void>
}

/** A migrated, empty database of one's own, cloned from the run's template. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { adminUrl, passwords } = inject('postgres')
  const database = `test_${randomBytes(6).toString('hex')}`
  await onDatabase(adminUrl, (client) =>
    client.query(`create database ${database} template ${inject('templateDatabase')} owner ${ownerRole}`),
  )
  return {
    name: database,
    url: urlFor(adminUrl, { role: applicationRole, password: passwords.application, database }),
    ownerUrl: urlFor(adminUrl, { role: ownerRole, password: passwords.owner, database }),
    adminUrl: withDatabase(adminUrl, database),
    // Forced: a pool that a failing test left open must not hide the failure behind another.
    drop: () =>
      onDatabase(
        adminUrl,
        async (client) => void (await client.query(`drop database if exists ${database} with (force)`)),
      ),
  }
}
