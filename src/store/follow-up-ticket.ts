import type { Knex } from 'knex'
import type { Errand, FollowUpChannel } from '../domain/follow-up.js'
import { firstAllowed } from '../domain/quiet-hours.js'
import { adoptTenant } from './database.js'
import { holdPerson, ownNumberOf } from './follow-up-person.js'
import { errandOf, finish, type FollowUpRef, type FollowUpRow, lockFollowUp } from './follow-up-rows.js'
import { quietHoursOf } from './quiet-hours.js'

/** Whether a follow-up may leave now. */
export type Ticket =
  | { state: 'go'; channel: FollowUpChannel; errand: Errand }
  /** Not before then; epoch milliseconds. */
  | { state: 'wait'; until: number }
  /** An attempt began and nobody knows what came of it: its provider is to be asked. */
  | { state: 'unresolved' }
  | { state: 'sent' }
  | { state: 'over' }

export interface TicketOptions {
  /** Epoch milliseconds: what quiet hours are judged by. */
  now: number
  /** Two by one channel reach one person this far apart at least. */
  gapMs: number
  /** Which provider brings a channel's follow-ups, and whether it could, given the company's own number. */
  carrier: (channel: FollowUpRow['channel']) => {
    provider: 'twilio' | 'bland'
    configured: (ownNumber: string | undefined) => boolean
  }
  /** The installation's number, for companies without one. */
  fromNumber: string | undefined
}

/** Somebody else's attempt to the same person is being cleared up. */
const busyMs = 5_000
/** Quiet hours may be changed meanwhile. */
const longestWaitMs = 3_600_000

/**
 * Takes the one ticket for the next attempt, which says in the row, before anything is sent, that something is about to be.
 * Needs a service transaction that sees every tenant: whom others are writing to from the same number matters, too.
 */
export async function takeTicket(trx: Knex.Transaction, ref: FollowUpRef, options: TicketOptions): Promise<Ticket> {
  const row = await lockFollowUp(trx, ref)
  if (row?.status === 'sent') return { state: 'sent' }
  if (!row || (row.status !== 'scheduled' && row.status !== 'sending')) return { state: 'over' }
  if (row.attemptOpen) return { state: 'unresolved' }
  const until = await waitOf(trx, row, options.now)
  if (until !== undefined) return await wait(trx, row, until, options.now)
  if (row.phone === null) return await fail(trx, row, 'no_number')
  const carrier = options.carrier(row.channel)
  const own = await ownNumberOf(trx, row.tenantId)
  if (!carrier.configured(own)) return await fail(trx, row, 'provider_not_configured')
  const from = row.channel === 'sms' ? (own ?? options.fromNumber ?? null) : null
  const next = { ...row, to: row.phone, from }
  await holdPerson(trx, next)
  const free = await freeAt(trx, next, options)
  if (free !== undefined) return await wait(trx, row, free, options.now)
  await adoptTenant(trx, row.tenantId)
  await trx.raw(
    `update follow_ups set status = 'sending', attempt_open = true, attempted_at = clock_timestamp(),
       attempts = attempts + 1, to_number = ?, from_number = ?, provider = ?, waits_until = null, updated_at = now()
     where id = ?`,
    [next.to, from, carrier.provider, row.id] as Knex.RawBinding[],
  )
  return { state: 'go', channel: row.channel, errand: errandOf(next) }
}

/** Until when it must not be sent at all; undefined when it may. */
async function waitOf(trx: Knex.Transaction, row: FollowUpRow, now: number): Promise<number | undefined> {
  const from = Math.max(now, row.notBefore?.getTime() ?? 0)
  const hours = await quietHoursOf(trx, row.tenantId)
  const allowed = hours ? firstAllowed(from, hours) : from
  return allowed > now ? allowed : undefined
}

async function wait(trx: Knex.Transaction, row: FollowUpRow, until: number, now: number): Promise<Ticket> {
  await trx.raw('update follow_ups set waits_until = ? where id = ?', [new Date(until), row.id])
  const quietFrom = Math.max(now, row.notBefore?.getTime() ?? 0)
  return { state: 'wait', until: Math.min(until, quietFrom + longestWaitMs) }
}

async function fail(
  trx: Knex.Transaction,
  row: FollowUpRow,
  reason: 'no_number' | 'provider_not_configured',
): Promise<Ticket> {
  await finish(trx, row, { status: 'failed', reason })
  return { state: 'over' }
}

/**
 * When the person is free again, epoch milliseconds; undefined when nobody else's follow-up is in the way: one that is not
 * cleared up and comes from the same number, or one of the company's own that is too recent.
 */
async function freeAt(
  trx: Knex.Transaction,
  { id, tenantId, channel, to, from }: FollowUpRow,
  { now, gapMs }: TicketOptions,
): Promise<number | undefined> {
  const { rows } = await trx.raw<{ rows: { inMs: number | null }[] }>(
    `select max(case when o.attempt_open and o.from_number is not distinct from ? then ?::float8
         when o.tenant_id = ? then ? - extract(epoch from clock_timestamp() - o.attempted_at) * 1000 end)::float8 as "inMs"
     from follow_ups o where o.to_number = ? and o.channel = ? and o.id <> ? and o.attempted_at is not null
       and o.status not in ('failed', 'cancelled', 'scheduled')`,
    [from, busyMs, tenantId, gapMs, to, channel, id] as Knex.RawBinding[],
  )
  const inMs = rows[0]?.inMs ?? 0
  return inMs > 0 ? now + Math.ceil(inMs) : undefined
}
