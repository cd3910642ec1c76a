import type { KeptRows } from '../../migrations/kept-rows.js'
import { migrateDown, migrateUp, migrationStatus } from './migrate.js'

export const migrateUsage = `usage: npm run migrate -- <up|down|status>

  up      run what has not run yet, and grant the application its roles
  down    take back the migration that ran last; its rows are kept in the schema parley_kept, and "up" brings them back
  status  list what has run and what has not; exit code 3 when something has not
`

/** Which database, and as whom. */
export interface MigrateSettings {
  /** Of the role that owns the tables. */
  url: string
  /** The application's connection, when it is another. */
  applicationUrl?: string | undefined
}

export interface Output {
  out: (line: string) => void
  err: (line: string) => void
}

/** Runs one migration command; answers the process's exit code. Settings are read only for a command that is one. */
export async function migrateCommand(
  args: string[],
  settings: () => MigrateSettings | Promise<MigrateSettings>,
  { out, err }: Output,
): Promise<number> {
  const [word = ''] = args
  if (word === '--help' || word === '-h') return (out(migrateUsage), 0)
  const command = args.length === 1 && Object.hasOwn(commands, word) ? commands[word] : undefined
  if (!command) return (err(migrateUsage), 2)
  try {
    return await command(await settings(), out)
  } catch (error) {
    err(`migrate ${word}: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
}

type Command = (settings: MigrateSettings, out: Output['out']) => Promise<number>

const commands: Partial<Record<string, Command>> = {
  async up({ url, applicationUrl }, out) {
    const applicationRole = roleOf(applicationUrl)
    const { applied, back, left } = await migrateUp({ url, ...(applicationRole && { applicationRole }) })
    for (const name of applied) out(`applied  ${name}`)
    tell(out, 'back    ', back)
    tell(out, 'still kept, for its place is gone or taken:', left)
    if (applied.length === 0) out('nothing to do')
    return 0
  },
  async down({ url }, out) {
    const { undone, kept } = await migrateDown({ url })
    out(undone === undefined ? 'nothing to take back' : `undone   ${undone}`)
    tell(out, 'kept    ', kept)
    return 0
  },
  async status({ url }, out) {
    const { applied, pending } = await migrationStatus({ url })
    for (const name of applied) out(`applied  ${name}`)
    for (const name of pending) out(`pending  ${name}`)
    return pending.length > 0 ? 3 : 0
  },
}

const tell = (out: Output['out'], word: string, moved: readonly KeptRows[]) => {
  for (const { table, rows } of moved) out(`${word} ${rows} ${rows === 1 ? 'row' : 'rows'} of ${table}`)
}

function roleOf(url: string | undefined): string | undefined {
  return url === undefined ? undefined : decodeURIComponent(new URL(url).username) || undefined
}
