import { loadConfig } from './config.js'
import { claimsCommand } from './store/claims-command.js'

function databaseUrl(): string {
  const { url } = loadConfig().database
  if (url === undefined) throw new Error('set DATABASE_URL')
  return url
}

process.exitCode = await claimsCommand(process.argv.slice(2), databaseUrl, {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
})
