import type { Knex } from 'knex'
import type { PartnerStatus, PartnerSubject } from '../domain/webhook.js'
import type { EffectOf } from './receipt-applier.js'
import { cleanText, json } from './values.js'

/** A partner's answer that is known to be the company's. */
export interface OwnedAnswer {
  tenantId: string
  effect: EffectOf<'partner'>
  /** What it is about, under our ids. */
  subjects: readonly { type: PartnerSubject['type']; id: string }[]
}

/** Space of the advisory locks of jobs: two words on a job that has no row yet must not pass each other. */
const lockSpace = 7203

/** Locks the jobs of all answers, in one order. */
export async function lockJobs(trx: Knex.Transaction, answers: readonly OwnedAnswer[]): Promise<void> {
  const keys = answers.map(({ tenantId, effect }) => JSON.stringify([tenantId, effect.kind, effect.jobId]))
  await trx.raw(
    `select pg_advisory_xact_lock(${lockSpace}, place) from (
       select distinct hashtext(key) as place from unnest(?::text[]) as k (key) order by 1) as places`,
    [keys] as Knex.RawBinding[],
  )
}

const ranks: Readonly<Record<PartnerStatus, number>> = { other: -1, queued: 0, running: 1, failed: 2, completed: 3 }

interface JobRow {
  status: PartnerStatus
  reportedAt: Date | null
  result: unknown
  failedAt: Date | null
  completedAt: Date | null
}

/** What is new about a job: how it came out, told for the first time. */
export interface JobNews {
  finished: boolean
  failed: boolean
}

/** Takes an answer into its job's row. The higher status stays, of one status the later word: so order does not matter. */
export async function recordJob(trx: Knex.Transaction, answer: OwnedAnswer): Promise<JobNews> {
  const { tenantId, effect, subjects } = answer
  const { rows } = await trx.raw<{ rows: JobRow[] }>(
    `select status, reported_at as "reportedAt", result, failed_at as "failedAt", completed_at as "completedAt"
     from uwc_jobs where tenant_id = ? and kind = ? and job_id = ? for update`,
    [tenantId, effect.kind, effect.jobId],
  )
  const [row] = rows
  const news = {
    finished: effect.status === 'completed' && !row?.completedAt,
    failed: effect.status === 'failed' && !row?.failedAt && !row?.completedAt,
  }
  if (effect.status === 'other' || (row && !isNewer(effect, row) && !news.finished && !news.failed)) return news
  await trx.raw(upsert, {
    tenantId,
    kind: effect.kind,
    jobId: effect.jobId,
    requestId: effect.requestId ?? null,
    status: effect.status,
    partnerStatus: effect.partnerStatus,
    subjectType: subjects[0]?.type ?? null,
    subjectId: subjects[0]?.id ?? null,
    result: json(effect.data),
    at: effect.at ?? null,
    newer: !row || isNewer(effect, row),
    finished: news.finished,
    failed: news.failed,
  })
  return news
}

/** Two words of one moment: which of them stays is arbitrary, but the same in every order. */
function isNewer({ status, at, data }: EffectOf<'partner'>, row: JobRow): boolean {
  const time = (value: string | Date | null | undefined) => (value ? new Date(value).getTime() : 0)
  const difference = ranks[status] - ranks[row.status] || time(at) - time(row.reportedAt)
  return difference > 0 || (difference === 0 && json(data) > json(row.result))
}

const upsert = `
  insert into uwc_jobs as j (tenant_id, kind, job_id, request_id, status, partner_status, subject_type, subject_id, result,
    reported_at, failed_at, completed_at)
  values (:tenantId, :kind, :jobId, :requestId, :status, :partnerStatus, :subjectType, :subjectId, cast(:result as jsonb), :at,
    case when :failed then now() end, case when :finished then now() end)
  on conflict (tenant_id, kind, job_id) do update set
    status = case when :newer then excluded.status else j.status end,
    partner_status = case when :newer then excluded.partner_status else j.partner_status end,
    result = case when :newer then excluded.result else j.result end,
    reported_at = case when :newer then excluded.reported_at else j.reported_at end,
    request_id = coalesce(j.request_id, excluded.request_id),
    subject_type = coalesce(j.subject_type, excluded.subject_type),
    subject_id = case when j.subject_type is null then excluded.subject_id else j.subject_id end,
    failed_at = coalesce(j.failed_at, excluded.failed_at),
    completed_at = coalesce(j.completed_at, excluded.completed_at),
    updated_at = now()`

/** What the speech recognition of a call gave; of two the later told stays. */
export async function recordTranscript(
  trx: Knex.Transaction,
  { tenantId, effect, subjects }: OwnedAnswer,
): Promise<void> {
  const call = subjects.find(({ type }) => type === 'call')
  const { text, entries } = transcriptOf(effect.data)
  if (!call || (text === undefined && entries === undefined)) return
  await trx.raw(
    `insert into transcripts as t (tenant_id, call_id, job_id, text, entries, reported_at)
     values (:tenantId, :callId, :jobId, :text, cast(:entries as jsonb), :at)
     on conflict (tenant_id, call_id) do update set job_id = excluded.job_id, text = excluded.text,
       entries = excluded.entries, reported_at = excluded.reported_at, updated_at = now()
     where (coalesce(excluded.reported_at, '-infinity'), excluded.job_id) > (coalesce(t.reported_at, '-infinity'), t.job_id)`,
    {
      tenantId,
      callId: call.id,
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
