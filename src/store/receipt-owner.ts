import type { Knex } from 'knex'
import { conversationTypes } from '../domain/session.js'
import type { TenantOf, WebhookEffect } from '../domain/webhook.js'
import type { Move, Ownership, StoredReceipt } from './receipt-states.js'
import { findTenants } from './tenant-lookup.js'
import { cleanText, parameter } from './values.js'

const conversationTypeCases = Object.entries(conversationTypes)
  .map(([provider, type]) => `when '${provider}' then ${type}`)
  .join(' ')

/** A receipt, and what its event does as far as that could be read. */
export interface Owned {
  receipt: StoredReceipt
  effect?: WebhookEffect | undefined
}

/**
 * The companies whose leadership may see and repair receipts that came to nothing: that of the session which the delivery
 * proved to belong to, else the one that the event names, else that of its call. Needs a service transaction that sees
 * every tenant.
 */
export async function findOwners(trx: Knex.Transaction, owned: readonly Owned[]): Promise<Ownership[]> {
  const known = await ownersByName(trx, owned)
  const calls = await tenantsOfCalls(trx, owned)
  return known.map((ownership, index) => (calls[index] === undefined ? ownership : { tenantId: calls[index] }))
}

/** The moves, each of those that are not processed with its owner. What waits for its call is not looked up by it. */
export async function withOwners(
  trx: Knex.Transaction,
  owned: readonly Owned[],
  moves: readonly Move[],
): Promise<Move[]> {
  const parked = moves.flatMap((move, index) => (move.to === 'processed' ? [] : (owned[index] ?? [])))
  if (parked.length === 0) return [...moves]
  const owners = await ownersByName(trx, parked)
  const byReceipt = new Map(parked.map(({ receipt }, index) => [receipt.id, owners[index]]))
  return moves.map((move) => (move.to === 'processed' ? move : { ...move, ...byReceipt.get(move.receipt.id) }))
}

async function ownersByName(trx: Knex.Transaction, owned: readonly Owned[]): Promise<Ownership[]> {
  const named = await findTenants(trx, owned.map(tenantOf))
  const sessions = await tenantsOfSessions(trx, owned)
  return owned.map((one, index) => {
    const tenantId = sessions.get(sessionKey(one)) ?? named[index]
    return tenantId === undefined ? { accounts: accountsOf(one) } : { tenantId }
  })
}

const mostAccounts = 10

function accountsOf(one: Owned): string[] | undefined {
  const tenant = tenantOf(one)
  if (tenant?.by !== 'integration' || tenant.accounts.length === 0) return undefined
  return tenant.accounts.slice(0, mostAccounts).map(cleanText)
}

/** Events of calls that name no company, such as LiveKit's: by our own id of the call, else by the provider's. */
async function tenantsOfCalls(trx: Knex.Transaction, owned: readonly Owned[]): Promise<(string | undefined)[]> {
  const wanted = owned.flatMap(({ effect }, n) =>
    effect?.target === 'call' && !effect.tenant
      ? [{ n, call_id: effect.callId ?? null, provider: effect.provider, external_id: effect.externalId }]
      : [],
  )
  const tenants: (string | undefined)[] = owned.map(() => undefined)
  if (wanted.length === 0) return tenants
  const { rows } = await trx.raw<{ rows: { n: number; tenant_id: string | null }[] }>(
    `select n, coalesce(
       (select tenant_id from call_logs c where c.id = w.call_id and c.provider = w.provider),
       (select tenant_id from call_logs c where w.call_id is null and c.provider = w.provider
         and c.external_id = w.external_id order by c.id limit 1)) as tenant_id
     from jsonb_to_recordset(?::jsonb) as w (n int, call_id uuid, provider text, external_id text)`,
    [parameter(wanted)],
  )
  for (const { n, tenant_id } of rows) tenants[n] = tenant_id ?? undefined
  return tenants
}

/** By the session's id, else by the conversation that the event names. */
const sessionKey = ({ receipt, effect }: Owned): string =>
  receipt.session_id ?? (effect?.target === 'session' ? `${receipt.provider}/${effect.conversationId}` : '')

async function tenantsOfSessions(trx: Knex.Transaction, owned: readonly Owned[]): Promise<Map<string, string>> {
  const ids = owned.flatMap(({ receipt }) => receipt.session_id ?? [])
  const conversations = owned.flatMap(({ receipt, effect }) =>
    receipt.session_id === null && effect?.target === 'session' ? [[receipt.provider, effect.conversationId]] : [],
  )
  if (ids.length + conversations.length === 0) return new Map()
  const { rows } = await trx.raw<{ rows: { key: string; tenant_id: string }[] }>(
    `select session_id::text as key, tenant_id from conversations_users where session_id = any(?::uuid[])
     union all select w.provider || '/' || w.conversation, c.tenant_id
     from unnest(?::text[], ?::text[]) as w (provider, conversation) join conversations_users c
       on c.external_conversation_id = w.conversation
       and c.conversation_type_id = case w.provider ${conversationTypeCases} end`,
    [ids, conversations.map(([provider]) => provider), conversations.map(([, id]) => id)] as Knex.RawBinding[],
  )
  return new Map(rows.map(({ key, tenant_id }) => [key, tenant_id]))
}

function tenantOf({ effect }: Owned): TenantOf | undefined {
  switch (effect?.target) {
    case 'call':
    case 'session':
    case 'message':
    case 'partner':
      return effect.tenant
    case 'identity':
      return 'organizationId' in effect && effect.organizationId !== undefined
        ? { by: 'integration', provider: effect.provider, accounts: [effect.organizationId] }
        : undefined
    default:
      return undefined
  }
}
