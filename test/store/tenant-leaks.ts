import pg from 'pg'
import type { Actor } from '../../src/domain/identity.js'
import type { TenantTable } from './tenant-tables.js'
import type { World } from './world.js'

export type Leak = `${'read' | 'insert' | 'update' | 'delete' | 'move'} by ${DatabaseRole}`
type DatabaseRole = 'parley_app' | 'parley_service'

interface Border {
  world: World
  table: Pick<TenantTable, 'name' | 'source'>
  /** Whose rows are tried. */
  victim: string
  /** Who tries: with all the rights that a company's leadership has. */
  thief: Actor
}

const refusal = /violates row-level security policy/

/**
 * What the table's policies let one company do to another's rows, by PostgreSQL's own account. Both companies need a row.
 * Foreign keys and triggers are off meanwhile: a row must be safe by its policy, not by who refers to it.
 */
export async function leaksOf(border: Border): Promise<Leak[]> {
  const client = new pg.Client({ connectionString: border.world.test.adminUrl })
  await client.connect()
  const found: Leak[] = []
  try {
    for (const role of ['parley_app', 'parley_service'] as const)
      for (const [kind, leaks] of Object.entries(tries))
        if (await leaks(createTry(client, border, role), border)) found.push(`${kind as keyof typeof tries} by ${role}`)
  } finally {
    await client.end()
  }
  return found
}

type Try = (sql: string, values?: unknown[]) => Promise<{ rows: number; refused: boolean; failed: boolean }>

const tries = {
  read: async (run: Try, { table, victim }: Border) =>
    (await run(`select from ${table.name} where tenant_id = $1`, [victim])).rows > 0,

  insert: async (run: Try, { world, table, victim }: Border) => {
    const [columns] = await world.admin<{ list: string }>(
      `select string_agg(quote_ident(attname), ', ' order by attnum) as list from pg_attribute
       where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
      [table.name],
    )
    const [stolen] = await world.admin<{ row: object }>(
      `select to_jsonb(t) as row from ${table.name} t where tenant_id = $1 limit 1`,
      [victim],
    )
    if (!stolen) throw new Error(`${table.name} has no row of the company that is tried`)
    const sql = `insert into ${table.name} (${columns?.list}) select ${columns?.list} from jsonb_populate_record(null::${table.name}, $1::jsonb)`
    // A key that is taken already is found after the policy has let the row in.
    return !(await run(sql, [JSON.stringify(stolen.row)])).refused
  },

  // Without a condition: one would need the right to read as well, and hide that writing is allowed.
  update: async (run: Try, border: Border) => {
    const { rows, failed } = await run(`update ${border.table.name} set ${border.table.source} = $1`, [
      border.thief.tenantId,
    ])
    return failed || rows > (await ownRows(border))
  },

  delete: async (run: Try, border: Border) => {
    const { rows, failed } = await run(`delete from ${border.table.name}`)
    return failed || rows > (await ownRows(border))
  },

  // A table that nobody may change refuses nothing, for it has no row to change.
  move: async (run: Try, { table, victim }: Border) => {
    const { rows, failed } = await run(`update ${table.name} set ${table.source} = $1`, [victim])
    return failed || rows > 0
  },
}

/** Of the thief, and those of no company, which are the service's. */
async function ownRows({ world, table, thief }: Border): Promise<number> {
  return (await world.admin(`select from ${table.name} where tenant_id = $1 or tenant_id is null`, [thief.tenantId]))
    .length
}

/** Runs one statement as a company's leadership, or as the service that has adopted it, and takes it back. */
function createTry(client: pg.Client, { thief }: Border, role: DatabaseRole): Try {
  return async (sql, values = []) => {
    await client.query('begin')
    try {
      await client.query('set local session_replication_role = replica')
      await client.query(
        `select set_config('role', $1, true), set_config('app.tenant_id', $2, true), set_config('app.user_id', $3, true),
           set_config('app.role', $4, true)`,
        [role, thief.tenantId, thief.userId, thief.role],
      )
      return { rows: (await client.query(sql, values)).rowCount ?? 0, refused: false, failed: false }
    } catch (error) {
      const refused = refusal.test(String(error))
      return { rows: 0, refused, failed: !refused }
    } finally {
      await client.query('rollback')
    }
  }
}
