import type { Knex } from 'knex'
import { newId } from './new-id.js'
import type { CallFact, CallFacts } from '../domain/call.js'
import { dueCallEvents } from '../domain/call-news.js'
import type { NewEvent } from '../domain/event.js'
import { type FollowUpResult, resultOfCall } from '../domain/follow-up.js'
import { type CallRecord, type Candidates, lockCalls } from './call-locks.js'
import { ownKey } from './call-creation.js'
import { tellFollowUps } from './follow-up-results.js'
import { leadsByPhone } from './lead-by-phone.js'
import { addCalls, insertCalls, saveCalls, stateOf } from './call-writes.js'
import type { Applied, Applier, Beside, Pending } from './receipt-applier.js'
import { findTenants } from './tenant-lookup.js'
import { queueRecordings, type RecordedCall } from './uwc-queue.js'
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

/** Effects on calls; with `transcribes`, each recording of a call that is over is to be transcribed. */
export const createCallApplier =
  ({ transcribes }: { transcribes: boolean }): Applier<'call'> =>
  async (trx, all, beside) => {
    // What follows from a call's row, or from what is told of it, needs that row first.
    const alone = !transcribes && all.every(({ effect }) => effect.followUpId === undefined)
    if (beside?.last && alone) return await applyTogether(trx, all, { ...beside, last: beside.last })
    const { answers: applied, folded } = await applyAll(trx, all, beside?.repeats)
    if (transcribes) await queueRecordings(trx, folded.flatMap(recordedOf))
    return applied
  }

/** Without what follows from a recording. */
export const applyToCalls = createCallApplier({ transcribes: false })

/** What of a call can be transcribed: nothing before it is over. */
function recordedOf({ record, changed }: Folded): RecordedCall[] {
  const { status, recordingUrl, metadata } = stateOf(record.facts)
  if (!changed || status !== 'ended' || recordingUrl === undefined) return []
  const urls = (metadata.recordings as string[] | undefined) ?? [recordingUrl]
  return [{ tenantId: record.tenantId, id: record.id, urls }]
}

/** With the lookups of all in one trip and the writes in the last: for calls that nobody else is at work on. */
async function applyTogether(
  trx: Knex.Transaction,
  all: readonly PendingCall[],
  { repeats, last }: Beside & { last: NonNullable<Beside['last']> },
): Promise<Applied[]> {
  const wanted = all.map(({ effect }) => effect.tenant)
  const [leadOf, seen] = await Promise.all([leadsByPhone(trx, wanted, phonesOf(all)), lookUp(trx, all, repeats)])
  const { pending, first, tenants } = seen
  const added = draftsFor(first.missing, tenants)
    .map(fold)
    .map((draft) => {
      const { direction, from, to } = stateOf(draft.record.facts)
      const phone = direction === 'inbound' ? from : direction === 'outbound' ? to : undefined
      return ofLead(draft, leadOf(draft.record.tenantId, phone))
    })
  const known = first.groups.map(fold)
  last(() =>
    addCalls(
      trx,
      added.map(({ record }) => record),
    ),
  )
  last(() => save(trx, pending, { added, found: known }))
  return answers(pending, { folded: [...added, ...known], mismatched: first.mismatched, tenants })
}

const phonesOf = (all: readonly PendingCall[]) =>
  all.flatMap(({ effect }) =>
    effect.facts.flatMap((fact) => (fact.type === 'details' ? [fact.from, fact.to].flatMap((one) => one ?? []) : [])),
  )

/** What the database knows of the events, asked in one trip: the rows are looked up without regard to the company, which then chooses. */
async function lookUp(
  trx: Knex.Transaction,
  all: readonly PendingCall[],
  repeats: Promise<ReadonlySet<string>> | undefined,
) {
  const [found, tenants, repeated] = await Promise.all([candidatesOf(trx, all), tenantsOf(trx, all), repeats])
  const isNew = (_: unknown, n: number) => !repeated?.has(all[n]?.receipt.delivery_key ?? '')
  const [pending, candidates] = [all.filter(isNew), found.filter(isNew)]
  return { pending, tenants, first: located(pending, candidates, tenants) }
}

/** All that are given at once: two trips for calls that are known, two more for new ones. */
async function applyAll(
  trx: Knex.Transaction,
  all: readonly PendingCall[],
  repeats: Promise<ReadonlySet<string>> | undefined,
): Promise<{ answers: Applied[]; folded: Folded[] }> {
  const { pending, first, tenants } = await lookUp(trx, all, repeats)
  const drafts = draftsFor(first.missing, tenants).map(fold)
  const made = await insertCalls(
    trx,
    drafts.map(({ record }) => record),
  )
  const added = drafts.flatMap((draft) => (made.has(draft.record.id) ? [ofLead(draft, made.get(draft.record.id))] : []))
  const late = drafts.filter(({ record }) => !made.has(record.id)).flatMap(({ members }) => members)
  const second = located(late, await candidatesOf(trx, late), tenants)
  const known = merged([...first.groups, ...second.groups]).map(fold)
  await save(trx, pending, { added, found: known })
  const told = await tellFollowUps(trx, [...added, ...known].flatMap(resultsOf))
  const folded = [...added, ...known].map((one) => ({ ...one, events: [...one.events, ...told.filter(isOf(one))] }))
  return { answers: answers(pending, { folded, mismatched: first.mismatched, tenants }), folded }
}

/** What the call says of the follow-up that had it placed, should an event of the group name one. */
function resultsOf({ record, members }: Folded): FollowUpResult[] {
  const { provider, externalId, tenantId, facts } = record
  const followUpId = members.find(({ effect }) => effect.followUpId !== undefined)?.effect.followUpId
  if (followUpId === undefined || provider !== 'bland') return []
  return [{ followUpId, tenantId, provider, externalId, ...resultOfCall(stateOf(facts).outcome ?? null) }]
}

