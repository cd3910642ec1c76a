import type { Knex } from 'knex'
import type { EventName, NewEvent } from '../domain/event.js'
import { type FollowUpResult, resultOfMessage } from '../domain/follow-up.js'
import { foldMessage, type MessageState } from '../domain/message.js'
import { tellFollowUps } from './follow-up-results.js'
import { insertMessages, lockMessages, type MessageKey, type MessageRow, updateMessages } from './message-rows.js'
import type { Applied, Applier, Pending } from './receipt-applier.js'
import { findTenants } from './tenant-lookup.js'
import { json } from './values.js'

type PendingMessage = Pending<'message'> & { tenantId: string | undefined }

/** All that came of one message, in the order of its coming. */
interface Group extends MessageKey {
  key: string
  pending: PendingMessage[]
}

/** Effects on text messages: at most four statements, however many there are, and one for those of follow-ups. */
export const applyToMessages: Applier<'message'> = async (trx, pending) => {
  const tenants = await findTenants(
    trx,
    pending.map(({ effect }) => effect.tenant),
  )
  const groups = grouped(pending.map((one, index) => ({ ...one, tenantId: tenants[index] })))
  const made = await insertNew(trx, groups)
  const rows = await lockMessages(
    trx,
    groups.filter(({ key }) => !made.has(key)),
  )
  const known = new Map(rows.map((row) => [keyOf(row), row]))
  const applied = new Map<PendingMessage['receipt'], Applied>()
  const changed: { id: string; state: MessageState }[] = []
  const results: FollowUpResult[] = []
  for (const group of groups) {
    const row = made.get(group.key) ?? known.get(group.key)
    // What was inserted is the fold of all of the group already: it is told step by step from nothing.
    const state = tell(group, row, made.has(group.key) ? undefined : row?.state, applied)
    const before = row && json(row.state)
    if (row && state && json(state) !== before) changed.push({ id: row.id, state })
    if (row && state) results.push(...resultsOf(group, row, state))
  }
  await updateMessages(trx, changed)
  addToFirst(pending, applied, await tellFollowUps(trx, results))
  return pending.map(({ receipt }) => applied.get(receipt) ?? unknown)
}

const unknown: Applied = { state: 'unknown', reason: 'no such account or number' }

/** What the message says of the follow-up that had it sent, should an event of the group name one. */
function resultsOf({ pending }: Group, row: MessageRow, state: MessageState): FollowUpResult[] {
  const { provider, externalId, tenantId } = row
  const named = pending.find((one) => one.effect.followUpId !== undefined && belongs(one, tenantId))
  const followUpId = named?.effect.followUpId
  if (followUpId === undefined || provider !== 'twilio') return []
  return [{ followUpId, tenantId, provider, externalId, ...resultOfMessage(state.status, state.errorCode) }]
}

/** What follow-ups have to tell is told with the first receipt that is taken. */
function addToFirst(
  pending: readonly Pending<'message'>[],
  applied: Map<PendingMessage['receipt'], Applied>,
  events: readonly NewEvent[],
): void {
  for (const event of events) {
    const [own] = pending.flatMap(({ receipt }) => {
      const one = applied.get(receipt)
      return one?.state === 'applied' && one.tenantId === event.tenantId ? [one] : []
    })
    own?.events.push(event)
  }
}

const keyOf = ({ provider, externalId }: MessageKey) => JSON.stringify([provider, externalId])

/** In the order of their keys: two transactions that make the same messages then wait for each other and never in a ring. */
function grouped(pending: readonly PendingMessage[]): Group[] {
  const groups = new Map<string, Group>()
  for (const one of pending) {
    const { provider, externalId } = one.effect
    const key = keyOf(one.effect)
    const group = groups.get(key)
    if (group) group.pending.push(one)
    else groups.set(key, { key, provider, externalId, pending: [one] })
  }
  return [...groups.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** A message of a company that is known; one that is there already is found out by its absence from the answer. */
async function insertNew(trx: Knex.Transaction, groups: readonly Group[]): Promise<Map<string, MessageRow>> {
  const rows = await insertMessages(
    trx,
    groups.flatMap(({ provider, externalId, pending }) => {
      const tenantId = pending.find((one) => one.tenantId !== undefined)?.tenantId
      if (tenantId === undefined) return []
      const state = pending.filter((one) => belongs(one, tenantId)).reduce<MessageState | undefined>(folded, undefined)
      return state ? [{ provider, externalId, tenantId, state }] : []
    }),
  )
  return new Map(rows.map((row) => [keyOf(row), row]))
}

/** Whoever does not say whose the message is leaves it to the row. */
const belongs = ({ tenantId }: PendingMessage, owner: string) => tenantId === undefined || tenantId === owner

const folded = (state: MessageState | undefined, { effect, receipt }: PendingMessage) =>
  foldMessage(state, effect, receipt.received_at.toISOString())

/** Folds a group into its message, and says for each of its receipts what became of it. */
function tell(
  { pending }: Group,
  row: MessageRow | undefined,
  before: MessageState | undefined,
  applied: Map<PendingMessage['receipt'], Applied>,
): MessageState | undefined {
  let state = before
  for (const one of pending) {
    if (!row) applied.set(one.receipt, unknown)
    else if (!belongs(one, row.tenantId))
      applied.set(one.receipt, { state: 'mismatch', reason: 'the message is not the one of the company' })
    else {
      const next = folded(state, one)
      applied.set(one.receipt, {
        state: 'applied',
        tenantId: row.tenantId,
        leadId: row.leadId ?? undefined,
        events: eventsOf(row, state, next),
      })
      state = next
    }
  }
  return state
}

/** Received and sent once each; a status whenever it is another. The text itself stays in its row. */
function eventsOf(row: MessageRow, before: MessageState | undefined, after: MessageState): NewEvent[] {
  const names: EventName[] = []
  if (after.receivedAt !== null && (before?.receivedAt ?? null) === null) names.push('telephony.sms.received')
  if (after.sentAt !== null && (before?.sentAt ?? null) === null) names.push('telephony.sms.sent')
  const arrived = before === undefined && after.direction === 'inbound'
  if (!arrived && before?.status !== after.status) names.push('telephony.sms.status')
  const data = {
    message_id: row.id,
    provider: row.provider,
    external_id: row.externalId,
    direction: after.direction,
    from: after.from,
    to: after.to,
    status: after.status,
    ...(after.errorCode === null ? {} : { error_code: after.errorCode }),
  }
  return names.map((event) => ({ event, tenantId: row.tenantId, leadId: row.leadId ?? undefined, data }))
}
