import type { NewEvent } from '../domain/event.js'
import type { PartnerJobKind, PartnerSubject } from '../domain/webhook.js'

/** A job as its entries of the log name it. */
export interface ToldJob {
  tenantId: string
  kind: PartnerJobKind
  jobId: string | null
  requestId: string | null
  subjects: readonly PartnerSubject[]
  /** Of the row of a job that somebody here asked for. */
  id?: string | undefined
  userId?: string | undefined
  /** Why it failed without the partner's word. */
  error?: string | undefined
}

/** The entry for the end of a job: ids only, what came of it stays in its row. */
export function jobEvent(event: 'worker.task.finished' | 'worker.task.failed', job: ToldJob): NewEvent {
  const { tenantId, kind, jobId, requestId, subjects, id, error } = job
  const alone = subjects.filter(({ type }, n) => !subjects.some((other, m) => other.type === type && m !== n))
  const about = Object.fromEntries(alone.map((subject) => [`${subject.type}_id`, subject.id]))
  return {
    event,
    ...(event === 'worker.task.failed' ? { severity: 'warning' } : {}),
    tenantId,
    leadId: subjects.find(({ type }) => type === 'lead')?.id,
    userId: subjects.find(({ type }) => type === 'rep')?.id ?? job.userId,
    data: {
      worker: 'uwc',
      kind,
      job_id: jobId,
      request_id: requestId,
      ...about,
      ...(id === undefined ? {} : { id }),
      ...(error === undefined ? {} : { error }),
    },
  }
}
