import type { Knex } from 'knex'
import { ConflictError, InvalidRequestError, NotFoundError } from '../domain/errors.js'
import { type FollowUpChannel, followUpEntry, type FollowUpStatus } from '../domain/follow-up.js'
import type { Actor } from '../domain/identity.js'
import type { Page, PageRequest, Revised } from '../domain/page.js'
import type { Author } from '../domain/resource.js'
import type { Database } from './database.js'
import { appendEvents } from './event-log.js'
import { holdPerson } from './follow-up-person.js'
import { byCreation, type Condition, type Listing, selectPage } from './page.js'
import { asRefusal, invalidField } from './refusals.js'
import { asService } from './resource.js'
import { given, ownOnly } from './resource-ties.js'
import { revised } from './revision.js'
import { cleanText, isUuid, json } from './values.js'

/** A follow-up as the API shows it. */
export interface FollowUp {
  id: string
  tenantId: string
  leadId: string
  channel: FollowUpChannel
  status: FollowUpStatus
  reason: string | null
  errorCode: string | null
  to: string
  body: string | null
  draft: boolean
  metadata: Record<string, unknown>
  notBefore: Date | null
  waitsUntil: Date | null
  createdBy: string
  provider: 'twilio' | 'bland' | null
  externalId: string | null
  attempts: number
  sentAt: Date | null
  endedAt: Date | null
  createdAt: Date
  updatedAt: Date
}

export interface NewFollowUp {
  id: string
  leadId: string
  channel: FollowUpChannel
  /** Null: a draft will say it. */
  body: string | null
  notBefore: string | null
  metadata: Record<string, unknown>
  /** Tells a repeat from another request under the same key. */
  requestHash: string
}

export interface FollowUpFilter {
  lead?: string | undefined
  channel?: string | undefined
  status?: string | undefined
  from?: string | undefined
  to?: string | undefined
}

const columns = `id, tenant_id as "tenantId", lead_id as "leadId", channel, status, reason, error_code as "errorCode",
  to_number as "to", body, draft, metadata, not_before as "notBefore", waits_until as "waitsUntil",
  created_by as "createdBy", provider, external_id as "externalId", attempts, sent_at as "sentAt", ended_at as "endedAt",
  created_at as "createdAt", updated_at as "updatedAt"`

export const followUpListing: Listing = { table: 'follow_ups', columns, sorts: byCreation }

export interface FollowUpStoreOptions {
  /** Two follow-ups by one channel reach one person this far apart at least. */
  gapMs: number
}

/** Calls and text messages to leads, as those who ask for them see them. */
export function createFollowUpStore(database: Pick<Database, 'withTenant'>, { gapMs }: FollowUpStoreOptions) {
  return {
    /**
     * Takes one in; the same id and request is the same follow-up.
     * @throws NotFoundError for a lead that the author does not see; ConflictError follow_up_too_soon
     */
    create: async (author: Author, wanted: NewFollowUp): Promise<{ row: Revised<FollowUp>; replayed: boolean }> => {
      try {
        return await database.withTenant(author, (trx) => create(trx, { author, wanted, gapMs }))
      } catch (error) {
        throw asRefusal(error)
      }
    },

    list: (actor: Actor, request: PageRequest<FollowUpFilter>): Promise<Page<FollowUp>> =>
      database.withTenant(actor, (trx) =>
        selectPage<FollowUp>(trx, followUpListing, {
          tenantId: actor.tenantId,
          request,
          conditions: conditions(actor, request.filter),
        }),
      ),

    /** One as the actor may see it. */
    find: async (actor: Actor, id: string): Promise<Revised<FollowUp> | undefined> => {
      const row = isUuid(id) ? await database.withTenant(actor, (trx) => one(trx, id)) : undefined
      return row && revised(row)
    },

    /**
     * Calls off one that has not been sent; one that is called off already stays so.
     * @returns undefined when there is none that the author sees
     * @throws ConflictError follow_up_sent when it may have reached its lead
     */
    cancel: (author: Author, id: string): Promise<Revised<FollowUp> | undefined> =>
      database.withTenant(author, async (trx) => {
        const row = await one(trx, id, 'for update')
        if (!row || row.status === 'cancelled') return row && revised(row)
        if (row.status !== 'scheduled') throw new ConflictError('it has been sent, or is being sent', 'follow_up_sent')
        const { rows } = await trx.raw<{ rows: FollowUp[] }>(
          `update follow_ups set status = 'cancelled', waits_until = null, ended_at = now(), updated_at = now()
           where id = ? returning ${columns}`,
          [id],
        )
        const [after] = rows
        if (!after) return undefined
        await asService(trx)
        await appendEvents(trx, [followUpEntry('follow_up.status', after, author.traceId)])
        return revised(after)
      }),
  }
}

