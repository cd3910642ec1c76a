import type { Knex } from 'knex'
import { reasonOf } from './pool.js'

const databaseRoles = ['parley_app', 'parley_service'] as const

interface Login {
  name: string
  version: number
}

/**
 * Lets the application's login, and the one that migrates, act as the two roles that row-level security binds, one at a
 * time and only when they say so: without `inherit` a query outside of them has no rights.
 */
export async function grantRoles(connection: Knex, applicationRole: string | undefined): Promise<void> {
  const { rows } = await connection.raw<{ rows: Login[] }>(
    `select current_user as name, current_setting('server_version_num')::int as version`,
  )
  const { name = '', version = 0 } = rows[0] ?? {}
  for (const login of new Set([name, applicationRole ?? name]))
    for (const role of databaseRoles) await grantRole(connection, { role, login, version })
}

interface Membership {
  role: (typeof databaseRoles)[number]
  login: string
  version: number
}

async function grantRole(connection: Knex, membership: Membership): Promise<void> {
  const { role, login, version } = membership
  if (await mayTake(connection, membership)) return
  // Roles belong to the cluster and PostgreSQL 15 knows no options here: there NOINHERIT of the login does the same.
  const options = version >= 160_000 ? ' with inherit false, set true' : ''
  try {
    await connection.raw(`grant ?? to ??${options}`, [role, login])
  } catch (error) {
    // Another database of the cluster may have been migrated at the same instant.
    if (await mayTake(connection, membership).catch(() => false)) return
    const remedy = `let a superuser run: grant ${role} to "${login}"${options}`
    throw new Error(`the role ${role} could not be granted to "${login}": ${reasonOf(error)}; ${remedy}`, {
      cause: error,
    })
  }
}

async function mayTake(connection: Knex, { role, login, version }: Membership): Promise<boolean> {
  const { rows } = await connection.raw<{ rows: { may: boolean }[] }>(
    'select pg_has_role(rolname, ?, ?) as may from pg_roles where rolname = ?',
    [role, version >= 160_000 ? 'SET' : 'MEMBER', login],
  )
  return rows[0]?.may ?? false
}
