import { isOver } from '../domain/partner-job.js'
import type { NewEvent } from '../domain/event.js'
import type { JobSignal, PartnerSubject } from '../domain/webhook.js'
import { jobEvent } from './partner-events.js'
import { type JobNews, lockJobs, type OwnedAnswer, recordJob, recordTranscripts } from './partner-jobs.js'
import { findSubjects, type WantedSubject } from './partner-subjects.js'
import type { Applied, Applier, Pending } from './receipt-applier.js'
import { findTenants } from './tenant-lookup.js'

type Judged = { refused: Applied } | { answer: OwnedAnswer }

/** Answers of the ML partner: jobs and transcripts of the company that is named, and only about what it owns. */
export const applyToPartner: Applier<'partner'> = async (trx, pending) => {
  const tenants = await findTenants(
    trx,
    pending.map(({ effect }) => effect.tenant),
  )
  const wanted = pending.map((one, index) => wantedBy(namedBy(one), tenants[index]))
  const found = await findSubjects(trx, wanted.flat())
  const judged = pending.map((one, index) => judge(one, tenants[index], found.splice(0, wanted[index]?.length)))
  await lockJobs(
    trx,
    judged.flatMap((one) =>
      'answer' in one
        ? { tenantId: one.answer.tenantId, kind: one.answer.effect.kind, jobId: one.answer.effect.jobId }
        : [],
    ),
  )
  const applied: Applied[] = []
  for (const [index, one] of judged.entries()) {
    if ('refused' in one) {
      applied.push(one.refused)
      continue
    }
    const { answer } = one
    const news = await recordJob(trx, answer)
    if (answer.effect.kind === 'asr') await recordTranscripts(trx, answer)
    applied.push({
      state: 'applied',
      tenantId: answer.tenantId,
      leadId: answer.subjects.find(({ type }) => type === 'lead')?.id,
      ...signalOf(pending[index]?.receipt.delivery_key ?? '', news),
      ...(news.usage && { usage: news.usage }),
      events: eventsOf(answer, news),
    })
  }
  return applied
}

/** What the answer itself is about, then each of its items. */
const namedBy = ({ effect }: Pending<'partner'>): PartnerSubject[] => [
  ...effect.subjects,
  ...(effect.items ?? []).map(({ subject }) => subject),
]

const wantedBy = (subjects: readonly PartnerSubject[], tenantId: string | undefined): WantedSubject[] =>
  tenantId === undefined ? [] : subjects.map((subject) => ({ ...subject, tenantId }))

function judge(one: Pending<'partner'>, tenantId: string | undefined, found: readonly (string | undefined)[]): Judged {
  if (tenantId === undefined) return { refused: { state: 'unknown', reason: 'no such company' } }
  const { effect } = one
  const named = namedBy(one).map(({ type }, index) => ({ type, id: found[index] }))
  const foreign = named.find(({ id }) => id === undefined)
  if (foreign) return { refused: { state: 'mismatch', reason: `the ${foreign.type} is not the company’s` } }
  const ours = named.map(({ type, id }) => ({ type, id: id ?? '' }))
  const items = effect.items?.map((item, n) => ({ ...item, subject: ours[effect.subjects.length + n] ?? item.subject }))
  return { answer: { tenantId, effect, subjects: ours.slice(0, effect.subjects.length), items } }
}

/** The workflow of a job of ours that is over now is told; one that has closed is none the worse. */
function signalOf(key: string, { row, saved }: JobNews): { signal?: JobSignal } {
  if (!row || !saved || row.origin === 'partner' || row.requestId === null || !isOver(saved.status)) return {}
  return { signal: { key, kind: 'job_over', job: row.kind, requestId: row.requestId } }
}

function eventsOf({ tenantId, effect, subjects }: OwnedAnswer, { finished, failed, row }: JobNews): NewEvent[] {
  if (!finished && !failed) return []
  const own = row && row.origin !== 'partner' ? row : undefined
  const job = {
    tenantId,
    kind: effect.kind,
    jobId: effect.jobId,
    requestId: own?.requestId ?? effect.requestId ?? null,
    subjects: own && own.subjects.length > 0 ? own.subjects : subjects,
    id: own?.id,
    userId: own?.userId ?? undefined,
  }
  return [jobEvent(finished ? 'worker.task.finished' : 'worker.task.failed', job)]
}
