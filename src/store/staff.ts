import type { Knex } from 'knex'
import type { Role } from '../domain/identity.js'
import type { Author } from '../domain/resource.js'
import { userEvents } from '../domain/resource-events.js'
import type { Database } from './database.js'
import { byCreation, type Condition, type Listing } from './page.js'
import { conflict } from './refusals.js'
import { asService, createResourceStore } from './resource.js'
import { given } from './resource-ties.js'
import { namePrefix } from './name-prefix.js'

/** A user as colleagues see it: never a password's hash. */
export interface StaffMember {
  id: string
  email: string
  displayName: string
  role: Role
  disabledAt: Date | null
  createdAt: Date
  updatedAt: Date
}

export interface StaffFields {
  email?: string | undefined
  displayName?: string | undefined
  role?: Role | undefined
  disabledAt?: Date | null | undefined
  /** Absent for one who is to log in by the identity provider. */
  passwordHash?: string | undefined
}

export interface StaffFilter {
  role?: string | undefined
  disabled?: boolean | undefined
  /** How its name begins. */
  name?: string | undefined
  email?: string | undefined
}

/** Space of the advisory lock, one per tenant, under which users stop being leadership. */
const lockSpace = 7203

export const staffListing: Listing = {
  table: 'users',
  columns: `id, user_email as email, display_name as "displayName", role, disabled_at as "disabledAt",
    created_at as "createdAt", updated_at as "updatedAt"`,
  sorts: { ...byCreation, name: { sql: 'name_key', type: 'text' } },
}

const disabledIs = (disabled: boolean | undefined): Condition[] =>
  disabled === undefined ? [] : [[`disabled_at is ${disabled ? 'not null' : 'null'}`, []]]

/**
 * The users of a company: everybody of it sees them, leadership makes and changes them. None is ever removed, for rows and
 * the log name them: they are disabled.
 */
export function createStaffStore(database: Pick<Database, 'withTenant'>) {
  const { list, find, create, createOnce, change } = createResourceStore<StaffMember, StaffFields, StaffFilter>(
    database,
    {
      listing: staffListing,
      tenantColumn: 'company_id',
      fields: {
        email: 'user_email',
        displayName: 'display_name',
        role: 'role',
        disabledAt: 'disabled_at',
        passwordHash: 'password_hash',
      },
      conditions: (_actor, { role, disabled, name, email }) => [
        ...disabledIs(disabled),
        ...namePrefix(name),
        ...given(['role = ?', role], ['email_key = lower(?)', email]),
      ],
      prepare: async (trx, author, fields, before) => {
        if (before && stopsLeading(before, fields)) await assertAnotherLeads(trx, author, before.id)
        // Whoever is disabled again has been so since the first time.
        return before?.disabledAt && fields.disabledAt ? { ...fields, disabledAt: before.disabledAt } : fields
      },
      events: userEvents,
      afterwards: async (trx, { before, after }) => {
        if (after && after.disabledAt !== null && before?.disabledAt === null) await endLogins(trx, after.id)
      },
      refusals: { users_email_key: () => conflict('the email is taken', 'email_taken') },
    },
  )
  return { list, find, create, createOnce, change }
}

export type StaffStore = ReturnType<typeof createStaffStore>

const leads = ({ role, disabledAt }: Pick<StaffMember, 'role' | 'disabledAt'>) =>
  role === 'leadership' && disabledAt === null

const stopsLeading = (before: StaffMember, { role = before.role, disabledAt = before.disabledAt }: StaffFields) =>
  leads(before) && !leads({ role, disabledAt })

/** One at a time: of two who leave at once, the second sees that the first has left. */
async function assertAnotherLeads(trx: Knex.Transaction, { tenantId }: Author, id: string): Promise<void> {
  await trx.raw('select pg_advisory_xact_lock(?::int, hashtext(?))', [lockSpace, tenantId.toLowerCase()])
  const { rows } = await trx.raw<{ rows: unknown[] }>(
    `select from users where role = 'leadership' and disabled_at is null and id <> ? limit 1`,
    [id],
  )
  if (rows.length === 0) throw conflict('the company would be left without active leadership', 'last_leadership')
}

/** Refresh tokens are their user's only, so that the service has to end them. */
async function endLogins(trx: Knex.Transaction, userId: string): Promise<void> {
  await asService(trx)
  await trx.raw('update refresh_tokens set revoked_at = now() where user_id = ? and revoked_at is null', [userId])
}
