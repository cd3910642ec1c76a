import type { Knex } from 'knex'
import { joinParts, type JobPart, type JobParts, partKey } from '../domain/partner-job.js'
import type { Usage } from '../domain/usage.js'
import type { PartnerItem, PartnerStatus, PartnerSubject } from '../domain/webhook.js'
import { type JobRow, lockRows, order, partsOf, saveJob, type SavedJob } from './partner-rows.js'
import { usageOfParts } from './partner-usage.js'
import type { EffectOf } from './receipt-applier.js'
import { canonical, cleanText, json } from './values.js'

/** A partner's answer that is known to be the company's. */
export interface OwnedAnswer {
  tenantId: string
  effect: EffectOf<'partner'>
  /** What it is about, under our ids. */
  subjects: readonly { type: PartnerSubject['type']; id: string }[]
  /** Of an answer about several things, each under our id. */
  items?: readonly PartnerItem[] | undefined
}

/** Space of the advisory locks of jobs: two words on a job that has no row yet must not pass each other. */
const lockSpace = 7203

type JobName = Pick<JobRow, 'tenantId' | 'kind'> & { jobId: string }

/** Locks jobs by the partner's ids, in one order. */
export async function lockJobs(trx: Knex.Transaction, jobs: readonly JobName[]): Promise<void> {
  const keys = jobs.map(({ tenantId, kind, jobId }) => JSON.stringify([tenantId, kind, jobId]))
  await trx.raw(
    `select pg_advisory_xact_lock(${lockSpace}, place) from (
       select distinct hashtext(key) as place from unnest(?::text[]) as k (key) order by 1) as places`,
    [keys] as Knex.RawBinding[],
  )
}

/** What is new about a job. */
export interface JobNews {
  /** How it came out, told for the first time. */
  finished: boolean
  failed: boolean
  /** Absent when the answer changed nothing. */
  row?: JobRow | undefined
  saved?: SavedJob | undefined
  usage?: Usage | undefined
}

/** Takes an answer into its job's row; the order of the answers, and how often each comes, does not matter. */
export async function recordJob(trx: Knex.Transaction, answer: OwnedAnswer): Promise<JobNews> {
  const { tenantId, effect } = answer
  const found = await lockRows(
    trx,
    `tenant_id = ? and kind = ? and (job_id = ? or (origin <> 'partner' and request_id = ?))`,
    [tenantId, effect.kind, effect.jobId, effect.requestId ?? null],
  )
  const known = await oneOf(trx, found, effect)
  const told = partsTold(answer, known)
  if (Object.keys(told).length === 0) return { finished: false, failed: false, row: known }
  const before = known ? partsOf(known) : {}
  const parts = joinParts(before, told, order)
  if (known && found.length === 1 && known.jobId !== null && isSame(before, parts))
    return { finished: false, failed: false, row: known }
  const row: JobRow = { ...(known ?? (await insertJob(trx, answer))), parts }
  row.jobId ??= effect.jobId
  row.requestId ??= effect.requestId ?? null
  const [about] = answer.subjects
  if (row.subjectType === null && about) Object.assign(row, { subjectType: about.type, subjectId: about.id })
  const saved = await saveJob(trx, row)
  return {
    finished: saved.finished,
    failed: saved.failed,
    row,
    saved,
    usage: usageOfParts(effect.kind, before, parts),
  }
}

const isSame = (a: JobParts, b: JobParts) => Object.keys(b).every((key) => a[key] === b[key])

/** The row that was asked for goes before one that the partner named first: what that one knows, it knows as well. */
async function oneOf(
  trx: Knex.Transaction,
  found: readonly JobRow[],
  { requestId }: EffectOf<'partner'>,
): Promise<JobRow | undefined> {
  const own = found.find((row) => row.origin !== 'partner' && row.requestId === requestId) ?? found[0]
  const other = found.find((row) => row !== own)
  return own && other?.origin === 'partner' ? await absorb(trx, own, other) : own
}

