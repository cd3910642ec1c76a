import type { Knex } from 'knex'
import type { ClaimStanding } from '../domain/integration.js'
import type { TenantOf } from '../domain/webhook.js'
import { isUuid } from './values.js'

interface Claim {
  /** Null for a company that was named itself. */
  provider: string | null
  account: string
  tenant: string
  standing: ClaimStanding
}

const key = (provider: string, account: string) => JSON.stringify([provider, account])

/** The accounts and companies that events name, each once: those of a batch mostly name the same few. */
export function namedBy(wanted: readonly (TenantOf | undefined)[]) {
  const accounts = [
    ...new Map(
      wanted.flatMap((one) =>
        one?.by === 'integration'
          ? one.accounts.map((account) => [key(one.provider, account), [one.provider, account] as const] as const)
          : [],
      ),
    ).values(),
  ]
  const companies = [
    ...new Set(wanted.flatMap((one) => (one?.by === 'company' && isUuid(one.companyId) ? [one.companyId] : []))),
  ]
  return { accounts, companies }
}

/**
 * The companies that events belong to, in one trip for all; undefined for what no company of ours is known by. Of the
 * claims on an event a confirmed one goes first, so that no company takes another's by claiming part of it; one that is
 * pending counts for nothing. Needs a service transaction that sees every tenant.
 */
export async function findTenants(
  trx: Knex.Transaction,
  wanted: readonly (TenantOf | undefined)[],
): Promise<(string | undefined)[]> {
  const { accounts, companies } = namedBy(wanted)
  if (accounts.length + companies.length === 0) return wanted.map(() => undefined)
  const { rows } = await trx.raw<{ rows: Claim[] }>(
    `select i.provider, i.account, i.tenant_id as tenant, i.standing
     from unnest(?::text[], ?::text[]) as w (provider, account) join integrations i using (provider, account)
     where i.standing <> 'pending'
     union all select null, id::text, id, 'confirmed' from companies where id = any(?::uuid[])`,
    [accounts.map(([provider]) => provider), accounts.map(([, account]) => account), companies] as Knex.RawBinding[],
  )
  const known = new Map(rows.map((claim) => [key(claim.provider ?? '', claim.account), claim]))
  return wanted.map((one) => {
    if (one?.by === 'company') return known.get(key('', one.companyId.toLowerCase()))?.tenant
    const claims = one?.accounts.flatMap((account) => known.get(key(one.provider, account)) ?? [])
    return (claims?.find(({ standing }) => standing === 'confirmed') ?? claims?.[0])?.tenant
  })
}
