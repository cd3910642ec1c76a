import type { Knex } from 'knex'
import { v7 as uuidv7 } from 'uuid'
import { InvalidRequestError, NotFoundError } from '../domain/errors.js'
import type { Actor } from '../domain/identity.js'
import type { Page, PageRequest } from '../domain/page.js'
import type { PartnerJobOrigin, PartnerJobStatus } from '../domain/partner-job.js'
import type { PartnerJobKind, PartnerSubject } from '../domain/webhook.js'
import { asService, type Database } from './database.js'
import { digestUuid } from './digest-uuid.js'
import { byCreation, type Listing, selectPage } from './page.js'
import { asRefusal, invalidField } from './refusals.js'
import { given } from './resource-ties.js'
import { queueJobs } from './uwc-queue.js'
import { cleanText, json } from './values.js'

/** A job as the API shows it. */
export interface UwcJobRow {
  id: string
  kind: PartnerJobKind
  origin: PartnerJobOrigin
  status: PartnerJobStatus
  partnerStatus: string | null
  requestId: string | null
  jobId: string | null
  subjectType: PartnerSubject['type'] | null
  subjectId: string | null
  subjects: PartnerSubject[]
  result: Record<string, unknown>
  error: string | null
  errorDetail: string | null
  submittedAt: Date | null
  completedAt: Date | null
  failedAt: Date | null
  createdAt: Date
  updatedAt: Date
}

export interface UwcJobFilter {
  kind?: string | undefined
  status?: string | undefined
  origin?: string | undefined
  /** Our id of a call, document, rep or lead. */
  subject?: string | undefined
}

/** What somebody asks for under an Idempotency-Key, which makes a repeat of it the same job. */
interface Asked {
  idempotencyKey?: string | undefined
}

export interface AskedAudio extends Asked {
  audio: readonly { callId: string; url?: string | undefined }[]
}
export type AskedDocument = { content: string } & ({ id: string } | { name: string; externalId?: string | undefined })
export interface AskedDocuments extends Asked {
  documents: readonly AskedDocument[]
}
export interface AskedTraining extends Asked {
  repId: string
  mediaUrls: readonly string[]
}
export interface AskedDraft extends Asked {
  subject: { type: 'lead' | 'call'; id: string }
  channel: 'call' | 'sms'
}
export interface AskedAnalysis extends Asked {
  callId: string
}

/** What a job is about, and what of it is sent. */
interface Prepared {
  subjects: PartnerSubject[]
  request: Record<string, unknown>
}

export interface RequestedJob {
  row: UwcJobRow
  /** False when an earlier request under the same key made it. */
  created: boolean
}

const columns = `id, kind, origin, status, partner_status as "partnerStatus", request_id as "requestId", job_id as "jobId",
  subject_type as "subjectType", subject_id as "subjectId", subjects, result, error, error_detail as "errorDetail",
  submitted_at as "submittedAt", completed_at as "completedAt", failed_at as "failedAt", created_at as "createdAt",
  updated_at as "updatedAt"`

export const uwcJobListing: Listing = { table: 'uwc_jobs', columns, sorts: byCreation }

/** Space of the advisory locks of requests: of two under one key the second finds the first. */
const lockSpace = 7204

/** The jobs of a company, as its people ask for them and see them. */
export function createUwcRequestStore(database: Pick<Database, 'withTenant'>) {
  const findBy = async (trx: Knex.Transaction, where: string, bindings: Knex.RawBinding[]) =>
    (
      await trx.raw<{ rows: (UwcJobRow & { requestHash: string | null })[] }>(
        `select ${columns}, request_hash as "requestHash" from uwc_jobs where ${where}`,
        bindings,
      )
    ).rows[0]

  /**
   * A job that is to be begun, or the one that was asked for under the same key.
   * @throws InvalidRequestError when that was another request
   */
  async function create<A extends Asked>(
    actor: Actor,
    kind: PartnerJobKind,
    { idempotencyKey: key, ...asked }: A,
    prepare: (trx: Knex.Transaction) => Promise<Prepared>,
  ): Promise<RequestedJob> {
    const { tenantId, userId } = actor
    const requestId = key === undefined ? uuidv7() : digestUuid(['uwc', kind, tenantId, userId, key])
    const requestHash = digestUuid([json(asked)])
    const find = (trx: Knex.Transaction) =>
      findBy(trx, `kind = ? and request_id = ? and origin <> 'partner'`, [kind, requestId])
    try {
      return await database.withTenant(actor, async (trx) => {
        await trx.raw(`select pg_advisory_xact_lock(${lockSpace}, hashtext(?))`, [requestId])
        const earlier = await find(trx)
        if (earlier && earlier.requestHash !== requestHash) throw otherRequest()
        if (earlier) return { row: earlier, created: false }
        const prepared = await prepare(trx)
        await asService(trx)
        await queueJobs(trx, [{ tenantId, userId, kind, requestId, requestHash, origin: 'api', ...prepared }])
        const row = await find(trx)
        if (!row) throw new Error('the row of the job was not written')
        return { row, created: true }
      })
    } catch (error) {
      throw asRefusal(error)
    }
  }

  return {
    transcribe: (actor: Actor, asked: AskedAudio) => create(actor, 'asr', asked, (trx) => audioOf(trx, asked.audio)),

    analyse: (actor: Actor, asked: AskedAnalysis) =>
      create(actor, 'analysis', asked, async (trx) => ({
        subjects: await seenSubjects(trx, 'call', [asked.callId]),
        request: { call_id: asked.callId },
      })),

    index: (actor: Actor, asked: AskedDocuments) =>
      create(actor, 'rag', asked, (trx) => documentsOf(trx, actor.tenantId, asked.documents)),

    train: (actor: Actor, asked: AskedTraining) =>
      create(actor, 'training', asked, async (trx) => ({
        subjects: await seenSubjects(trx, 'rep', [asked.repId]),
        request: { training_data: { rep_id: asked.repId, media_urls: asked.mediaUrls } },
      })),

    draft: (actor: Actor, { subject: { type, id }, channel, ...asked }: AskedDraft) =>
      create(actor, 'followup', { ...asked, type, id, channel }, async (trx) => ({
        subjects: await seenSubjects(trx, type, [id]),
        request: { [`${type}_id`]: id, channel },
      })),

    find: (actor: Actor, id: string): Promise<UwcJobRow | undefined> =>
      database.withTenant(actor, (trx) => findBy(trx, 'id = ?', [id])),

    list: (actor: Actor, request: PageRequest<UwcJobFilter>): Promise<Page<UwcJobRow>> => {
      const { kind, status, origin, subject } = request.filter
      return database.withTenant(actor, (trx) =>
        selectPage<UwcJobRow>(trx, uwcJobListing, {
          tenantId: actor.tenantId,
          request,
          conditions: given(
            ['kind = ?', kind],
            ['status = ?', status],
            ['origin = ?', origin],
            ['subject_id = ?', subject],
          ),
        }),
      )
    },
  }
}

