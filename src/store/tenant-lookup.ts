import type { Knex } from 'knex'
import type { TenantOf } from '../domain/webhook.js'
import { isUuid } from './values.js'

const key = (provider: string, account: string) => JSON.stringify([provider, account])

/**
 * The companies that events belong to, in one trip for all; undefined for what no company of ours is known by. Needs a
 * service transaction that sees every tenant.
 */
export async function findTenants(
  trx: Knex.Transaction,
  wanted: readonly (TenantOf | undefined)[],
): Promise<(string | undefined)[]> {
  const accounts = wanted.flatMap((one) =>
    one?.by === 'integration' ? one.accounts.map((account) => [one.provider, account] as const) : [],
  )
  const companies = wanted.flatMap((one) => (one?.by === 'company' && isUuid(one.companyId) ? [one.companyId] : []))
  if (accounts.length + companies.length === 0) return wanted.map(() => undefined)
  const { rows } = await trx.raw<{ rows: { provider: string | null; account: string; tenant: string }[] }>(
    `select i.provider, i.account, i.tenant_id as tenant
     from unnest(?::text[], ?::text[]) as w (provider, account) join integrations i using (provider, account)
     union all select null, id::text, id from companies where id = any(?::uuid[])`,
    [accounts.map(([provider]) => provider), accounts.map(([, account]) => account), companies] as Knex.RawBinding[],
  )
  const known = new Map(rows.map(({ provider, account, tenant }) => [key(provider ?? '', account), tenant]))
  return wanted.map((one) => {
    if (one?.by === 'company') return known.get(key('', one.companyId.toLowerCase()))
    const found = one?.accounts.find((account) => known.has(key(one.provider, account)))
    return found === undefined ? undefined : known.get(key(one?.provider ?? '', found))
  })
}
