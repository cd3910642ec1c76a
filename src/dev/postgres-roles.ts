import pg from 'pg'

export interface RolePasswords {
  owner: string
  application: string
}

export const ownerRole = 'parley_owner'
export const applicationRole = 'parley'

/** The same server and login, another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.href
}

/** A login of one role. */
export function urlFor(adminUrl: string, login: { role: string; password: string; database: string }): string {
  const url = new URL(withDatabase(adminUrl, login.database))
  url.username = login.role
  url.password = login.password
  return url.href
}

/** Runs statements on one connection and closes it. */
export async function onDatabase<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  // A server that is stopped meanwhile is reported by the statement, not by the process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function ensureLogin(
  client: pg.Client,
  login: { role: string; password: string; attributes: string },
): Promise<void> {
  const role = client.escapeIdentifier(login.role)
  const { rowCount } = await client.query('select from pg_roles where rolname = $1', [login.role])
  const verb = rowCount ? 'alter' : 'create'
  await client.query(`${verb} role ${role} login ${login.attributes} password ${client.escapeLiteral(login.password)}`)
}

/**
 * The two roles, as an operator would make them: one owns the tables, the application is neither owner nor superuser, so
 * that row-level security binds it. Repeating it changes nothing.
 */
export async function ensureRoles(adminUrl: string, passwords: RolePasswords): Promise<void> {
  const bound = 'nosuperuser nobypassrls nocreatedb'
  await onDatabase(adminUrl, async (client) => {
    await ensureLogin(client, { role: ownerRole, password: passwords.owner, attributes: `${bound} createrole` })
    await ensureLogin(client, {
      role: applicationRole,
      password: passwords.application,
      attributes: `${bound} nocreaterole noinherit`,
    })
  })
}

/** A database that belongs to the owner role. */
export async function ensureDatabase(adminUrl: string, database: string): Promise<void> {
  await onDatabase(adminUrl, async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database])
    if (rowCount) return
    await client.query(
      `create database ${client.escapeIdentifier(database)} owner ${client.escapeIdentifier(ownerRole)}`,
    )
  })
}
