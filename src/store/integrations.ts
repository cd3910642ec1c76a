import type { Knex } from 'knex'
import { ForbiddenError, InvalidRequestError, ParleyError } from '../domain/errors.js'
import type { Actor } from '../domain/identity.js'
import type { Page, PageRequest } from '../domain/page.js'
import { asService, type Database } from './database.js'
import type { IntegrationProvider } from '../domain/integration.js'
import { accountHint, normaliseAccount } from './integration-accounts.js'
import { byCreation, type Listing, selectPage } from './page.js'
import { adoptReceipts } from './receipt-adoption.js'
import { given } from './resource-ties.js'
import { cleanText, isUuid } from './values.js'

/** An account at a provider whose deliveries are this company's. */
export interface Integration {
  id: string
  provider: IntegrationProvider
  account: string
  label: string | null
  createdAt: Date
  updatedAt: Date
}

export interface IntegrationFilter {
  provider?: IntegrationProvider | undefined
}

/** What of an integration may change; absent stays as it is. */
export interface IntegrationChange {
  account?: string | undefined
  label?: string | null | undefined
}

const columns = `id, provider, account, label, created_at as "createdAt", updated_at as "updatedAt"`

const listing: Listing = { table: 'integrations', columns, sorts: byCreation }

/** So many receipts change hands in one transaction. */
const adoptedAtOnce = 1000

/**
 * Which accounts, numbers and organisations are the company's; its leadership's to see and to change. What came of an
 * account before it was claimed is the company's from then on: `adopted` is told that there is something to take.
 */
export function createIntegrationStore(
  database: Pick<Database, 'withTenant' | 'withService'>,
  { adopted }: { adopted?: () => void } = {},
) {
  /** The claim and the first of what it brings, in one transaction; the rest, of which there is seldom any, after it. */
  async function claim(
    { tenantId, ...actor }: Actor,
    work: (trx: Knex.Transaction) => Promise<Integration | undefined>,
  ): Promise<Integration | undefined> {
    let count = 0
    const claimed = await database
      .withTenant({ tenantId, ...actor }, async (trx) => {
        const made = await work(trx)
        if (!made) return undefined
        await asService(trx)
        count = await adoptReceipts(trx, { tenantId, ...made }, adoptedAtOnce)
        return made
      })
      .catch(asProblem)
    if (!claimed || count === 0) return claimed
    adopted?.()
    while (count === adoptedAtOnce)
      count = await database.withService(tenantId, (trx) => adoptReceipts(trx, { tenantId, ...claimed }, adoptedAtOnce))
    adopted?.()
    return claimed
  }

  return {
    list: (actor: Actor, request: PageRequest<IntegrationFilter>): Promise<Page<Integration>> =>
      database.withTenant(actor, (trx) =>
        selectPage<Integration>(trx, listing, {
          tenantId: actor.tenantId,
          request,
          conditions: given(['provider = ?', request.filter.provider]),
        }),
      ),

    find: async (actor: Actor, id: string): Promise<Integration | undefined> =>
      isUuid(id)
        ? await database.withTenant(actor, (trx) => one(trx, `select ${columns} from integrations where id = ?`, [id]))
        : undefined,

    /** @throws ParleyError integration_taken, whoever has the account */
    add: async (
      actor: Actor,
      {
        provider,
        account,
        label,
      }: { provider: IntegrationProvider; account: string; label?: string | null | undefined },
    ): Promise<Integration> => {
      const values = [actor.tenantId, provider, normalised(provider, account), clean(label)]
      const added = await claim(actor, (trx) =>
        one(
          trx,
          `insert into integrations (tenant_id, provider, account, label) values (?, ?, ?, ?) returning ${columns}`,
          values,
        ),
      )
      if (!added) throw new Error('the integration was not written')
      return added
    },

    /** @returns undefined when there is none such */
    change: async (actor: Actor, id: string, change: IntegrationChange): Promise<Integration | undefined> =>
      isUuid(id) ? await claim(actor, (trx) => update(trx, id, change)) : undefined,

    /** @returns whether there was one */
    remove: async (actor: Actor, id: string): Promise<boolean> =>
      isUuid(id) && (await database.withTenant(actor, (trx) => trx('integrations').where({ id }).delete())) > 0,
  }
}

export type IntegrationStore = ReturnType<typeof createIntegrationStore>

async function one(trx: Knex.Transaction, sql: string, bindings: unknown[]): Promise<Integration | undefined> {
  const { rows } = await trx.raw<{ rows: Integration[] }>(sql, bindings as Knex.RawBinding[])
  return rows[0]
}

/** The provider says how an account is written, so the row is read first, and held. */
async function update(trx: Knex.Transaction, id: string, change: IntegrationChange): Promise<Integration | undefined> {
  const current = await one(trx, `select ${columns} from integrations where id = ? for update`, [id])
  if (!current) return undefined
  const account = change.account === undefined ? current.account : normalised(current.provider, change.account)
  const label = change.label === undefined ? current.label : clean(change.label)
  return await one(
    trx,
    `update integrations set account = ?, label = ?, updated_at = now() where id = ? returning ${columns}`,
    [account, label, id],
  )
}

const clean = (label: string | null | undefined) => (label == null ? null : cleanText(label))

function normalised(provider: IntegrationProvider, account: string): string {
  const known = normaliseAccount(provider, account)
  if (known !== undefined) return known
  const detail = `must be ${accountHint(provider)}`
  throw new InvalidRequestError(`/account: ${detail}`, [{ pointer: '/account', detail }])
}

/** By whom an account is taken is nobody else's business. */
function asProblem(error: unknown): never {
  const { code } = (error ?? {}) as { code?: unknown }
  if (code === '23505')
    throw new ParleyError('integration_taken', 409, 'Conflict', 'the account is taken', { cause: error })
  if (code === '23503') throw new ForbiddenError('the token names no known company', 'tenant_unknown')
  throw error
}
