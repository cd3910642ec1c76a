import type { Knex } from 'knex'
import { v7 as uuidv7 } from 'uuid'
import type { CallFact, CallFacts } from '../domain/call.js'
import { foldCall } from '../domain/call-fold.js'
import { dueCallEvents } from '../domain/call-news.js'
import type { NewEvent } from '../domain/event.js'
import { type CallRecord, lockCalls } from './call-locks.js'
import { insertCalls, saveCalls } from './call-writes.js'
import type { Applied, Applier, Pending } from './receipt-applier.js'
import { findTenants } from './tenant-lookup.js'
import { canonical, json } from './values.js'

type PendingCall = Pending<'call'>

/** One call and the receipts of a batch that are about it. */
interface Group {
  record: CallRecord
  members: PendingCall[]
}

/** A call with the news of its group folded in; `changed` is false when it knew all of it. */
interface Folded extends Group {
  changed: boolean
  events: NewEvent[]
}

/** Effects on calls, all that are given at once: two trips for calls that are known, two more for new ones. */
export const applyToCalls: Applier<'call'> = async (trx, pending) => {
  // Asked together, in one trip: most events are of calls that have no row yet, or name no company.
  const [first, tenants] = await Promise.all([locate(trx, pending), tenantsOf(trx, pending)])
  const drafts = draftsFor(first.missing, tenants).map(fold)
  const made = await insertCalls(
    trx,
    drafts.map(({ record }) => record),
  )
  const added = drafts.flatMap((draft) => (made.has(draft.record.id) ? [ofLead(draft, made.get(draft.record.id))] : []))
  const late = drafts.filter(({ record }) => !made.has(record.id)).flatMap(({ members }) => members)
  const second = await locate(trx, late)
  const found = merged([...first.groups, ...second.groups]).map(fold)
  await save(trx, pending, { added, found })
  return answers(pending, [...added, ...found], first.missing)
}

/** The lead was found while the row was written, and what is told of the call names it. */
function ofLead(draft: Folded, leadId: string | null = null): Folded {
  if (leadId === null) return draft
  const events = draft.events.map((event) => ({ ...event, leadId }))
  return { ...draft, record: { ...draft.record, leadId }, events }
}

/** Locks the calls that are known. */
async function locate(
  trx: Knex.Transaction,
  pending: readonly PendingCall[],
): Promise<{ groups: Group[]; missing: PendingCall[] }> {
  const located = await lockCalls(
    trx,
    pending.map(({ effect }) => effect),
  )
  const groups = pending.flatMap((one, n): Group[] => {
    const record = located[n]
    return record ? [{ record, members: [one] }] : []
  })
  return { groups: merged(groups), missing: pending.filter((_, n) => !located[n]) }
}

/** One group per call. */
function merged(groups: readonly Group[]): Group[] {
  const byId = new Map<string, Group>()
  for (const { record, members } of groups) {
    const known = byId.get(record.id)
    if (known) known.members.push(...members)
    else byId.set(record.id, { record, members: [...members] })
  }
  return [...byId.values()]
}

async function tenantsOf(trx: Knex.Transaction, pending: readonly PendingCall[]) {
  const tenants = await findTenants(
    trx,
    pending.map(({ effect }) => effect.tenant),
  )
  return new Map(pending.map((one, n) => [one, tenants[n]]))
}

/** Rows for calls that nobody has told of yet, of the companies that the events name. */
function draftsFor(missing: readonly PendingCall[], tenants: ReadonlyMap<PendingCall, string | undefined>): Group[] {
  const drafts = new Map<string, Group>()
  missing.forEach((one) => {
    const { provider, externalId } = one.effect
    const key = json([provider, externalId])
    const tenantId = tenants.get(one)
    const known = drafts.get(key)
    if (known) known.members.push(one)
    else if (tenantId !== undefined) drafts.set(key, { record: newRecord(one, tenantId), members: [one] })
  })
  return [...drafts.values()]
}

const newRecord = ({ effect: { provider, externalId } }: PendingCall, tenantId: string): CallRecord => ({
  id: uuidv7(),
  tenantId,
  userId: null,
  leadId: null,
  provider,
  externalId,
  facts: {},
  announced: {},
})

function fold({ record, members }: Group): Folded {
  const facts: Record<string, readonly CallFact[]> = { ...record.facts }
  for (const { receipt, effect } of members)
    if (effect.facts.length > 0) facts[receipt.delivery_key] = canonical(effect.facts) as CallFact[]
  const { events, announced } = dueCallEvents(record, foldCall(facts), record.announced)
  const changed = events.length > 0 || differ(facts, record.facts, members)
  return { record: { ...record, facts, announced }, members, changed, events }
}

/** Only what the group tells can differ; the same delivery may say more after its provider's code was mended. */
const differ = (now: CallFacts, before: CallFacts, members: readonly PendingCall[]) =>
  members.some(({ receipt: { delivery_key: key } }) => json(now[key]) !== json(before[key]))

async function save(
  trx: Knex.Transaction,
  pending: readonly PendingCall[],
  { added, found }: { added: readonly Folded[]; found: readonly Folded[] },
): Promise<void> {
  const callOf = new Map([...added, ...found].flatMap(({ record, members }) => members.map((one) => [one, record])))
  await saveCalls(trx, {
    calls: found.filter(({ changed }) => changed).map(({ record }) => record),
    events: pending.flatMap((one) =>
      one.effect.livekit ? [{ record: one.effect.livekit, facts: one.effect.facts, call: callOf.get(one) }] : [],
    ),
  })
}

/** What a call's news are is told with the first of its receipts. */
function answers(pending: readonly PendingCall[], folded: readonly Folded[], missing: readonly PendingCall[]) {
  const applied = new Map<PendingCall, Applied>()
  for (const one of missing)
    applied.set(one, { state: 'unknown', reason: one.effect.tenant ? 'no such company' : 'no such call' })
  for (const { record, members, events } of folded)
    members.forEach((one, n) => applied.set(one, appliedTo(record, n === 0 ? events : [])))
  return pending.map((one): Applied => applied.get(one) ?? { state: 'unknown', reason: 'no such call' })
}

const appliedTo = ({ tenantId, userId, leadId }: CallRecord, events: NewEvent[]): Applied => ({
  state: 'applied',
  tenantId,
  userId: userId ?? undefined,
  leadId: leadId ?? undefined,
  events,
})