const isOf =
  ({ record, members }: Folded) =>
  (event: NewEvent) =>
    event.tenantId === record.tenantId && members.some(({ effect }) => effect.followUpId === event.data.follow_up_id)

/** The lead was found while the row was written, and what is told of the call names it. */
function ofLead(draft: Folded, leadId: string | null = null): Folded {
  if (leadId === null) return draft
  const events = draft.events.map((event) => ({ ...event, leadId }))
  return { ...draft, record: { ...draft.record, leadId }, events }
}

type Tenants = ReadonlyMap<PendingCall, string | undefined>

const candidatesOf = (trx: Knex.Transaction, pending: readonly PendingCall[]) =>
  lockCalls(
    trx,
    pending.map(({ effect }) => effect),
  )

interface Located {
  groups: Group[]
  /** Of a company that is known, or of none. */
  missing: PendingCall[]
  /** The call that it names by our own id is another company's. */
  mismatched: Set<PendingCall>
}

/** Of the rows that an event may be about, that of the company it names; of an event that names none, the oldest. */
function located(pending: readonly PendingCall[], candidates: Candidates, tenants: Tenants): Located {
  const result: Located = { groups: [], missing: [], mismatched: new Set() }
  pending.forEach((one, n) => {
    const { tenant, callId } = one.effect
    const rows = candidates[n] ?? []
    const own = rows.find(({ tenantId }) => tenantId === tenants.get(one))
    const partial = tenant?.by === 'integration' && tenant.partial
    const record = namesCompany(one) ? ((partial ? rows.find(isTold) : undefined) ?? own) : rows[0]
    if (record) result.groups.push({ record, members: [one] })
    else if (rows.some(({ id }) => id === callId) && tenants.get(one) !== undefined) result.mismatched.add(one)
    else result.missing.push(one)
  })
  result.groups = merged(result.groups)
  return result
}

/** Whether the event says whose it is: one without an account does not, though its provider's mostly do. */
const namesCompany = ({ effect: { tenant } }: PendingCall) =>
  tenant !== undefined && (tenant.by === 'company' || tenant.accounts.length > 0)

/** Not only by its company: anybody may say that a call is theirs. */
const isTold = ({ facts }: CallRecord) => Object.keys(facts).some((key) => key !== ownKey)

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

async function tenantsOf(trx: Knex.Transaction, pending: readonly PendingCall[]): Promise<Tenants> {
  const tenants = await findTenants(
    trx,
    pending.map(({ effect }) => effect.tenant),
  )
  return new Map(pending.map((one, n) => [one, tenants[n]]))
}

/** Rows for calls that nobody has told of yet, of the companies that the events name. */
function draftsFor(missing: readonly PendingCall[], tenants: Tenants): Group[] {
  const drafts = new Map<string, Group>()
  const byName = new Map<string, Group>()
  for (const one of missing) {
    const { provider, externalId, makesNone } = one.effect
    const tenantId = tenants.get(one)
    if (tenantId === undefined || makesNone) continue
    const key = JSON.stringify([provider, externalId, tenantId])
    const draft = drafts.get(key) ?? { record: newRecord(one, tenantId), members: [] }
    draft.members.push(one)
    drafts.set(key, draft)
    byName.set(JSON.stringify([provider, externalId]), draft)
  }
  // Whoever names neither company nor call of ours belongs to what the others make.
  for (const one of missing) {
    const { callId, provider, externalId } = one.effect
    if (!namesCompany(one) && callId === undefined)
      byName.get(JSON.stringify([provider, externalId]))?.members.push(one)
  }
  return [...drafts.values()]
}

const newRecord = ({ effect: { provider, externalId } }: PendingCall, tenantId: string): CallRecord => ({
  id: newId(),
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
  const { events, announced } = dueCallEvents(record, stateOf(facts), record.announced)
  const changed = events.length > 0 || differ(facts, record.facts, members)
  return { record: { ...record, facts, announced }, members, changed, events }
}

/** Only what the group tells can differ; the same delivery may say more after its provider's code was mended. */
const differ = (now: CallFacts, before: CallFacts, members: readonly PendingCall[]) =>
  members.some(({ receipt: { delivery_key: key } }) =>
    before[key] === undefined ? now[key] !== undefined : json(now[key]) !== json(before[key]),
  )

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

interface Outcome {
  folded: readonly Folded[]
  mismatched: ReadonlySet<PendingCall>
  tenants: Tenants
}

/** What a call's news are is told with the first of its receipts. */
function answers(pending: readonly PendingCall[], { folded, mismatched, tenants }: Outcome): Applied[] {
  const applied = new Map<PendingCall, Applied>()
  for (const { record, members, events } of folded)
    members.forEach((one, n) => applied.set(one, appliedTo(record, n === 0 ? events : [])))
  const nobodys = (one: PendingCall) => one.effect.tenant && tenants.get(one) === undefined
  return pending.map((one): Applied => {
    const found = applied.get(one)
    if (found) return found
    if (mismatched.has(one)) return { state: 'mismatch', reason: 'the call is not the company’s' }
    return { state: 'unknown', reason: nobodys(one) ? 'no such company' : 'no such call' }
  })
}

const appliedTo = ({ tenantId, userId, leadId }: CallRecord, events: NewEvent[]): Applied => ({
  state: 'applied',
  tenantId,
  userId: userId ?? undefined,
  leadId: leadId ?? undefined,
  events,
})
