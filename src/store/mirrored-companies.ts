import type { Knex } from 'knex'
import { newId } from './new-id.js'
import { endOfEntity, type EntityState, type OrganizationFacts } from '../domain/identity-mirror.js'
import type { NewEvent } from '../domain/event.js'

interface CompanyRow {
  tenantId: string
  name: string
  disabled: boolean
}

/** The company that an organisation is, by its integration. */
export async function companyOf(trx: Knex.Transaction, organizationId: string): Promise<CompanyRow | undefined> {
  const { rows } = await trx.raw<{ rows: CompanyRow[] }>(
    `select c.id as "tenantId", c.name, c.disabled_at is not null as disabled
     from integrations i join companies c on c.id = i.tenant_id where i.provider = 'clerk' and i.account = ?`,
    [organizationId],
  )
  return rows[0]
}

export interface MirroredCompany {
  tenantId: string
  events: NewEvent[]
}

interface Organization {
  organizationId: string
  state: EntityState<OrganizationFacts>
  /** What a membership calls it, should it not have been told itself. */
  stubName?: string | undefined
}

/** Brings the organisation's company to what is known of it; a company that is not there is made, with its integration. */
export async function mirrorCompany(trx: Knex.Transaction, organization: Organization): Promise<MirroredCompany> {
  const { organizationId, state, stubName } = organization
  const known = await companyOf(trx, organizationId)
  const told = state.change?.facts.name
  const name = told ?? known?.name ?? stubName ?? organizationId
  const tenantId = known?.tenantId ?? newId()
  if (!known) await insertCompany(trx, { tenantId, name, organizationId })
  const end = endOfEntity(state)
  if (state.change || end !== undefined) await updateCompany(trx, { tenantId, name, end, at: state.change?.updatedAt })
  if (end !== undefined) await disableUsersOf(trx, tenantId, end)
  const event = eventOf(known, { name, end })
  return { tenantId, events: event ? [{ event, tenantId, data: { organization_id: organizationId } }] : [] }
}

function eventOf(
  known: CompanyRow | undefined,
  { name, end }: { name: string; end: number | undefined },
): NewEvent['event'] | undefined {
  if (end !== undefined && !known?.disabled) return 'identity.organization.deleted'
  if (!known) return 'identity.organization.created'
  return known.name === name ? undefined : 'identity.organization.updated'
}

async function insertCompany(
  trx: Knex.Transaction,
  { tenantId, name, organizationId }: { tenantId: string; name: string; organizationId: string },
): Promise<void> {
  await trx.raw('insert into companies (id, name) values (?, ?)', [tenantId, name])
  await trx.raw(`insert into integrations (tenant_id, provider, account) values (?, 'clerk', ?)`, [
    tenantId,
    organizationId,
  ])
}

async function updateCompany(
  trx: Knex.Transaction,
  { tenantId, name, end, at }: { tenantId: string; name: string; end: number | undefined; at: number | undefined },
): Promise<void> {
  await trx.raw(
    `update companies set name = :name, clerk_updated_at = :at, updated_at = now(),
       disabled_at = least(disabled_at, to_timestamp(cast(:end as float8) / 1000))
     where id = :tenantId and (name, clerk_updated_at, disabled_at) is distinct from
       (:name, cast(:at as bigint), least(disabled_at, to_timestamp(cast(:end as float8) / 1000)))`,
    { tenantId, name, at: at ?? null, end: end ?? null },
  )
}

/** Whoever is in a company that is no more: users with a password too. */
async function disableUsersOf(trx: Knex.Transaction, tenantId: string, end: number): Promise<void> {
  await trx.raw(
    `update users set disabled_at = least(disabled_at, to_timestamp(cast(? as float8) / 1000)), updated_at = now()
     where company_id = ?`,
    [end, tenantId],
  )
  await trx.raw('update refresh_tokens set revoked_at = now() where tenant_id = ? and revoked_at is null', [tenantId])
}
