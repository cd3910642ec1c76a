import type { Knex } from 'knex'
import type { TenantOf } from '../domain/webhook.js'
import { namedBy } from './tenant-lookup.js'
import { cleanText } from './values.js'

/**
 * SQL of the newest lead that a call or message is of, by the number of the side that is not the company; null when there
 * is none. `row` has a tenant in `tenant`, a direction and both numbers.
 */
export const leadByPhone = (row: string, tenant: string) => `
  (select l.id from leads l where l.tenant_id = ${row}.${tenant}
     and l.phone = case ${row}.direction when 'inbound' then ${row}.from_number when 'outbound' then ${row}.to_number end
   order by l.created_at desc limit 1)`

/** The newest lead of a company with a telephone number. */
export type LeadLookup = (tenantId: string, phone: string | undefined) => string | null

const key = (tenantId: string, phone: string) => `${tenantId} ${phone}`

/** The leads with these numbers, of the companies that events name, in one trip and before anything of the events is written. */
export async function leadsByPhone(
  trx: Knex.Transaction,
  wanted: readonly (TenantOf | undefined)[],
  phones: readonly string[],
): Promise<LeadLookup> {
  if (phones.length === 0) return () => null
  const { accounts, companies } = namedBy(wanted)
  const { rows } = await trx.raw<{ rows: { tenant: string; phone: string; id: string }[] }>(
    `select distinct on (l.tenant_id, l.phone) l.tenant_id as tenant, l.phone, l.id from leads l
     where l.phone = any(?::text[]) and l.tenant_id in (
       select i.tenant_id from unnest(?::text[], ?::text[]) as w (provider, account)
         join integrations i using (provider, account) where i.standing <> 'pending'
       union select unnest(?::uuid[]))
     order by l.tenant_id, l.phone, l.created_at desc`,
    [
      [...new Set(phones.map(cleanText))],
      accounts.map(([provider]) => provider),
      accounts.map(([, account]) => account),
      companies,
    ] as unknown as Knex.RawBinding[],
  )
  const leads = new Map(rows.map(({ tenant, phone, id }) => [key(tenant, phone), id]))
  return (tenantId, phone) => (phone === undefined ? null : (leads.get(key(tenantId, phone)) ?? null))
}
