import { createHash, randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import type { Actor, Role } from '../domain/identity.js'
import type { Database } from './database.js'
import type { IdentityLookup } from './identity-lookup.js'

/** Whom a ticket stands for. */
export interface TicketHolder extends Actor {
  /** When the token ends, in milliseconds since the epoch. */
  expiresAt?: number | undefined
}

/** Life of a ticket in seconds. */
export const ticketSeconds = 30
/** Old ones that each new one takes with it, so that there is never a heap of them. */
const purgedWithEach = 20

const digest = (ticket: string) => createHash('sha256').update(ticket).digest()

/** Tickets for connections that cannot send a token: each is good for one use within half a minute, in any process. */
export function createTicketStore(database: Database, { endedAmong }: Pick<IdentityLookup, 'endedAmong'>) {
  return {
    /** @returns the ticket, shown once; only its digest is stored */
    issue: async ({ expiresAt, ...actor }: TicketHolder): Promise<string> => {
      const ticket = randomBytes(32).toString('base64url')
      await database.withTenant(actor, (trx) => insertTicket(trx, { ...actor, expiresAt, hash: digest(ticket) }))
      await deleteExpired(database, purgedWithEach)
      return ticket
    },
    /** Uses a ticket up; undefined for one that is unknown, used or too old, or whose holder counts no more. */
    redeem: async (ticket: string): Promise<TicketHolder | undefined> => {
      const [row] = await database.statement<TicketRow>(
        `delete from ws_tickets where ticket_hash = $1
         returning tenant_id as "tenantId", user_id as "userId", role, token_expires_at as "expiresAt",
           expires_at > now() as fresh`,
        [digest(ticket)],
      )
      if (!row?.fresh) return undefined
      const { tenantId, userId, role, expiresAt } = row
      if ((await endedAmong([row])).length > 0) return undefined
      return { tenantId, userId, role, expiresAt: expiresAt?.getTime() }
    },
    /** Forgets what expired, the oldest first. @returns how many */
    deleteExpired: (limit = 1000): Promise<number> => deleteExpired(database, limit),
  }
}

export type TicketStore = ReturnType<typeof createTicketStore>

interface TicketRow {
  tenantId: string
  userId: string
  role: Role
  expiresAt: Date | null
  fresh: boolean
}

const insertTicket = (
  trx: Knex.Transaction,
  { tenantId, userId, role, expiresAt, hash }: TicketHolder & { hash: Buffer },
) =>
  trx.raw(
    `insert into ws_tickets (tenant_id, user_id, role, ticket_hash, expires_at, token_expires_at)
     values (?, ?, ?, ?, now() + make_interval(secs => ${ticketSeconds}), ?)`,
    [tenantId, userId, role, hash, expiresAt === undefined ? null : new Date(expiresAt)] as Knex.RawBinding[],
  )

async function deleteExpired(database: Database, limit: number): Promise<number> {
  const gone = await database.statement(
    `delete from ws_tickets where id in (
       select id from ws_tickets where expires_at < now() order by expires_at limit $1 for update skip locked)
     returning id`,
    [limit],
  )
  return gone.length
}