export type UwcRequestStore = ReturnType<typeof createUwcRequestStore>

const otherRequest = () =>
  new InvalidRequestError('the Idempotency-Key was used with another request', [
    { pointer: 'header/idempotency-key', detail: 'was used with another request body' },
  ])

const tables = { call: 'call_logs', rep: 'users', lead: 'leads', document: 'documents' } as const

/**
 * Things that the transaction's actor sees, in the order asked for.
 * @throws NotFoundError for one that the actor does not see, whoever has it
 */
async function seenSubjects(
  trx: Knex.Transaction,
  type: PartnerSubject['type'],
  ids: readonly string[],
): Promise<PartnerSubject[]> {
  const active = type === 'rep' ? ' and disabled_at is null' : ''
  const { rows } = await trx.raw<{ rows: { id: string }[] }>(
    `select id from ${tables[type]} where id = any(?::uuid[])${active}`,
    [ids] as Knex.RawBinding[],
  )
  const seen = new Set(rows.map(({ id }) => id))
  if (ids.some((id) => !seen.has(id))) throw new NotFoundError(`no such ${type}`)
  return ids.map((id) => ({ type, id }))
}

/** Where no address is given, the call's own recording. */
async function audioOf(trx: Knex.Transaction, audio: AskedAudio['audio']): Promise<Prepared> {
  const ids = audio.map(({ callId }) => callId)
  const subjects = await seenSubjects(trx, 'call', ids)
  const { rows } = await trx.raw<{ rows: { id: string; url: string | null }[] }>(
    `select id, "recordingUrl" as url from call_logs where id = any(?::uuid[])`,
    [ids] as Knex.RawBinding[],
  )
  const recordings = new Map(rows.map(({ id, url }) => [id, url]))
  const urls = audio.map(({ callId, url = recordings.get(callId) ?? undefined }, n) => {
    if (url === undefined) throw invalidField(`/audio_urls/${n}/url`, 'is needed: the call has no recording')
    return { url, call_id: callId }
  })
  return { subjects, request: { audio_urls: urls } }
}

async function documentsOf(
  trx: Knex.Transaction,
  tenantId: string,
  documents: readonly AskedDocument[],
): Promise<Prepared> {
  const subjects: PartnerSubject[] = []
  for (const document of documents) subjects.push(await documentOf(trx, tenantId, document))
  return {
    subjects,
    request: { documents: documents.map(({ content }, n) => ({ document_id: subjects[n]?.id, content })) },
  }
}

/** A document by our id, or a new one; under an id of the company's own there is one. */
async function documentOf(trx: Knex.Transaction, tenantId: string, document: AskedDocument): Promise<PartnerSubject> {
  if ('id' in document) {
    const [found] = await seenSubjects(trx, 'document', [document.id])
    if (found) return found
  }
  const { name, externalId } = document as { name: string; externalId?: string }
  const { rows } = await trx.raw<{ rows: { id: string }[] }>(
    `insert into documents (tenant_id, name, external_id) values (?, ?, ?)
     on conflict (tenant_id, external_id) do update set name = excluded.name, updated_at = now() returning id`,
    [tenantId, cleanText(name), externalId === undefined ? null : cleanText(externalId)],
  )
  return { type: 'document', id: rows[0]?.id ?? '' }
}
