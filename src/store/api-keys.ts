import { createHash, randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import type { Actor, PresentedKey, Role } from '../domain/identity.js'
import type { Page, PageRequest } from '../domain/page.js'
import type { Database } from './database.js'
import { appendEvents } from './event-log.js'
import { byCreation, type Listing, selectPage } from './page.js'
import { cleanText, isUuid } from './values.js'

/** A key as its company's leadership sees it; the key itself is nowhere. */
export interface ApiKey {
  id: string
  name: string
  role: Role
  scopes: string[]
  prefix: string
  createdBy: string
  expiresAt: Date
  lastUsedAt: Date | null
  revokedAt: Date | null
  createdAt: Date
}

export interface NewApiKey {
  name: string
  role: Role
  scopes: readonly string[]
  expiresAt: Date
}

/** Every key begins so, which lets programs find one that was published by mistake. */
export const keyMark = 'plk_'
const shownLength = keyMark.length + 8

const columns = `id, name, role, scopes, prefix, created_by as "createdBy", expires_at as "expiresAt",
  last_used_at as "lastUsedAt", revoked_at as "revokedAt", created_at as "createdAt"`

const listing: Listing = { table: 'api_keys', columns, sorts: byCreation }

const digest = (key: string) => createHash('sha256').update(key).digest()

/** Keys of servers: 256 random bits each, kept as their digest. */
export function createApiKeyStore(database: Pick<Database, 'withTenant' | 'statement'>) {
  return {
    /** A new key of the actor's company; `secret` is shown this once. */
    create: async (actor: Actor, input: NewApiKey, traceId?: string): Promise<{ key: ApiKey; secret: string }> => {
      const secret = `${keyMark}${randomBytes(32).toString('base64url')}`
      const key = await database.withTenant(actor, (trx) => insertKey(trx, { actor, input, secret, traceId }))
      return { key, secret }
    },

    /** One page of the company's keys, those that are over too. */
    list: (actor: Actor, request: PageRequest<object>): Promise<Page<ApiKey>> =>
      database.withTenant(actor, (trx) =>
        selectPage<ApiKey>(trx, listing, { tenantId: actor.tenantId, request, conditions: [] }),
      ),

    /** Ends a key; once more changes nothing. Says whether there is such a key. */
    revoke: async (actor: Actor, id: string, traceId?: string): Promise<boolean> =>
      isUuid(id) && (await database.withTenant(actor, (trx) => revokeKey(trx, { actor, id, traceId }))),

    /** The key that was presented; its use is noted, at most once a minute. */
    present: async (secret: string): Promise<PresentedKey | undefined> =>
      (await database.statement<PresentedKey>(presented, [digest(secret)]))[0],
  }
}

export type ApiKeyStore = ReturnType<typeof createApiKeyStore>

const presented = `
  with found as (
    select k.id, k.tenant_id, k.name, k.role, k.scopes, k.expires_at,
      case when k.revoked_at is not null or c.disabled_at is not null then 'revoked'
        when k.expires_at <= now() then 'expired' else 'valid' end as state
    from api_keys k join companies c on c.id = k.tenant_id where k.key_hash = $1),
  used as (
    update api_keys k set last_used_at = now() from found
    where k.id = found.id and found.state = 'valid'
      and (k.last_used_at is null or k.last_used_at <= now() - interval '1 minute'))
  select id, tenant_id as "tenantId", name, role, scopes, (extract(epoch from expires_at) * 1000)::float8 as "expiresAt", state
  from found`

interface Insertion {
  actor: Actor
  input: NewApiKey
  secret: string
  traceId: string | undefined
}

async function insertKey(trx: Knex.Transaction, { actor, input, secret, traceId }: Insertion): Promise<ApiKey> {
  const { name, role, scopes, expiresAt } = input
  const prefix = secret.slice(0, shownLength)
  const { rows } = await trx.raw<{ rows: ApiKey[] }>(
    `insert into api_keys (tenant_id, name, role, scopes, prefix, key_hash, created_by, expires_at)
     values (?, ?, ?, ?, ?, ?, ?, ?) returning ${columns}`,
    [
      actor.tenantId,
      cleanText(name),
      role,
      scopes,
      prefix,
      digest(secret),
      actor.userId,
      expiresAt,
    ] as unknown as Knex.RawBinding[],
  )
  const key = rows[0]
  if (!key) throw new Error('the key was not written')
  const data = { key_id: key.id, prefix, role, scopes, expires_at: expiresAt.toISOString() }
  const { tenantId, userId } = actor
  await appendEvents(trx, [{ event: 'identity.api_key.created', tenantId, userId, traceId, data }])
  return key
}

async function revokeKey(
  trx: Knex.Transaction,
  { actor, id, traceId }: { actor: Actor; id: string; traceId: string | undefined },
): Promise<boolean> {
  const { rows } = await trx.raw<{ rows: { prefix: string; over: boolean }[] }>(
    'select prefix, revoked_at is not null as over from api_keys where id = ? for update',
    [id],
  )
  const key = rows[0]
  if (!key || key.over) return key !== undefined
  await trx.raw('update api_keys set revoked_at = now() where id = ?', [id])
  const { tenantId, userId } = actor
  const data = { key_id: id, prefix: key.prefix }
  await appendEvents(trx, [{ event: 'identity.api_key.revoked', tenantId, userId, traceId, data }])
  return true
}
