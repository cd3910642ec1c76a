import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import type { CheckoutPorts } from './checkout-ports.js'
import { Refusal } from './refusal.js'
import { loadSecrets } from './secrets.js'

/** How the embedded database of a checkout is reached: as its superuser, whom no policy binds, and only to look. */
export interface EmbeddedDatabase {
  host: string
  port: number
  user: string
  password: string
  database: string
  /** Parameters of the session: nothing can be changed by mistake. */
  options: string
}

const startIt = 'the embedded database does not run: start it with npm start'

/**
 * Finds the database that npm start keeps in this data folder.
 * @throws Refusal when there never was one
 */
export function embeddedDatabase(dataDir: string): EmbeddedDatabase {
  const file = join(dataDir, 'ports.json')
  if (!existsSync(file)) throw new Refusal(startIt)
  const { postgres: port } = JSON.parse(readFileSync(file, 'utf8')) as CheckoutPorts
  const { postgresPassword: password } = loadSecrets(join(dataDir, 'secrets.json'))
  const options = '-c default_transaction_read_only=on'
  return { host: '127.0.0.1', port, user: 'postgres', password, database: 'parley', options }
}

/** As PostgreSQL writes it: a table is to be read, not calculated with. */
const asText = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig

/**
 * Connects to look at rows.
 * @throws Refusal when nothing listens
 */
export async function connectToLook(database: EmbeddedDatabase): Promise<pg.Client> {
  const client = new pg.Client({ ...database, types: asText, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return client
  } catch (error) {
    if ((error as { code?: string }).code !== 'ECONNREFUSED') throw error
    throw new Refusal(startIt, { cause: error })
  }
}
