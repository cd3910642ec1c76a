import type { Knex } from 'knex'
import { conversationTypes } from '../domain/session.js'
import { signalOf } from '../domain/webhook.js'
import { everyTenant } from './database.js'
import type { Applied, Applier, Pending } from './receipt-applier.js'
import { foldIntoSession } from './session-facts.js'

/** Effects on sessions: one row and one fold each. */
export const applyToSessions: Applier<'session'> = async (trx, pending) => {
  const several = pending.length > 1
  if (several) await lockSessions(trx, pending)
  const applied: Applied[] = []
  for (const one of pending) {
    applied.push(await applyOne(trx, one))
    // It has confined the transaction to its tenant.
    if (several) await trx.raw(everyTenant)
  }
  return applied
}

async function applyOne(trx: Knex.Transaction, { receipt, effect }: Pending<'session'>): Promise<Applied> {
  const { conversationId, event } = effect
  const sessionId = receipt.session_id ?? (await sessionOfConversation(trx, receipt.provider, conversationId))
  if (!sessionId) return { state: 'unknown', reason: 'no such session' }
  const folded = await foldIntoSession(trx, { sessionId, conversationId, events: [event] })
  if (!folded.found) return { state: 'unknown', reason: 'no such session' }
  if (folded.mismatch) return { state: 'mismatch', reason: 'the conversation is not the one of the session' }
  const { tenantId, userId, leadId, events } = folded
  return {
    state: 'applied',
    tenantId,
    sessionId,
    userId,
    leadId,
    events,
    signal: signalOf(receipt.delivery_key, event),
  }
}

/** All sessions first and in order: two batches then wait for each other and never in a ring. */
async function lockSessions(trx: Knex.Transaction, pending: readonly Pending<'session'>[]): Promise<void> {
  const sessionIds = pending.flatMap(({ receipt }) => receipt.session_id ?? [])
  for (const table of ['conversations_users', 'untracked_sessions'])
    await trx.raw(`select from ${table} where session_id = any(?::uuid[]) order by session_id for update`, [
      sessionIds,
    ] as Knex.RawBinding[])
}

/** Without a token only the conversation tells the session. */
async function sessionOfConversation(
  trx: Knex.Transaction,
  provider: string,
  conversationId: string,
): Promise<string | undefined> {
  const type = Object.hasOwn(conversationTypes, provider)
    ? conversationTypes[provider as keyof typeof conversationTypes]
    : 0
  const { rows } = await trx.raw<{ rows: { session_id: string }[] }>(
    `select session_id from conversations_users where conversation_type_id = ? and external_conversation_id = ?
     union all select session_id from untracked_sessions
     where conversation_type_id = ? and external_conversation_id = ? limit 1`,
    [type, conversationId, type, conversationId],
  )
  return rows[0]?.session_id
}
