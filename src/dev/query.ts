import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline/promises'
import type pg from 'pg'
import { loadConfig } from '../config.js'
import { environmentToCheck } from './application-environment.js'
import { connectToLook, embeddedDatabase, type EmbeddedDatabase } from './embedded-database.js'
import { childEnvironment, foreignEnvironment } from './environment.js'
import { onPath } from './path-search.js'
import { queryTable } from './query-table.js'
import { Refusal } from './refusal.js'

const usage = `usage: npm run db -- "select …"   prints the rows
       npm run db                 asks for statements: psql when there is one on the PATH, else a plain prompt

It looks into the embedded database of npm start, which must run, and changes nothing.
`

const show = async (client: pg.Client, sql: string) => {
  process.stdout.write(`${await queryTable(client, sql)}\n`)
}

/** psql knows tables, history and help; its password is no part of its command line. */
function runPsql(
  program: string,
  { host, port, user, password, database, options }: EmbeddedDatabase,
): Promise<number> {
  const connection = { PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password }
  const env = foreignEnvironment({ ...connection, PGDATABASE: database, PGOPTIONS: options })
  const child = spawn(program, [], { env, stdio: 'inherit' })
  process.on('SIGINT', () => undefined) // psql's own: it ends a statement, not the program
  return new Promise((resolve, reject) => child.once('error', reject).once('close', (code) => resolve(code ?? 1)))
}

/** A statement may take several lines; a semicolon ends it. */
async function prompt(client: pg.Client): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: 'parley> ' })
  if (process.stdin.isTTY) process.stdout.write('Statements end with a semicolon; Ctrl-D leaves.\n')
  let statement = ''
  lines.prompt()
  for await (const line of lines) {
    statement += `${line}\n`
    if (line.trimEnd().endsWith(';')) {
      await show(client, statement).catch((error: unknown) => process.stdout.write(`${String(error)}\n`))
      statement = ''
    }
    lines.prompt()
  }
}

async function run(args: string[]): Promise<number> {
  if (args.some((arg) => arg === '--help' || arg === '-h')) return (process.stdout.write(usage), 0)
  const { database, dataDir } = loadConfig(environmentToCheck(childEnvironment()))
  if (database.url !== undefined)
    throw new Refusal('DATABASE_URL is set, so nothing is embedded: look at that database with its own tools (psql)')
  const embedded = embeddedDatabase(dataDir)
  const client = await connectToLook(embedded)
  try {
    const psql = process.stdin.isTTY ? onPath('psql', foreignEnvironment())[0] : undefined
    if (args.length > 0) await show(client, args.join(' '))
    else if (psql !== undefined) return await runPsql(psql, embedded)
    else await prompt(client)
    return 0
  } finally {
    await client.end()
  }
}

process.exitCode = await run(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`db: ${error instanceof Error ? error.message : String(error)}\n`)
  return 1
})