export type FollowUpStore = ReturnType<typeof createFollowUpStore>

async function one(trx: Knex.Transaction, id: string, lock = ''): Promise<FollowUp | undefined> {
  const { rows } = await trx.raw<{ rows: FollowUp[] }>(`select ${columns} from follow_ups where id = ? ${lock}`, [id])
  return rows[0]
}

interface Creation {
  author: Author
  wanted: NewFollowUp
  gapMs: number
}

async function create(trx: Knex.Transaction, { author, wanted, gapMs }: Creation) {
  const known = await repeated(trx, wanted)
  if (known) return { row: revised(known), replayed: true }
  const to = await numberOf(trx, wanted.leadId)
  const { rows } = await trx.raw<{ rows: FollowUp[] }>(
    `insert into follow_ups (id, tenant_id, lead_id, channel, to_number, body, draft, metadata, not_before, request_hash,
       created_by) values (?, ?, ?, ?, ?, ?, ?, ?::jsonb, ?, ?, ?) on conflict (id) do nothing returning ${columns}`,
    [
      wanted.id,
      author.tenantId,
      wanted.leadId,
      wanted.channel,
      to,
      wanted.body === null ? null : cleanText(wanted.body),
      wanted.body === null,
      json(wanted.metadata),
      wanted.notBefore,
      wanted.requestHash,
      cleanText(author.userId),
    ] as Knex.RawBinding[],
  )
  const [row] = rows
  // Another request under the same key was quicker.
  const other = row ?? (await repeated(trx, wanted))
  if (!other) throw new NotFoundError('no such lead')
  if (!row) return { row: revised(other), replayed: true }
  await asService(trx)
  await assertApart(trx, { row, gapMs })
  await appendEvents(trx, [followUpEntry('follow_up.created', row, author.traceId)])
  return { row: revised(row), replayed: false }
}

/** What an earlier request under the same key made. */
async function repeated(trx: Knex.Transaction, { id, requestHash }: NewFollowUp): Promise<FollowUp | undefined> {
  const row = await one(trx, id)
  if (!row) return undefined
  const { rows } = await trx.raw<{ rows: { hash: string }[] }>(
    'select request_hash as hash from follow_ups where id = ?',
    [id],
  )
  if (rows[0]?.hash === requestHash) return row
  throw new InvalidRequestError('the Idempotency-Key was used with another request', [
    { pointer: 'header/idempotency-key', detail: 'was used with another request body' },
  ])
}

async function numberOf(trx: Knex.Transaction, leadId: string): Promise<string> {
  const { rows } = await trx.raw<{ rows: { phone: string | null }[] }>('select phone from leads where id = ?', [leadId])
  const [lead] = rows
  if (!lead) throw new NotFoundError('no such lead')
  if (lead.phone === null) throw invalidField('/lead_id', 'must be a lead with a telephone number')
  return lead.phone
}

/** One person is not reached twice in a row by one channel, whoever of the company asks, and under whichever lead. */
async function assertApart(trx: Knex.Transaction, { row, gapMs }: { row: FollowUp; gapMs: number }): Promise<void> {
  await holdPerson(trx, row)
  const { rows } = await trx.raw<{ rows: unknown[] }>(
    `select from follow_ups o where o.tenant_id = ? and o.channel = ? and o.id <> ?
       and (o.to_number = ? or o.lead_id = ?) and o.status not in ('failed', 'cancelled')
       and abs(extract(epoch from coalesce(o.attempted_at, greatest(o.created_at, o.not_before))
         - greatest(now(), ?::timestamptz))) * 1000 < ? limit 1`,
    [row.tenantId, row.channel, row.id, row.to, row.leadId, row.notBefore, gapMs] as Knex.RawBinding[],
  )
  if (rows.length === 0) return
  const minutes = Math.ceil(gapMs / 60_000)
  throw new ConflictError(
    `the lead has a follow-up by ${row.channel} within ${minutes} minutes of it already`,
    'follow_up_too_soon',
  )
}

function conditions(actor: Actor, { lead, channel, status, from, to }: FollowUpFilter): Condition[] {
  return [
    ...(actor.role === 'rep' ? [ofOwnLeads(actor)] : []),
    ...given(
      ['lead_id = ?', lead],
      ['channel = ?', channel],
      ['status = ?', status],
      ['created_at >= ?', from],
      ['created_at < ?', to],
    ),
  ]
}

/** The policy says the same; said here as well, the index on the lead serves. */
function ofOwnLeads(actor: Actor): Condition {
  const [sql, bindings] = ownOnly(actor)
  return [`lead_id in (select id from leads where ${sql})`, bindings]
}
