import type { Knex } from 'knex'
import type { MessageState } from '../domain/message.js'
import type { MessageEffect } from '../domain/webhook.js'
import { leadByPhone } from './lead-by-phone.js'
import { parameter } from './values.js'

/** What names a message. */
export interface MessageKey {
  provider: MessageEffect['provider']
  externalId: string
}

export interface MessageRow extends MessageKey {
  id: string
  tenantId: string
  leadId: string | null
  state: MessageState
}

interface StoredRow {
  id: string
  tenant_id: string
  lead_id: string | null
  provider: MessageEffect['provider']
  external_id: string
  direction: MessageEffect['direction']
  from_number: string
  to_number: string
  body: string | null
  media: MessageState['media']
  status: string
  status_rank: number
  error_code: string | null
  sent_at: Date | null
  received_at: Date | null
}

const fields = `id uuid, tenant_id uuid, provider text, external_id text, direction text, from_number text, to_number text,
  body text, media jsonb, status text, status_rank smallint, error_code text, sent_at timestamptz, received_at timestamptz`
const told = `from_number, to_number, body, media, status, status_rank, error_code, sent_at, received_at`

const recordOf = (state: MessageState) => ({
  direction: state.direction,
  from_number: state.from,
  to_number: state.to,
  body: state.body,
  media: state.media,
  status: state.status,
  status_rank: state.statusRank,
  error_code: state.errorCode,
  sent_at: state.sentAt,
  received_at: state.receivedAt,
})

/**
 * Adds messages, in the order that is given, as those of the lead with the number; one that is there is left alone. Answers
 * with the rows that are new.
 */
export async function insertMessages(
  trx: Knex.Transaction,
  messages: readonly (MessageKey & { tenantId: string; state: MessageState })[],
): Promise<MessageRow[]> {
  if (messages.length === 0) return []
  const records = messages.map(({ provider, externalId, tenantId, state }) => ({
    provider,
    external_id: externalId,
    tenant_id: tenantId,
    ...recordOf(state),
  }))
  const columns = `tenant_id, provider, external_id, direction, ${told}`
  const { rows } = await trx.raw<{ rows: StoredRow[] }>(
    `insert into messages (${columns}, lead_id) select ${columns}, ${leadByPhone('m', 'tenant_id')}
     from rows from (jsonb_to_recordset(?::jsonb) as (${fields})) with ordinality as m order by ordinality
     on conflict (provider, external_id) do nothing returning *`,
    [parameter(records)],
  )
  return rows.map(rowOf)
}

/** The messages that are there, locked in the order of their keys: two transactions then never wait in a ring. */
export async function lockMessages(trx: Knex.Transaction, keys: readonly MessageKey[]): Promise<MessageRow[]> {
  if (keys.length === 0) return []
  const { rows } = await trx.raw<{ rows: StoredRow[] }>(
    `select m.* from messages m join unnest(?::text[], ?::text[]) as k (provider, external_id)
       on m.provider = k.provider and m.external_id = k.external_id
     order by m.provider collate "C", m.external_id collate "C" for update of m`,
    [keys.map(({ provider }) => provider), keys.map(({ externalId }) => externalId)] as Knex.RawBinding[],
  )
  return rows.map(rowOf)
}

/** Writes what is known of messages that the transaction has locked. */
export async function updateMessages(
  trx: Knex.Transaction,
  messages: readonly { id: string; state: MessageState }[],
): Promise<void> {
  if (messages.length === 0) return
  await trx.raw(
    `update messages m set (${told}, updated_at) = (select ${told
      .split(', ')
      .map((column) => `n.${column}`)
      .join(', ')}, now())
     from jsonb_to_recordset(?::jsonb) as n (${fields}) where m.id = n.id`,
    [parameter(messages.map(({ id, state }) => ({ id, ...recordOf(state) })))],
  )
}

const rowOf = (row: StoredRow): MessageRow => ({
  id: row.id,
  tenantId: row.tenant_id,
  leadId: row.lead_id,
  provider: row.provider,
  externalId: row.external_id,
  state: {
    direction: row.direction,
    from: row.from_number,
    to: row.to_number,
    body: row.body,
    media: row.media,
    status: row.status,
    statusRank: row.status_rank,
    errorCode: row.error_code,
    sentAt: row.sent_at?.toISOString() ?? null,
    receivedAt: row.received_at?.toISOString() ?? null,
  },
})
