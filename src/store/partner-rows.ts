import type { Knex } from 'knex'
import {
  foldJob,
  type FoldedJob,
  isOver,
  type JobParts,
  jobStatus,
  type PartnerJobOrigin,
  type PartnerJobStatus,
  partOrder,
} from '../domain/partner-job.js'
import type { PartnerJobKind, PartnerSubject } from '../domain/webhook.js'
import { queueAnalysis } from './uwc-queue.js'
import { json, parameter } from './values.js'

/** A job as its answers fold into it. */
export interface JobRow {
  id: string
  tenantId: string
  kind: PartnerJobKind
  jobId: string | null
  requestId: string | null
  origin: PartnerJobOrigin
  userId: string | null
  status: PartnerJobStatus
  partnerStatus: string | null
  reportedAt: Date | null
  result: Record<string, unknown>
  /** The first thing that it is about. */
  subjectType: PartnerSubject['type'] | null
  subjectId: string | null
  subjects: PartnerSubject[]
  parts: JobParts
  error: string | null
  failedAt: Date | null
  completedAt: Date | null
}

const columns = `id, tenant_id as "tenantId", kind, job_id as "jobId", request_id as "requestId", origin, user_id as "userId",
  status, partner_status as "partnerStatus", reported_at as "reportedAt", result, subject_type as "subjectType", subject_id as "subjectId", subjects, parts, error,
  failed_at as "failedAt", completed_at as "completedAt"`

/** Of two words on one thing the one that counts; canonical JSON, so that every order gives the same. */
export const order = partOrder(json)

/** Locks rows in the order of their ids. */
export async function lockRows(trx: Knex.Transaction, where: string, bindings: readonly unknown[]): Promise<JobRow[]> {
  const { rows } = await trx.raw<{ rows: JobRow[] }>(
    `select ${columns} from uwc_jobs where ${where} order by id for update`,
    bindings as Knex.RawBinding[],
  )
  return rows
}

/** What is known of a job; a row of an earlier version has it in its columns only. */
export function partsOf({ parts, partnerStatus, status, reportedAt, result }: JobRow): JobParts {
  if (partnerStatus === null || Object.keys(parts).length > 0 || status === 'timed_out') return parts
  return { '': { status, word: partnerStatus, at: reportedAt?.toISOString(), data: result } }
}

export interface SavedJob {
  folded: FoldedJob
  status: PartnerJobStatus
  /** For the first time. */
  finished: boolean
  failed: boolean
}

/** Brings a locked row up to what is known of it, and lets what follows from its end be begun. */
export async function saveJob(trx: Knex.Transaction, row: JobRow): Promise<SavedJob> {
  const folded = foldJob(row.parts, row.subjects, order)
  const status = jobStatus(folded, row.error)
  const finished = folded.status === 'completed' && row.completedAt === null
  const failed = folded.status === 'failed' && row.failedAt === null && row.completedAt === null
  await trx.raw(
    `update uwc_jobs set status = :status, partner_status = :word, result = cast(:result as jsonb), reported_at = :at,
       parts = cast(:parts as jsonb), job_id = :jobId, request_id = :requestId, subject_type = :subjectType, subject_id = :subjectId,
       submitted_at = case when cast(:jobId as text) is null then submitted_at else coalesce(submitted_at, now()) end,
       failed_at = coalesce(cast(:failedAt as timestamptz), case when :failed then now() end),
       completed_at = coalesce(cast(:completedAt as timestamptz), case when :finished then now() end),
       request = case when :over then null else request end, updated_at = now()
     where id = :id`,
    {
      id: row.id,
      status,
      word: folded.silent ? null : folded.word,
      result: parameter(folded.data),
      at: folded.at ?? null,
      parts: parameter(row.parts),
      jobId: row.jobId,
      requestId: row.requestId,
      subjectType: row.subjectType,
      subjectId: row.subjectId,
      failedAt: row.failedAt,
      completedAt: row.completedAt,
      finished,
      failed,
      over: isOver(status),
    },
  )
  if (folded.status === 'completed') await follow(trx, row)
  return { folded, status, finished, failed }
}

async function follow(trx: Knex.Transaction, { kind, origin, tenantId, requestId, subjects }: JobRow): Promise<void> {
  if (kind !== 'asr' || origin !== 'recording' || requestId === null) return
  const calls = subjects.filter(({ type }) => type === 'call').map(({ id }) => id)
  await queueAnalysis(trx, { tenantId, requestId, calls })
}
