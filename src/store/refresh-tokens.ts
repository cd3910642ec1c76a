import { createHash, randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import { newId } from './new-id.js'
import type { NewEvent } from '../domain/event.js'
import { adoptTenant, type Database } from './database.js'
import { appendEvents } from './event-log.js'

interface NewToken {
  tenantId: string
  userId: string
  familyId?: string
  expiresAt: Date
}

export interface IssuedToken {
  /** Shown once; only its digest is stored. */
  token: string
  familyId: string
  expiresAt: Date
}

export type Rotation =
  | ({ state: 'rotated'; userId: string; tenantId: string } & IssuedToken)
  | { state: 'reused'; familyId: string; userId: string; tenantId: string }
  | { state: 'expired' | 'revoked' | 'unknown' }

interface TokenRow {
  id: string
  tenant_id: string
  user_id: string
  family_id: string
  lifetime_ms: number
  used: boolean
  revoked: boolean
  expired: boolean
}

const digest = (token: string) => createHash('sha256').update(token).digest()

/** Refresh tokens in families: each is good for one rotation. */
export function createRefreshTokenStore(database: Database) {
  return {
    /** A new token, of a new family unless one is given; with the event that tells why. */
    issue: ({ event, ...input }: NewToken & { event?: NewEvent | undefined }): Promise<IssuedToken> =>
      database.withService(input.tenantId, async (trx) => {
        const issued = await insertToken(trx, { familyId: newId(), ...input })
        if (event) await appendEvents(trx, [event])
        return issued
      }),

    /**
     * Exchanges a token for its successor. Of two rotations of one token the second is reuse, even at the same instant:
     * the thief and the owner cannot be told apart, so the whole family ends, the first one's successor included.
     */
    rotate: (token: string, options: { expiresAt?: Date; traceId?: string } = {}): Promise<Rotation> =>
      database.withService(undefined, async (trx) => {
        const row = await lockToken(trx, token)
        if (!row) return { state: 'unknown' }
        if (row.revoked) return { state: 'revoked' }
        if (row.used) return await reused(trx, row, options.traceId)
        if (row.expired) return { state: 'expired' }
        return await successor(trx, row, options.expiresAt)
      }),

    /** Ends the token's whole family; says whose it was. */
    revokeByToken: (token: string, traceId?: string): Promise<{ userId: string; tenantId: string } | undefined> =>
      database.withService(undefined, async (trx) => {
        const row = await lockToken(trx, token)
        if (!row) return undefined
        await revokeFamily(trx, row.family_id)
        if (!row.revoked) await appendEvents(trx, [eventOf('identity.logout', row, traceId)])
        return { userId: row.user_id, tenantId: row.tenant_id }
      }),

    /** Forgets what expired, the oldest first; a token reused after that is unknown, which refuses it all the same. */
    deleteExpired: (limit = 1000): Promise<number> =>
      database.withService(undefined, async (trx) => {
        const { rowCount } = await trx.raw<{ rowCount: number }>(
          `delete from refresh_tokens where id in (
             select id from refresh_tokens where expires_at < now() order by expires_at limit ? for update skip locked)`,
          [limit],
        )
        return rowCount
      }),
  }
}

export type RefreshTokenStore = ReturnType<typeof createRefreshTokenStore>

/** Under the family's lock, so that a successor that is just being inserted is not missed when the family is revoked. */
async function lockToken(trx: Knex.Transaction, token: string): Promise<TokenRow | undefined> {
  const hash = digest(token)
  await trx.raw(
    `select pg_advisory_xact_lock(hashtextextended(family_id::text, 0)) from refresh_tokens where token_hash = ?`,
    [hash],
  )
  const { rows } = await trx.raw<{ rows: TokenRow[] }>(
    `select t.id, t.tenant_id, t.user_id, t.family_id, t.used_at is not null as used, t.expires_at <= now() as expired,
       coalesce(t.revoked_at, u.disabled_at, c.disabled_at) is not null as revoked,
       extract(epoch from t.expires_at - t.created_at)::float8 * 1000 as lifetime_ms
     from refresh_tokens t join users u on u.id = t.user_id join companies c on c.id = u.company_id where t.token_hash = ? for update of t`,
    [hash],
  )
  const row = rows[0]
  if (row) await adoptTenant(trx, row.tenant_id)
  return row
}

const eventOf = (event: NewEvent['event'], row: TokenRow, traceId: string | undefined): NewEvent => ({
  event,
  severity: event === 'identity.refresh.reused' ? 'warning' : 'info',
  tenantId: row.tenant_id,
  userId: row.user_id,
  traceId,
  data: { family_id: row.family_id },
})

async function reused(trx: Knex.Transaction, row: TokenRow, traceId: string | undefined): Promise<Rotation> {
  await revokeFamily(trx, row.family_id)
  await appendEvents(trx, [eventOf('identity.refresh.reused', row, traceId)])
  return { state: 'reused', familyId: row.family_id, userId: row.user_id, tenantId: row.tenant_id }
}

async function successor(trx: Knex.Transaction, row: TokenRow, expiresAt: Date | undefined): Promise<Rotation> {
  await trx.raw('update refresh_tokens set used_at = now() where id = ?', [row.id])
  const { user_id: userId, tenant_id: tenantId, family_id: familyId } = row
  const end = expiresAt ?? new Date(Date.now() + row.lifetime_ms)
  return {
    state: 'rotated',
    userId,
    tenantId,
    ...(await insertToken(trx, { userId, tenantId, familyId, expiresAt: end })),
  }
}

const revokeFamily = (trx: Knex.Transaction, familyId: string) =>
  trx.raw('update refresh_tokens set revoked_at = now() where family_id = ? and revoked_at is null', [familyId])

async function insertToken(
  trx: Knex.Transaction,
  { tenantId, userId, familyId, expiresAt }: NewToken & { familyId: string },
): Promise<IssuedToken> {
  const token = randomBytes(32).toString('base64url')
  await trx.raw(
    'insert into refresh_tokens (tenant_id, user_id, family_id, token_hash, expires_at) values (?, ?, ?, ?, ?)',
    [tenantId, userId, familyId, digest(token), expiresAt],
  )
  return { token, familyId, expiresAt }
}
