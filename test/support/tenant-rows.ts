import { randomUUID } from 'node:crypto'
import { type seedUsers } from '../../src/dev/seed.js'
import { appendEvents } from '../../src/store/event-log.js'
import { rowsOfTenant, type TenantTable, tenantTables } from '../store/tenant-tables.js'
import { aSession, type World } from '../store/world.js'

type SeedUser = (typeof seedUsers)['acmeLead']

/** One row of the user's company in every tenant table. */
export async function fillTenant(world: World, { id: userId, companyId: tenantId, email }: SeedUser): Promise<void> {
  await world.sessions.track(aSession({ owner: { userId, email, tenantId }, mode: 'mentor' }))
  await world.tokens.issue({ tenantId, userId, expiresAt: new Date(Date.now() + 60_000) })
  await world.database.withService(tenantId, async (trx) => {
    for (const insert of Object.values(rowsOfTenant)) await trx.raw(insert, { tenantId, userId, key: randomUUID() })
    await appendEvents(trx, [{ event: 'identity.logout', tenantId, userId, data: {} }])
    await trx.raw(`insert into integrations (tenant_id, provider, account) values (?, 'twilio', ?)`, [tenantId, userId])
  })
}

/** Tables with rows of tenants, as the catalogue has them; partitions left out. */
export const rootTables = async (world: World): Promise<TenantTable[]> =>
  (await world.admin<TenantTable>(tenantTables)).filter(({ partition }) => !partition)

export interface TenantRow {
  table: string
  row: Record<string, unknown>
}

/** Every row of a company, whatever its table. */
export async function rowsOf(world: World, tenantId: string): Promise<TenantRow[]> {
  const found: TenantRow[] = []
  for (const { name } of await rootTables(world)) {
    const rows = await world.admin<{ row: Record<string, unknown> }>(
      `select to_jsonb(t) as row from ${name} t where tenant_id = $1 order by 1`,
      [tenantId],
    )
    found.push(...rows.map(({ row }) => ({ table: name, row })))
  }
  return found
}

/** By what the rows can be named: the text of every column that is, or ends in, an id. */
export function idsOf(rows: TenantRow[]): Set<string> {
  const named = rows.flatMap(({ row }) => Object.entries(row).filter(([column]) => /(^|_)id$|Id$/.test(column)))
  return new Set(named.flatMap(([, value]) => (typeof value === 'string' && value !== '' ? [value] : [])))
}
