import type { Knex } from 'knex'
import type { Dispatch } from '../domain/follow-up.js'
import type { Database } from './database.js'
import { recordAccepted } from './follow-up-record.js'
import { finish, type FollowUpRef, type FollowUpRow, lockFollowUp, selectFollowUp } from './follow-up-rows.js'
import { takeTicket, type Ticket, type TicketOptions } from './follow-up-ticket.js'
import { cleanText } from './values.js'

/** Where a follow-up stands after a step. */
export type Standing =
  | { state: 'over' }
  | { state: 'sent' }
  /** Not taken by the provider, for certain: to be tried again after that many milliseconds. */
  | { state: 'again'; afterMs: number }
  /** Nobody knows what came of the attempt. */
  | { state: 'unresolved' }

/** After so many tries that the provider did not take, some seven hours, it is given up. */
const mostAttempts = 20
const longestPauseMs = 30 * 60_000
const longestDraft = { sms: 1600, call: 4000 } as const

export interface FollowUpStepsOptions {
  /** Before the second try; later ones wait longer. Milliseconds. */
  firstPauseMs?: number
}

/** What happens to follow-ups beside their authors: steps of their workflow, each one transaction. */
export function createFollowUpSteps(
  database: Pick<Database, 'withService'>,
  { firstPauseMs = 5_000 }: FollowUpStepsOptions = {},
) {
  const inTenant = <T>(ref: FollowUpRef, work: (trx: Knex.Transaction) => Promise<T>) =>
    database.withService(ref.tenantId, work)

  return {
    /** Those that no workflow has taken in this many seconds, oldest first: the start was lost. */
    unbegun: (olderThanSeconds: number, limit: number): Promise<FollowUpRef[]> =>
      database.withService(undefined, async (trx) => {
        const { rows } = await trx.raw<{ rows: FollowUpRef[] }>(
          `select id as "followUpId", tenant_id as "tenantId" from follow_ups
           where begun_at is null and status = 'scheduled' and created_at < now() - make_interval(secs => ?)
           order by created_at limit ?`,
          [olderThanSeconds, limit],
        )
        return rows
      }),

    /** Its workflow has it from now on. */
    begin: (ref: FollowUpRef): Promise<{ state: 'go' | 'over'; needsDraft: boolean }> =>
      inTenant(ref, async (trx) => {
        const { rows } = await trx.raw<{ rows: { needsDraft: boolean }[] }>(
          `update follow_ups set begun_at = coalesce(begun_at, now())
           where id = ? and status in ('scheduled', 'sending', 'sent') returning body is null as "needsDraft"`,
          [ref.followUpId],
        )
        return rows[0] ? { state: 'go', ...rows[0] } : { state: 'over', needsDraft: false }
      }),

    find: (ref: FollowUpRef): Promise<FollowUpRow | undefined> => inTenant(ref, (trx) => selectFollowUp(trx, ref)),

    /** The text that a draft has brought; one that is there stays. */
    setDraft: (ref: FollowUpRef, text: string): Promise<void> =>
      inTenant(ref, async (trx) => {
        const row = await lockFollowUp(trx, ref)
        if (!row) return
        const body = cleanText(text).trim().slice(0, longestDraft[row.channel])
        if (body === '') return await finish(trx, row, { status: 'failed', reason: 'draft_failed' })
        await trx.raw('update follow_ups set body = coalesce(body, ?), updated_at = now() where id = ?', [body, row.id])
      }),

    ticket: (ref: FollowUpRef, options: TicketOptions): Promise<Ticket> =>
      database.withService(undefined, (trx) => takeTicket(trx, ref, options)),

    /** Which of a provider's ids are another follow-up's. */
    othersOf: (
      { followUpId }: FollowUpRef,
      provider: string,
      externalIds: readonly string[],
    ): Promise<ReadonlySet<string>> =>
      database.withService(undefined, async (trx) => {
        const { rows } = await trx.raw<{ rows: { id: string }[] }>(
          `select external_id as id from follow_ups where provider = ? and external_id = any(?::text[]) and id <> ?`,
          [provider, [...externalIds], followUpId] as Knex.RawBinding[],
        )
        return new Set(rows.map(({ id }) => id))
      }),

    /** What the provider said of an attempt, written down once; what webhooks said meanwhile goes before it. */
    record: (ref: FollowUpRef, dispatch: Dispatch): Promise<Standing> =>
      inTenant(ref, async (trx) => {
        // Read without a lock: the message or call is locked first, as webhooks do.
        const row = await selectFollowUp(trx, ref)
        const mayBeIt =
          dispatch.state === 'accepted' && (row?.externalId ?? dispatch.externalId) === dispatch.externalId
        if (row && mayBeIt && row.status !== 'cancelled') await recordAccepted(trx, row, dispatch)
        const now = await lockFollowUp(trx, ref)
        if (!now?.attemptOpen) return standingOf(now)
        if (dispatch.state === 'not_accepted')
          return await notAccepted(trx, now, pauseOf(dispatch, now.attempts, firstPauseMs))
        if (dispatch.state !== 'refused') return { state: 'unresolved' }
        await finish(trx, now, { status: 'failed', reason: dispatch.reason, errorCode: dispatch.errorCode })
        return { state: 'over' }
      }),

    /** Nobody can tell whether it reached its lead: it is not tried again. */
    giveUp: (ref: FollowUpRef): Promise<Standing> =>
      inTenant(ref, async (trx) => {
        const row = await lockFollowUp(trx, ref)
        if (!row?.attemptOpen) return standingOf(row)
        await finish(trx, row, { status: 'unknown', reason: 'not_confirmed' })
        return { state: 'over' }
      }),

    /** Ends one that has not been sent. */
    withdraw: (ref: FollowUpRef, end: { status: 'failed' | 'cancelled'; reason?: 'draft_failed' }): Promise<void> =>
      inTenant(ref, async (trx) => {
        const row = await lockFollowUp(trx, ref)
        if (row?.status === 'scheduled') await finish(trx, row, end)
      }),
  }
}

export type FollowUpSteps = ReturnType<typeof createFollowUpSteps>

/** Of one without an open attempt. */
function standingOf(row: FollowUpRow | undefined): Standing {
  if (row?.status === 'sent') return { state: 'sent' }
  return row?.status === 'scheduled' ? { state: 'again', afterMs: 1000 } : { state: 'over' }
}

async function notAccepted(trx: Knex.Transaction, row: FollowUpRow, afterMs: number): Promise<Standing> {
  if (row.attempts >= mostAttempts) {
    await finish(trx, row, { status: 'failed', reason: 'provider_unavailable' })
    return { state: 'over' }
  }
  await trx.raw(
    `update follow_ups set status = 'scheduled', attempt_open = false, updated_at = now(),
       waits_until = now() + make_interval(secs => ?) where id = ?`,
    [afterMs / 1000, row.id],
  )
  return { state: 'again', afterMs }
}

/** As the provider asks, else longer each time. Milliseconds. */
const pauseOf = (
  { retryAfterSeconds }: Extract<Dispatch, { state: 'not_accepted' }>,
  attempts: number,
  firstPauseMs: number,
) =>
  retryAfterSeconds === undefined
    ? Math.min(firstPauseMs * 2 ** (attempts - 1), longestPauseMs)
    : Math.ceil(retryAfterSeconds * 1000)
