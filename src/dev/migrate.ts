import { loadConfig } from '../config.js'
import { migrateCommand, type MigrateSettings } from '../store/migrate-command.js'
import { environmentToCheck } from './application-environment.js'
import { embeddedMigration } from './embedded-migration.js'
import { childEnvironment } from './environment.js'

/** The database of DATABASE_URL; without one that of the npm start that runs. Production has one. */
async function settings(): Promise<MigrateSettings> {
  const { database, dataDir } = loadConfig(environmentToCheck(childEnvironment()))
  const { migrationUrl, url } = database
  return migrationUrl === undefined ? await embeddedMigration(dataDir) : { url: migrationUrl, applicationUrl: url }
}

process.exitCode = await migrateCommand(process.argv.slice(2), settings, {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
})