/** One row of two; the other is removed. */
export async function absorb(trx: Knex.Transaction, own: JobRow, other: JobRow): Promise<JobRow> {
  await trx.raw('delete from uwc_jobs where id = ?', [other.id])
  return {
    ...own,
    jobId: own.jobId ?? other.jobId,
    parts: joinParts(partsOf(own), partsOf(other), order),
    failedAt: own.failedAt ?? other.failedAt,
    completedAt: own.completedAt ?? other.completedAt,
  }
}

/** What the answer tells, by what it is about: of a job about several things each has its own part. */
function partsTold({ effect, subjects, items = [] }: OwnedAnswer, row: JobRow | undefined): JobParts {
  const expected = new Set(row && row.subjects.length > 1 ? row.subjects.map(partKey) : [])
  const parts: Record<string, JobPart> = {}
  const tell = (key: string, status: PartnerStatus, word: string, data: Record<string, unknown>) => {
    if (status === 'other') return
    const part = { status, word: cleanText(word), at: effect.at, data: canonical(data) as Record<string, unknown> }
    const known = parts[key]
    if (!known || order(part, known) > 0) parts[key] = part
  }
  const named = subjects.map(partKey).filter((key) => expected.has(key))
  for (const key of named.length > 0 ? named : ['']) tell(key, effect.status, effect.partnerStatus, effect.data)
  for (const { subject, status, partnerStatus, data } of items)
    if (expected.has(partKey(subject))) tell(partKey(subject), status, partnerStatus, data)
  return parts
}

/** A row for a job that nobody here asked for. */
async function insertJob(trx: Knex.Transaction, { tenantId, effect }: OwnedAnswer): Promise<JobRow> {
  const { rows } = await trx.raw<{ rows: { id: string }[] }>(
    `insert into uwc_jobs (tenant_id, kind, job_id, status) values (?, ?, ?, 'queued') returning id`,
    [tenantId, effect.kind, effect.jobId],
  )
  return {
    id: rows[0]?.id ?? '',
    tenantId,
    kind: effect.kind,
    jobId: effect.jobId,
    requestId: null,
    origin: 'partner',
    userId: null,
    status: 'queued',
    partnerStatus: null,
    reportedAt: null,
    result: {},
    subjectType: null,
    subjectId: null,
    subjects: [],
    parts: {},
    error: null,
    failedAt: null,
    completedAt: null,
  }
}

/** What the speech recognition gave of each call that it names; of two the later told stays. */
export async function recordTranscripts(trx: Knex.Transaction, answer: OwnedAnswer): Promise<void> {
  const { effect, subjects, items = [] } = answer
  const call = subjects.find(({ type }) => type === 'call')
  if (call && effect.status === 'completed') await recordTranscript(trx, answer, call.id, effect.data)
  for (const { subject, status, data } of items)
    if (subject.type === 'call' && status === 'completed') await recordTranscript(trx, answer, subject.id, data)
}

async function recordTranscript(
  trx: Knex.Transaction,
  { tenantId, effect }: OwnedAnswer,
  callId: string,
  data: Record<string, unknown>,
): Promise<void> {
  const { text, entries } = transcriptOf(data)
  if (text === undefined && entries === undefined) return
  await trx.raw(
    `insert into transcripts as t (tenant_id, call_id, job_id, text, entries, reported_at)
     values (:tenantId, :callId, :jobId, :text, cast(:entries as jsonb), :at)
     on conflict (tenant_id, call_id) do update set job_id = excluded.job_id, text = excluded.text,
       entries = excluded.entries, reported_at = excluded.reported_at, updated_at = now()
     where (coalesce(excluded.reported_at, '-infinity'), excluded.job_id) > (coalesce(t.reported_at, '-infinity'), t.job_id)`,
    {
      tenantId,
      callId,
      jobId: effect.jobId,
      text: text ?? null,
      entries: entries === undefined ? null : json(entries),
      at: effect.at ?? null,
    },
  )
}

/** The partner's transcript: whole text, entries, or both. */
function transcriptOf(data: Record<string, unknown>): { text: string | undefined; entries: unknown[] | undefined } {
  const { transcript, text, entries, segments } = data
  const whole = [text, transcript].find((value) => typeof value === 'string')
  const list = [entries, segments, transcript].find((value) => Array.isArray(value))
  return { text: whole === undefined ? undefined : cleanText(whole), entries: list }
}
