import type { Knex } from 'knex'
import pg from 'pg'
import { ForbiddenError, UnavailableError } from '../domain/errors.js'
import type { Actor, Role } from '../domain/identity.js'
import { withoutValues } from '../observability/error-texts.js'
import { asUnavailable, isDatabaseDown, type StoreLog } from './database-down.js'
import { keepNudges, type Nudge } from './event-nudges.js'
import { createPool, reasonOf } from './pool.js'
import { asUnknownTenant } from './refusals.js'
import { statement, transaction } from './transaction.js'
import { isUuid } from './values.js'

export interface DatabaseOptions {
  url: string
  poolSize: number
  log?: StoreLog
  /** A caller waits this long for a free or a new connection: a request that degrades must degrade soon. */
  acquireTimeoutMs?: number
  /** Is told what the event log of which tenants has grown by, after the commit; without it PostgreSQL notifies. */
  onEvents?: ((nudges: Nudge[]) => void) | undefined
  /** The server ends a statement before: whatever takes this long has no server at the other end any more. */
  queryTimeoutMs?: number
}

type DatabaseRole = 'parley_app' | 'parley_service'
type Work<T> = (trx: Knex.Transaction) => Promise<T>

interface Context {
  databaseRole: DatabaseRole
  tenantId?: string | undefined
  userId?: string | undefined
  role?: Role | undefined
}

const statementTimeoutMs = 15_000
const silenceMs = statementTimeoutMs + 5_000
/** A process that froze inside a transaction must not hold its locks for ever. */
const idleTimeoutMs = 30_000

/** The pool. Tenants' rows are reached through withTenant and withService only: the login role itself has no rights. */
export function createDatabase({
  url,
  poolSize,
  log,
  acquireTimeoutMs = 3_000,
  queryTimeoutMs = silenceMs,
  onEvents,
}: DatabaseOptions) {
  const pool = createPool({ url, name: 'parley', size: poolSize, acquireTimeoutMs, queryTimeoutMs })

  async function run<T>(context: Context, work: Work<T>): Promise<T> {
    try {
      return await (onEvents ? telling(onEvents, context, work) : transaction(pool, opening(context), work))
    } catch (error) {
      throw asUnavailable(withoutValues(error), log)
    }
  }

  async function telling<T>(tell: (nudges: Nudge[]) => void, context: Context, work: Work<T>): Promise<T> {
    let kept: Map<string, string> | undefined
    const result = await transaction(pool, opening(context), (trx) => {
      kept = keepNudges(trx)
      return work(trx)
    })
    if (kept && kept.size > 0) tell([...kept].map(([tenantId, id]) => ({ tenantId, id })))
    return result
  }

  const withService = <T>(tenantId: string | undefined, work: Work<T>) =>
    run({ databaseRole: 'parley_service', tenantId }, work)

  return {
    /** Runs work in a transaction that sees what the actor may see. */
    async withTenant<T>(actor: Actor, work: Work<T>): Promise<T> {
      // A tenant that is no UUID is no company of ours; the policies could not even compare it.
      if (!isUuid(actor.tenantId)) throw new ForbiddenError('the token names no known company')
      return await run({ databaseRole: 'parley_app', ...actor }, work).catch((error: unknown) => {
        throw asUnknownTenant(error)
      })
    },
    /** Runs background work in a transaction that sees every tenant's rows, or one tenant's when it is known. */
    withService,
    /** One statement of background work that sees every tenant's rows, or one's, in one trip; placeholders are $1, $2 … */
    async statement<R extends pg.QueryResultRow>(text: string, values: unknown[], tenantId?: string): Promise<R[]> {
      try {
        return await statement<R>(pool, opening({ databaseRole: 'parley_service', tenantId }), { text, values })
      } catch (error) {
        throw asUnavailable(withoutValues(error), log)
      }
    },
    adoptTenant,
    /** Whether the database answers; the reason is thrown. */
    async ping(timeoutMs = 2_000): Promise<void> {
      const late = new UnavailableError('the database did not answer in time', 'database_unavailable')
      await within(
        timeoutMs,
        late,
        withService(undefined, (trx) => trx.raw('select 1')),
      )
    },
    /** Refuses a set-up in which row-level security would not bind the application. */
    async assertSafeRole(): Promise<void> {
      for (const databaseRole of ['parley_app', 'parley_service'] as const)
        await run({ databaseRole }, assertBound).catch((error: unknown) => {
          throw roleProblem(databaseRole, error)
        })
    },
    destroy: () => pool.destroy(),
  }
}

export type Database = ReturnType<typeof createDatabase>

/**
 * Begins a transaction with its role, tenant, user and time limits, in one trip to the server. They are this transaction's
 * only: whoever borrows the connection next finds none of it.
 */
function opening({ databaseRole, tenantId, userId, role }: Context): string {
  const settings = {
    role: databaseRole,
    'app.tenant_id': tenantId ?? '',
    'app.user_id': userId ?? '',
    'app.role': role ?? '',
    statement_timeout: String(statementTimeoutMs),
    idle_in_transaction_session_timeout: String(idleTimeoutMs),
  }
  const calls = Object.entries(settings).map(
    ([name, value]) => `set_config('${name}', ${pg.escapeLiteral(value)}, true)`,
  )
  return `begin; select ${calls.join(', ')}`
}

/** Confines a service transaction to one tenant, as soon as the tenant is known. */
export async function adoptTenant(trx: Knex.Transaction, tenantId: string): Promise<void> {
  await trx.raw(`select set_config('app.tenant_id', ?, true)`, [tenantId])
}

/** Lets a service transaction see the rows of every tenant again. */
export const everyTenant = `select set_config('app.tenant_id', '', true)`

/** Lets a tenant's transaction go on as background work of that tenant: it also sees the rows of nobody. */
export async function asService(trx: Knex.Transaction): Promise<void> {
  await trx.raw(`select set_config('role', 'parley_service', true)`)
}

async function assertBound(trx: Knex.Transaction): Promise<void> {
  const { rows } = await trx.raw<{ rows: { exempt: boolean; owned: string | null }[] }>(
    `select rolsuper or rolbypassrls as exempt, (
       select min(c.oid::regclass::text) from pg_class c join pg_attribute a on a.attrelid = c.oid
       where a.attname = 'tenant_id' and c.relkind in ('r', 'p') and pg_has_role(r.oid, c.relowner, 'USAGE')) as owned
     from pg_roles r where rolname = current_user`,
  )
  if (rows[0]?.exempt) throw new Error('it is superuser or has BYPASSRLS, and so sees every tenant')
  if (rows[0]?.owned) throw new Error(`it has the rights of the owner of ${rows[0].owned}, who could lift its policies`)
}

function roleProblem(databaseRole: DatabaseRole, error: unknown): unknown {
  if (isDatabaseDown(error)) return error
  const remedy = 'run "npm run migrate -- up", or see the roles in migrations/0001_foundation.ts'
  return new Error(`the database role ${databaseRole} cannot be used safely: ${reasonOf(error)}; ${remedy}`, {
    cause: error,
  })
}

async function within<T>(timeoutMs: number, late: Error, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(late), timeoutMs)))
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}
