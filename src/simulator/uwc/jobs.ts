import { randomUUID } from 'node:crypto'
import { plainId } from '../webhooks/ids.js'

export type UwcKind = 'asr' | 'rag' | 'training' | 'analysis' | 'followup'

/** One thing of a job: the partner tells of each when it is done. */
export interface UwcItem {
  field: 'call_id' | 'document_id' | 'rep_id' | 'lead_id'
  id: string
}

/** A job as the simulated partner keeps it. */
export interface UwcJob {
  jobId: string
  kind: UwcKind
  companyId: string
  requestId: string
  items: readonly UwcItem[]
  /** Epoch milliseconds. */
  createdAt: number
  doneAt: number
  failed: boolean
  /** What was asked, to know another request under the same id. */
  body: string
  /** How often it was sent. */
  submissions: number
}

export type Submitted = { job: UwcJob; isNew: boolean } | 'other_request'

/** The jobs of the simulated partner: one for each request id of a company. */
export function createUwcJobs() {
  const byId = new Map<string, UwcJob>()
  const byRequest = new Map<string, UwcJob>()
  return {
    submit(
      asked: Pick<UwcJob, 'kind' | 'companyId' | 'requestId' | 'items' | 'body' | 'doneAt' | 'failed'>,
    ): Submitted {
      const key = JSON.stringify([asked.companyId, asked.kind, asked.requestId])
      const known = byRequest.get(key)
      if (known && known.body !== asked.body) return 'other_request'
      if (known) {
        known.submissions += 1
        return { job: known, isNew: false }
      }
      const job = { ...asked, jobId: plainId('job_', 20), createdAt: Date.now(), submissions: 1 }
      byId.set(job.jobId, job)
      byRequest.set(key, job)
      return { job, isNew: true }
    },
    find: (jobId: string): UwcJob | undefined => byId.get(jobId),
    all: (): UwcJob[] => [...byId.values()],
    clear(): void {
      byId.clear()
      byRequest.clear()
    },
  }
}

export type UwcJobs = ReturnType<typeof createUwcJobs>

const results: Readonly<Record<UwcKind, Record<string, unknown>>> = {
  asr: {
    transcript: 'Hello. Thursday, please.',
    entries: [
      { speaker: 'customer', text: 'Hello.' },
      { speaker: 'agent', text: 'Thursday, please.' },
    ],
    minutes: 1.5,
    language: 'en',
  },
  rag: { chunks: 12, tokens: 4096, model: 'uwc-embed' },
  training: { progress: 1, epochs: 3 },
  analysis: { sentiment: 0.4, topics: ['scheduling'], tokens: 812, model: 'uwc-analyst' },
  followup: { draft: 'Thank you for your time. See you on Thursday.', tokens: 64, model: 'uwc-writer' },
}

/** What came of a job. */
export const resultOf = ({ kind, failed }: UwcJob): Record<string, unknown> =>
  failed ? { error: 'the partner could not do it' } : results[kind]

const done = ({ failed }: UwcJob) => (failed ? 'failed' : 'completed')

/** What GET of a job answers at this moment. */
export function presentJob(job: UwcJob, now: number): Record<string, unknown> {
  const { jobId, kind, companyId, requestId, items, createdAt, doneAt } = job
  const isDone = now >= doneAt
  const common = {
    job_id: jobId,
    kind,
    request_id: requestId,
    company_id: companyId,
    status: isDone ? done(job) : 'processing',
    timestamp: new Date(isDone ? doneAt : createdAt).toISOString(),
  }
  if (!isDone) return common
  const [only] = items
  if (items.length === 1 && only) return { ...common, [only.field]: only.id, data: resultOf(job) }
  return {
    ...common,
    data: { items: items.map(({ field, id }) => ({ [field]: id, status: done(job), result: resultOf(job) })) },
  }
}

/** The bodies of a job's webhooks: one for each thing that it is about. */
export function webhooksOf(job: UwcJob): { eventId: string; body: Record<string, unknown> }[] {
  const { jobId, kind, companyId, requestId, items, doneAt } = job
  return items.map(({ field, id }) => {
    const eventId = `msg_${randomUUID().replaceAll('-', '')}`
    const body = {
      type: typeOf[kind],
      event_id: eventId,
      job_id: jobId,
      request_id: requestId,
      company_id: companyId,
      status: done(job),
      timestamp: new Date(doneAt).toISOString(),
      [field]: id,
      data: resultOf(job),
    }
    return { eventId, body }
  })
}

/** Of the webhooks, with a slash in their addresses. */
export const typeOf: Readonly<Record<UwcKind, string>> = {
  asr: 'asr.complete',
  rag: 'rag.indexed',
  training: 'training.status',
  analysis: 'analysis.complete',
  followup: 'followup.draft',
}
