import { join } from 'node:path'
import { loadConfig } from '../config.js'
import { environmentToCheck } from './application-environment.js'
import type { CheckoutPorts } from './checkout-ports.js'
import { childEnvironment } from './environment.js'
import { existsSync, readFileSync } from 'node:fs'
import { Refusal } from './refusal.js'
import { loadSecrets } from './secrets.js'
import { secretsForShell } from './shell-secrets.js'

const usage = `usage: npm run secrets --silent

Prints the accounts and secrets that npm start signs and verifies webhooks with, as assignments of a shell:
  eval "$(npm run secrets --silent)"
A provider that you have set variables of your own for is left out. docs/webhooks.md has a line per provider.
`

/** Where the API of the last npm start listens. */
function apiOf(dataDir: string): string | undefined {
  const file = join(dataDir, 'ports.json')
  if (!existsSync(file)) return undefined
  const { api } = JSON.parse(readFileSync(file, 'utf8')) as CheckoutPorts
  return `http://127.0.0.1:${api}`
}

function run(args: string[]): number {
  if (args.length > 0) return (process.stdout.write(usage), args[0] === '--help' || args[0] === '-h' ? 0 : 2)
  const given = childEnvironment()
  const { dataDir, production } = loadConfig(environmentToCheck(given))
  if (production) throw new Refusal('in production every secret is your own: nothing is made up')
  const { simulatedSecret: secret } = loadSecrets(join(dataDir, 'secrets.json'))
  process.stdout.write(secretsForShell({ given, secret, api: apiOf(dataDir) }))
  return 0
}

try {
  process.exitCode = run(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`secrets: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
