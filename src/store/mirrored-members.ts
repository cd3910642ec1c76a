import type { Knex } from 'knex'
import type { NewEvent } from '../domain/event.js'
import { endOfEntity, type MirroredUser, mirroredUser } from '../domain/identity-mirror.js'
import { loadEntity, loadMemberships } from './clerk-entities.js'
import { findByEmail, findUser, mirrorUser, type UserRow } from './mirrored-users.js'
import type { Applied } from './receipt-applier.js'

interface Member {
  clerkUserId: string
  tenantId: string
  /** As the mirror had it before the event. */
  before: MirroredUser | undefined
}

type Refusal = Extract<Applied, { state: 'unknown' | 'mismatch' }>
type Mirrored = { userId?: string; events: NewEvent[] }

const nothing: Mirrored = { events: [] }
const refused = (state: Refusal['state'], reason: string): Refusal => ({ state, reason })

/** A user of a company as the mirror has it now. */
export async function mirroredBefore(
  trx: Knex.Transaction,
  clerkUserId: string,
  tenantId: string | undefined,
): Promise<MirroredUser | undefined> {
  return tenantId === undefined ? undefined : (await look(trx, clerkUserId, tenantId)).mirrored
}

async function look(trx: Knex.Transaction, clerkUserId: string, tenantId: string) {
  const row = await findUser(trx, clerkUserId)
  const user = await loadEntity(trx, 'user', clerkUserId)
  const memberships = (await loadMemberships(trx, clerkUserId)).filter((one) => one.tenantId === tenantId)
  const knownRole = row?.tenantId === tenantId ? row.role : undefined
  return { row, mirrored: mirroredUser(user, memberships, knownRole) }
}

/**
 * Brings the row of a company's user to what is known of it. A user is in one company: in another one it is refused, and
 * so is an email that somebody else has.
 */
export async function mirrorMember(trx: Knex.Transaction, member: Member): Promise<Mirrored | Refusal> {
  const { clerkUserId, tenantId, before } = member
  const { row, mirrored } = await look(trx, clerkUserId, tenantId)
  if (!mirrored) return nothing
  const over = mirrored.disabledAt !== undefined
  if (row && row.tenantId !== tenantId)
    return over ? nothing : refused('mismatch', 'the user belongs to another company')
  const email = mirrored.email ?? row?.email
  if (email === undefined) return refused('unknown', 'the user has no email yet')
  const holder = await findByEmail(trx, email)
  const wasDisabled = before?.disabledAt !== undefined
  if (!holder || holder.id === row?.id)
    return await mirrorUser(trx, { clerkUserId, tenantId, row, email, mirrored, wasDisabled })
  // Nobody is made only to be disabled at the cost of somebody else.
  if (!row && over) return nothing
  const taken = await takenBy(trx, holder, member, row)
  if (taken) return taken
  const heir = holder.clerkUserId !== null
  return await mirrorUser(trx, {
    clerkUserId,
    tenantId,
    row: holder,
    email,
    mirrored,
    wasDisabled: heir || wasDisabled,
  })
}

/**
 * Why a row that has the email may not become the user's; undefined when it may: it is the company's, and nobody's at
 * Clerk, or was somebody's who has been deleted there and has come back under another id.
 */
async function takenBy(
  trx: Knex.Transaction,
  holder: UserRow,
  { tenantId }: Member,
  row: UserRow | undefined,
): Promise<Refusal | undefined> {
  if (holder.tenantId !== tenantId) return refused('mismatch', 'the email belongs to a user of another company')
  if (row) return refused('mismatch', 'the email belongs to another user')
  if (holder.clerkUserId === null) return undefined
  const end = endOfEntity(await loadEntity(trx, 'user', holder.clerkUserId))
  return end === undefined ? refused('unknown', 'the email is still another user’s') : undefined
}
