import type { Knex } from 'knex'
import type { Actor, Role } from '../domain/identity.js'
import type { SessionOwner } from '../domain/session.js'
import type { Database } from './database.js'
import { cleanText, isUuid } from './values.js'

export interface User {
  id: string
  email: string
  displayName: string
  companyId: string
  role: Role
  /** Since when the user, or the company, is disabled. */
  disabledAt: Date | null
}

export interface LoginUser extends User {
  passwordHash: string | null
}

export interface Profile extends User {
  companyName: string
}

/** Whose a session is: in which company, under which user id, and how that was found. */
export interface ResolvedOwner {
  systemUserId: string | null
  tenantId: string | undefined
  by: 'email' | 'sub' | 'none'
}

const columns = `u.id, u.user_email as email, u.display_name as "displayName", u.company_id as "companyId", u.role,
  coalesce(u.disabled_at, (select o.disabled_at from companies o where o.id = u.company_id)) as "disabledAt"`

const nobody: ResolvedOwner = { systemUserId: null, tenantId: undefined, by: 'none' }

export function createUserStore(database: Database) {
  return {
    /** The user of a login, disabled ones included: the caller decides, in the same time for all. */
    findForLogin: (email: string) =>
      database.withService(undefined, (trx) =>
        first<LoginUser>(
          trx,
          `select ${columns}, u.password_hash as "passwordHash" from users u where lower(u.user_email) = lower(?)`,
          [cleanText(email)],
        ),
      ),

    findById: (id: string) => database.withService(undefined, (trx) => userById(trx, id)),

    /** The actor's own user and company; undefined for a token whose user is not in the company's table. */
    findProfile: (actor: Actor) =>
      database.withTenant(actor, async (trx) =>
        isUuid(actor.userId)
          ? await first<Profile>(
              trx,
              `select ${columns}, c.name as "companyName" from users u join companies c on c.id = u.company_id where u.id = ?`,
              [actor.userId],
            )
          : undefined,
      ),

    /** Finds the user of a session by email, else by the token's own id; inside `trx` when one is given. */
    resolveForTracking: (owner: SessionOwner, trx?: Knex.Transaction) =>
      trx ? resolveOwner(trx, owner) : database.withService(undefined, (own) => resolveOwner(own, owner)),
  }
}

export type UserStore = ReturnType<typeof createUserStore>

async function first<T>(trx: Knex.Transaction, sql: string, bindings: string[]): Promise<T | undefined> {
  const { rows } = await trx.raw<{ rows: T[] }>(sql, bindings)
  return rows[0]
}

const userById = async (trx: Knex.Transaction, id: string) =>
  isUuid(id) ? await first<User>(trx, `select ${columns} from users u where u.id = ?`, [id]) : undefined

async function resolveOwner(trx: Knex.Transaction, owner: SessionOwner): Promise<ResolvedOwner> {
  const tenantId = await knownTenant(trx, owner.tenantId)
  // A company that we do not know is not replaced by another one.
  if (owner.tenantId !== undefined && tenantId === undefined) return nobody
  const counts = (user: User | undefined) =>
    user && user.disabledAt === null && (tenantId === undefined || user.companyId === tenantId) ? user : undefined
  const byEmail = counts(owner.email === undefined ? undefined : await userByEmail(trx, owner.email))
  if (byEmail) return { systemUserId: byEmail.id, tenantId: byEmail.companyId, by: 'email' }
  if (tenantId !== undefined) return { systemUserId: cleanText(owner.userId), tenantId, by: 'sub' }
  const bySub = counts(await userById(trx, owner.userId))
  return bySub ? { systemUserId: bySub.id, tenantId: bySub.companyId, by: 'sub' } : nobody
}

const userByEmail = (trx: Knex.Transaction, email: string) =>
  first<User>(trx, `select ${columns} from users u where lower(u.user_email) = lower(?)`, [cleanText(email)])

async function knownTenant(trx: Knex.Transaction, tenantId: string | undefined): Promise<string | undefined> {
  if (tenantId === undefined || !isUuid(tenantId)) return undefined
  return (await first<{ id: string }>(trx, 'select id from companies where id = ?', [tenantId]))?.id
}
