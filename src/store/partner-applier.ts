import type { NewEvent } from '../domain/event.js'
import { lockJobs, type OwnedAnswer, recordJob, recordTranscript } from './partner-jobs.js'
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
  const wanted = pending.map(({ effect }, index) => wantedBy(effect.subjects, tenants[index]))
  const found = await findSubjects(trx, wanted.flat())
  const judged = pending.map((one, index) => judge(one, tenants[index], found.splice(0, wanted[index]?.length)))
  await lockJobs(
    trx,
    judged.flatMap((one) => ('answer' in one ? one.answer : [])),
  )
  const applied: Applied[] = []
  for (const one of judged) {
    if ('refused' in one) {
      applied.push(one.refused)
      continue
    }
    const { answer } = one
    const news = await recordJob(trx, answer)
    if (answer.effect.kind === 'asr' && answer.effect.status === 'completed') await recordTranscript(trx, answer)
    applied.push({
      state: 'applied',
      tenantId: answer.tenantId,
      leadId: answer.subjects.find(({ type }) => type === 'lead')?.id,
      events: eventsOf(answer, news),
    })
  }
  return applied
}

const wantedBy = (subjects: Pending<'partner'>['effect']['subjects'], tenantId: string | undefined): WantedSubject[] =>
  tenantId === undefined ? [] : subjects.map((subject) => ({ ...subject, tenantId }))

function judge(
  { effect }: Pending<'partner'>,
  tenantId: string | undefined,
  found: readonly (string | undefined)[],
): Judged {
  if (tenantId === undefined) return { refused: { state: 'unknown', reason: 'no such company' } }
  const subjects = effect.subjects.map(({ type }, index) => ({ type, id: found[index] }))
  const foreign = subjects.find(({ id }) => id === undefined)
  if (foreign) return { refused: { state: 'mismatch', reason: `the ${foreign.type} is not the company’s` } }
  return { answer: { tenantId, effect, subjects: subjects.map(({ type, id }) => ({ type, id: id ?? '' })) } }
}

function eventsOf(
  { tenantId, effect, subjects }: OwnedAnswer,
  news: { finished: boolean; failed: boolean },
): NewEvent[] {
  const leadId = subjects.find(({ type }) => type === 'lead')?.id
  const userId = subjects.find(({ type }) => type === 'rep')?.id
  const about = Object.fromEntries(subjects.map(({ type, id }) => [`${type}_id`, id]))
  const data = {
    worker: 'uwc',
    kind: effect.kind,
    job_id: effect.jobId,
    request_id: effect.requestId ?? null,
    ...about,
  }
  const common = { tenantId, leadId, userId, data }
  if (news.finished) return [{ event: 'worker.task.finished', ...common }]
  return news.failed ? [{ event: 'worker.task.failed', severity: 'warning', ...common }] : []
}
