import type { Knex } from 'knex'
import type { CallFact, CallFacts } from '../domain/call.js'
import { type CallState, foldCall } from '../domain/call-fold.js'
import type { LivekitEventRecord } from '../domain/webhook.js'
import type { CallRecord } from './call-locks.js'
import { leadByPhone } from './lead-by-phone.js'
import { rowSet } from './row-set.js'
import { parameter } from './values.js'

/** A LiveKit event on its way into its table; without a call it stays unprocessed. */
export interface LivekitEventRow {
  record: LivekitEventRecord
  facts: readonly CallFact[]
  call: Pick<CallRecord, 'id' | 'tenantId'> | undefined
}

const states = new WeakMap<CallFacts, CallState>()

/** What the facts fold into; the same facts are folded once, for the news of a call and for its row. */
export function stateOf(facts: CallFacts): CallState {
  const state = states.get(facts) ?? foldCall(facts)
  states.set(facts, state)
  return state
}

function rowOf(call: CallRecord) {
  const state = stateOf(call.facts)
  return {
    id: call.id,
    company_id: call.tenantId,
    provider: call.provider,
    external_id: call.externalId,
    user_id: call.userId,
    lead_id: call.leadId,
    status: state.status,
    direction: state.direction,
    from_number: state.from,
    to_number: state.to,
    started_at: state.startedAt,
    answered_at: state.answeredAt,
    ended_at: state.endedAt,
    duration_seconds: state.durationSeconds,
    outcome: state.outcome,
    ended_reason: state.endedReason,
    recordingUrl: state.recordingUrl,
    metadata: state.metadata,
    facts: call.facts,
    announced: call.announced,
  }
}

type CallRow = ReturnType<typeof rowOf>

/** The columns that the facts are folded into, and the facts. */
const folded = {
  user_id: 'text',
  lead_id: 'text',
  status: 'text',
  direction: 'text',
  from_number: 'text',
  to_number: 'text',
  started_at: 'timestamptz',
  answered_at: 'timestamptz',
  ended_at: 'timestamptz',
  duration_seconds: 'integer',
  outcome: 'text',
  ended_reason: 'text',
  recordingUrl: 'text',
  metadata: 'jsonb',
  facts: 'jsonb',
  announced: 'jsonb',
} as const
const names = Object.keys(folded).map((name) => `"${name}"`)
const fresh = rowSet<CallRow>('n', {
  id: 'uuid',
  company_id: 'uuid',
  provider: 'text',
  external_id: 'text',
  ...folded,
})
const known = rowSet<Pick<CallRow, 'id' | keyof typeof folded>>('u', { id: 'uuid', ...folded })

/**
 * Adds rows in order of the provider's id, so that two transactions never wait in a ring. A call of nobody's lead becomes
 * that of the lead with the number.
 * @returns ids of those that were added, each with its lead; another transaction was quicker with the others
 */
export async function insertCalls(
  trx: Knex.Transaction,
  calls: readonly CallRecord[],
): Promise<Map<string, string | null>> {
  if (calls.length === 0) return new Map()
  const values = names.map((name) =>
    name === '"lead_id"' ? `coalesce(lead_id, ${leadByPhone('n', 'company_id')}::text)` : name,
  )
  const { rows } = await trx.raw<{ rows: { id: string; leadId: string | null }[] }>(
    `insert into call_logs (id, company_id, provider, external_id, ${names.join(', ')})
     select id, company_id, provider, external_id, ${values.join(', ')}
     from ${fresh.from}
     order by provider, external_id, company_id
     on conflict do nothing returning id, lead_id as "leadId"`,
    fresh.bindings(calls.map(rowOf)),
  )
  return new Map(rows.map(({ id, leadId }) => [id, leadId]))
}

/** Adds rows that have their lead. A row that another transaction was quicker with is an error. */
export async function addCalls(trx: Knex.Transaction, calls: readonly CallRecord[]): Promise<void> {
  if (calls.length > 0) await trx.raw(addAll, fresh.bindings(calls.map(rowOf)))
}

const addAll = `
  insert into call_logs (id, company_id, provider, external_id, ${names.join(', ')})
  select id, company_id, provider, external_id, ${names.join(', ')} from ${fresh.from}
  order by provider, external_id, company_id`

/** Brings locked rows up to their facts and keeps the LiveKit events, in one trip for all. */
export async function saveCalls(
  trx: Knex.Transaction,
  { calls, events }: { calls: readonly CallRecord[]; events: readonly LivekitEventRow[] },
): Promise<void> {
  const rows = known.bindings(calls.map(rowOf))
  if (events.length > 0) await trx.raw(`with kept as (${keepEvents}) ${updateCalls}`, [eventsOf(events), ...rows])
  else if (calls.length > 0) await trx.raw(updateCalls, rows)
}

const updateCalls = `
  update call_logs c set (${names.join(', ')}, updated_at) = row (${names.map((name) => `u.${name}`).join(', ')}, now())
  from ${known.from} where c.id = u.id`

const keepEvents = `
  insert into livekit_call_events ("eventId", event, room_sid, room_name, participant_identity, payload, processed,
    "createdAt", call_id, tenant_id)
  select "eventId", event, room_sid, room_name, participant_identity, payload, call_id is not null, "createdAt", call_id,
    tenant_id
  from jsonb_to_recordset(?::jsonb) as e ("eventId" text, event text, room_sid text, room_name text,
    participant_identity text, payload jsonb, "createdAt" timestamptz, call_id uuid, tenant_id uuid)
  order by "eventId"
  on conflict ("eventId") do update set processed = true, call_id = excluded.call_id, tenant_id = excluded.tenant_id
    where excluded.processed and not livekit_call_events.processed`

/** One statement cannot touch a row twice: an event that stands there twice is taken once. */
function eventsOf(events: readonly LivekitEventRow[]): string {
  const rows = events.map(({ record, facts, call }) => ({
    eventId: record.eventId,
    event: record.event,
    room_sid: record.roomSid,
    room_name: record.roomName,
    participant_identity: record.participantIdentity,
    payload: { facts },
    createdAt: record.createdAt,
    call_id: call?.id,
    tenant_id: call?.tenantId,
  }))
  return parameter([...new Map(rows.map((row) => [row.eventId, row])).values()])
}
