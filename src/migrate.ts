import { loadConfig } from './config.js'
import { migrateCommand } from './store/migrate-command.js'

function settings() {
  const { migrationUrl, url } = loadConfig().database
  if (migrationUrl === undefined)
    throw new Error('set DATABASE_URL, or MIGRATION_DATABASE_URL when another role owns the tables')
  return { url: migrationUrl, applicationUrl: url }
}

process.exitCode = await migrateCommand(process.argv.slice(2), settings, {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
})
