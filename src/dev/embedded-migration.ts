import { join } from 'node:path'
import type { MigrateSettings } from '../store/migrate-command.js'
import { connectToLook, embeddedDatabase } from './embedded-database.js'
import { applicationRole, ownerRole, urlFor } from './postgres-roles.js'
import { loadSecrets } from './secrets.js'

/**
 * The logins with which npm start migrates and uses its own database.
 * @throws Refusal when it does not run
 */
export async function embeddedMigration(dataDir: string): Promise<MigrateSettings> {
  const embedded = embeddedDatabase(dataDir)
  const { host, port, user, database } = embedded
  await (await connectToLook({ ...embedded, database: 'postgres' })).end()
  const { ownerPassword, applicationPassword } = loadSecrets(join(dataDir, 'secrets.json'))
  const server = `postgres://${user}@${host}:${port}/${database}`
  return {
    url: urlFor(server, { role: ownerRole, password: ownerPassword, database }),
    applicationUrl: urlFor(server, { role: applicationRole, password: applicationPassword, database }),
  }
}
