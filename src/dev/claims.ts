import { loadConfig } from '../config.js'
import { claimsCommand } from '../store/claims-command.js'
import { environmentToCheck } from './application-environment.js'
import { embeddedMigration } from './embedded-migration.js'
import { childEnvironment } from './environment.js'
import { Refusal } from './refusal.js'

/** The database of DATABASE_URL; without one that of the npm start that runs. */
async function databaseUrl(): Promise<string> {
  const { database, dataDir } = loadConfig(environmentToCheck(childEnvironment()))
  const url = database.url ?? (await embeddedMigration(dataDir)).applicationUrl
  if (url === undefined) throw new Refusal('there is no database')
  return url
}

process.exitCode = await claimsCommand(process.argv.slice(2), databaseUrl, {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
})
