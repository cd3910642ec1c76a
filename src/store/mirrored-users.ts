import type { Knex } from 'knex'
import { newId } from './new-id.js'
import type { NewEvent } from '../domain/event.js'
import type { Role } from '../domain/identity.js'
import type { MirroredUser } from '../domain/identity-mirror.js'

/** A user's row, as far as the mirror touches it. */
export interface UserRow {
  id: string
  tenantId: string
  email: string
  displayName: string
  role: Role
  clerkUserId: string | null
  disabledAt: Date | null
}

const columns = `id, company_id as "tenantId", user_email as email, display_name as "displayName", role,
  clerk_user_id as "clerkUserId", disabled_at as "disabledAt"`

/** The row that is the Clerk user's. */
export async function findUser(trx: Knex.Transaction, clerkUserId: string): Promise<UserRow | undefined> {
  const { rows } = await trx.raw<{ rows: UserRow[] }>(
    `select ${columns} from users where clerk_user_id = ? for update`,
    [clerkUserId],
  )
  return rows[0]
}

/** Whoever has an email, in whatever company. */
export async function findByEmail(trx: Knex.Transaction, email: string): Promise<UserRow | undefined> {
  const { rows } = await trx.raw<{ rows: UserRow[] }>(
    `select ${columns} from users where lower(user_email) = lower(?) for update`,
    [email],
  )
  return rows[0]
}

export interface UserPlan {
  clerkUserId: string
  tenantId: string
  /** The row that becomes the user's; a new one without it. */
  row: UserRow | undefined
  email: string
  mirrored: MirroredUser
  /** Clerk had disabled the user before: only then may Clerk enable it again. */
  wasDisabled: boolean
}

/** Writes the row of a user, and ends the sessions of one who is disabled; answers the event that tells of it. */
export async function mirrorUser(
  trx: Knex.Transaction,
  plan: UserPlan,
): Promise<{ userId: string; events: NewEvent[] }> {
  const { row, mirrored, clerkUserId, tenantId } = plan
  const next = {
    email: plan.email,
    displayName: mirrored.displayName ?? row?.displayName ?? [...plan.email].slice(0, 200).join(''),
    role: mirrored.role,
    disabledAt: disabledAt(plan),
  }
  const userId = row?.id ?? newId()
  const values = { ...next, userId, tenantId, clerkUserId, updatedAt: mirrored.updatedAt }
  await trx.raw(row ? update : insert, values)
  if (next.disabledAt !== null)
    await trx.raw('update refresh_tokens set revoked_at = now() where user_id = ? and revoked_at is null', [userId])
  const event = eventOf(row, { ...next, clerkUserId })
  const data = { user_id: userId, clerk_user_id: clerkUserId, role: next.role }
  return { userId, events: event ? [{ event, tenantId, userId, data }] : [] }
}

const insert = `
  insert into users (id, company_id, user_email, display_name, role, clerk_user_id, clerk_updated_at, disabled_at)
  values (:userId, :tenantId, :email, :displayName, :role, :clerkUserId, :updatedAt, :disabledAt)`

const update = `
  update users set user_email = :email, display_name = :displayName, role = :role, clerk_user_id = :clerkUserId,
    clerk_updated_at = :updatedAt, disabled_at = :disabledAt, updated_at = now()
  where id = :userId`

/** Clerk undoes only what Clerk did: what somebody of ours has disabled stays so. */
function disabledAt({ row, mirrored, wasDisabled }: UserPlan): Date | null {
  const known = row?.disabledAt ?? null
  if (mirrored.disabledAt === undefined) return wasDisabled ? null : known
  return known && !wasDisabled ? known : new Date(mirrored.disabledAt)
}

type Next = Pick<UserRow, 'email' | 'displayName' | 'role' | 'disabledAt' | 'clerkUserId'>

function eventOf(row: UserRow | undefined, next: Next): NewEvent['event'] | undefined {
  if (!row) return next.disabledAt ? 'identity.user.deleted' : 'identity.user.created'
  if (next.disabledAt && !row.disabledAt) return 'identity.user.deleted'
  const same = (['email', 'displayName', 'role', 'clerkUserId'] as const).every((field) => row[field] === next[field])
  return same && (row.disabledAt === null) === (next.disabledAt === null) ? undefined : 'identity.user.updated'
}
