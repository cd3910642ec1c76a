import type { Knex } from 'knex'
import type { PartnerJobOrigin } from '../domain/partner-job.js'
import type { PartnerJobKind, PartnerSubject } from '../domain/webhook.js'
import { digestUuid } from './digest-uuid.js'
import { parameter } from './values.js'

/** A job of ours before the partner knows of it. */
export interface NewUwcJob {
  kind: PartnerJobKind
  requestId: string
  origin: Exclude<PartnerJobOrigin, 'partner'>
  userId?: string | undefined
  requestHash?: string | undefined
  /** Known to be the company's. */
  subjects: readonly PartnerSubject[]
  /** What is sent beside company_id and request_id. */
  request: Record<string, unknown>
}

/** Writes jobs that are to be begun, in the order of their keys; one whose request_id is there already is left as it is. */
export async function queueJobs(
  trx: Knex.Transaction,
  jobs: readonly (NewUwcJob & { tenantId: string })[],
): Promise<{ id: string; requestId: string }[]> {
  if (jobs.length === 0) return []
  const { rows } = await trx.raw<{ rows: { id: string; requestId: string }[] }>(
    `insert into uwc_jobs (tenant_id, kind, request_id, origin, user_id, request_hash, status, subject_type, subject_id,
       subjects, request)
     select tenant_id, kind, request_id, origin, user_id, request_hash, 'queued', subjects->0->>'type',
       (subjects->0->>'id')::uuid, subjects, request
     from jsonb_to_recordset(?::jsonb) as j (tenant_id uuid, kind text, request_id text, origin text, user_id text,
       request_hash text, subjects jsonb, request jsonb)
     order by tenant_id, kind, request_id
     on conflict (tenant_id, kind, request_id) where origin <> 'partner' do nothing
     returning id, request_id as "requestId"`,
    [parameter(jobs.map(rowOf))],
  )
  return rows
}

const rowOf = (job: NewUwcJob & { tenantId: string }) => ({
  tenant_id: job.tenantId,
  kind: job.kind,
  request_id: job.requestId,
  origin: job.origin,
  user_id: job.userId ?? null,
  request_hash: job.requestHash ?? null,
  subjects: job.subjects,
  request: job.request,
})

/** A call that is over, and where its recordings lie. */
export interface RecordedCall {
  tenantId: string
  id: string
  urls: readonly string[]
}

/** What of an address says which recording it is: the rest may be another signature each time that it is told. */
const recordingOf = (url: string) => url.replace(/[?#].*$/s, '')

/** Each recording of each call is to be transcribed, once for all time. */
export const queueRecordings = (trx: Knex.Transaction, calls: readonly RecordedCall[]) =>
  queueJobs(
    trx,
    calls.flatMap(({ tenantId, id, urls }) =>
      urls.map((url) => ({
        tenantId,
        kind: 'asr' as const,
        origin: 'recording' as const,
        requestId: digestUuid(['recording', id, recordingOf(url)]),
        subjects: [{ type: 'call' as const, id }],
        request: { audio_urls: [{ url, call_id: id }] },
      })),
    ),
  )

/** A call whose recording was transcribed is to be analysed, once for each transcription. */
export const queueAnalysis = (
  trx: Knex.Transaction,
  { tenantId, requestId, calls }: { tenantId: string; requestId: string; calls: readonly string[] },
) =>
  queueJobs(
    trx,
    calls.map((id) => ({
      tenantId,
      kind: 'analysis' as const,
      origin: 'transcript' as const,
      requestId: digestUuid(['analysis', requestId, id]),
      subjects: [{ type: 'call' as const, id }],
      request: { call_id: id, transcript_request_id: requestId },
    })),
  )
