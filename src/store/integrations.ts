import type { Knex } from 'knex'
import { ConflictError, ForbiddenError, InvalidRequestError, ParleyError } from '../domain/errors.js'
import type { Actor } from '../domain/identity.js'
import type { Page, PageRequest } from '../domain/page.js'
import type { KeyedRequest } from '../domain/resource.js'
import { asService, type Database } from './database.js'
import type { ClaimStanding, IntegrationProvider } from '../domain/integration.js'
import { assertClaimable, type ClaimRules, standingOf } from './claim-rules.js'
import { accountHint, normaliseAccount } from './integration-accounts.js'
import { byCreation, type Listing, selectPage } from './page.js'
import { onlyOnce } from './only-once.js'
import { adoptReceipts } from './receipt-adoption.js'
import { given } from './resource-ties.js'
import { cleanText, isUuid } from './values.js'

/** An account at a provider whose deliveries are this company's. */
export interface Integration {
  id: string
  provider: IntegrationProvider
  account: string
  label: string | null
  standing: ClaimStanding
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

const columns = `id, provider, account, label, standing, created_at as "createdAt", updated_at as "updatedAt"`

const listing: Listing = { table: 'integrations', columns, sorts: byCreation }

/** Nothing is the installation's own, and accounts wait for the operator. */
const strict: ClaimRules = { reserved: [], accountsCountAtOnce: false }

/** So many receipts change hands in one transaction. */
const adoptedAtOnce = 1000

/**
 * Which accounts and numbers the company claims; its leadership's to see and to change. What came of an
 * account before it was claimed, unless the claim is pending, is the company's from then on: `adopted` is told that there is something to take.
 */
export function createIntegrationStore(
  database: Pick<Database, 'withTenant' | 'withService'>,
  { adopted, rules = strict }: { adopted?: () => void; rules?: ClaimRules } = {},
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
        if (!made || made.standing === 'pending') return made
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

    /** @throws InvalidRequestError for what no company may claim; ParleyError integration_taken, whoever has the account */
    add: async (
      actor: Actor,
      {
        provider,
        account,
        label,
      }: { provider: IntegrationProvider; account: string; label?: string | null | undefined },
      keyed?: KeyedRequest,
    ): Promise<Integration> => {
      const known = normalised(provider, account)
      assertClaimable({ provider, account: known }, rules)
      const values = [actor.tenantId, provider, known, clean(label), standingOf({ provider, account: known }, rules)]
      const added = await claim(actor, (trx) =>
        onlyOnce(trx, actor, keyed, () =>
          one(
            trx,
            `insert into integrations (tenant_id, provider, account, label, standing) values (?, ?, ?, ?, ?) returning ${columns}`,
            values,
          ),
        ),
      )
      if (!added) throw new Error('the integration was not written')
      return { ...added, createdAt: new Date(added.createdAt), updatedAt: new Date(added.updatedAt) }
    },

    /** Another account is another claim. @returns undefined when there is none such */
    change: async (actor: Actor, id: string, change: IntegrationChange): Promise<Integration | undefined> =>
      isUuid(id) ? await claim(actor, (trx) => update(trx, id, change, rules)) : undefined,

    /**
     * @returns whether there was one
     * @throws ConflictError for an organisation of Clerk, which only Clerk's events make known again
     */
    remove: async (actor: Actor, id: string): Promise<boolean> =>
      isUuid(id) &&
      (await database.withTenant(actor, async (trx) => {
        const known = await one(trx, `select ${columns} from integrations where id = ? for update`, [id])
        if (known?.provider === 'clerk')
          throw new ConflictError('an organisation comes and goes by Clerk’s own events', 'integration_of_clerk')
        return (await trx('integrations').where({ id }).delete()) > 0
      })),
  }
}

export type IntegrationStore = ReturnType<typeof createIntegrationStore>

async function one(trx: Knex.Transaction, sql: string, bindings: unknown[]): Promise<Integration | undefined> {
  const { rows } = await trx.raw<{ rows: Integration[] }>(sql, bindings as Knex.RawBinding[])
  return rows[0]
}

/** The provider says how an account is written, so the row is read first, and held. */
async function update(
  trx: Knex.Transaction,
  id: string,
  change: IntegrationChange,
  rules: ClaimRules,
): Promise<Integration | undefined> {
  const current = await one(trx, `select ${columns} from integrations where id = ? for update`, [id])
  if (!current) return undefined
  const account = change.account === undefined ? current.account : normalised(current.provider, change.account)
  const moved = account !== current.account
  if (moved) assertClaimable({ provider: current.provider, account }, rules, '/account')
  const standing = moved ? standingOf({ provider: current.provider, account }, rules) : current.standing
  const label = change.label === undefined ? current.label : clean(change.label)
  return await one(
    trx,
    `update integrations set account = ?, label = ?, standing = ?, updated_at = now() where id = ? returning ${columns}`,
    [account, label, standing, id],
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
