import type { PartnerEffect, PartnerItem, PartnerJobKind, PartnerStatus, PartnerSubject } from '../../domain/webhook.js'
import { isPlain } from '../body.js'
import { type Fields, fieldsOf } from '../json.js'
import { utcMicroseconds } from '../timestamp.js'

/** The partner names no list of its words: those that mean the same are one. */
const words: Readonly<Record<PartnerStatus, readonly string[]>> = {
  queued: ['queued', 'pending', 'accepted', 'submitted', 'received', 'scheduled'],
  running: ['running', 'processing', 'in_progress', 'in-progress', 'started'],
  failed: ['failed', 'failure', 'error', 'canceled', 'cancelled', 'timeout', 'timed_out', 'rejected'],
  completed: ['completed', 'complete', 'succeeded', 'success', 'done', 'finished', 'indexed', 'ready'],
  other: [],
}

const known = new Map(
  Object.entries(words).flatMap(([status, list]) => list.map((word) => [word, status as PartnerStatus] as const)),
)

const subjects: readonly [field: string, type: PartnerSubject['type']][] = [
  ['call_id', 'call'],
  ['document_id', 'document'],
  ['rep_id', 'rep'],
  ['lead_id', 'lead'],
]

/** A field of the body, which may stand at the top or in `data`; undefined when neither is of the type. */
export function fieldOf<T>(body: Fields, name: string, is: (value: unknown) => value is T): T | undefined {
  return [body[name], fieldsOf(body.data)[name]].find(is)
}

/** What an answer of the partner says, whatever is in it. */
export function partnerEffect(kind: PartnerJobKind, value: unknown): PartnerEffect {
  const body = fieldsOf(value)
  const field = (name: string): string | undefined => fieldOf(body, name, isPlain)
  const partnerStatus = field('status') ?? ''
  const items = itemsOf(fieldsOf(body.data), partnerStatus)
  return {
    target: 'partner',
    kind,
    tenant: { by: 'company', companyId: field('company_id') ?? '' },
    jobId: field('job_id') ?? '',
    requestId: field('request_id'),
    status: statusOf(partnerStatus),
    partnerStatus,
    subjects: subjects.flatMap(([name, type]) => subjectsNamed(body, name, type)),
    data: fieldsOf(body.data),
    ...(items.length > 0 ? { items } : {}),
    at: utcMicroseconds(body.timestamp) ?? utcMicroseconds(fieldsOf(body.data).timestamp),
  }
}

const statusOf = (word: string): PartnerStatus => known.get(word.toLowerCase()) ?? 'other'

/** More than a job has. */
const mostItems = 1000

/** Of an answer about several things what stands under `items` or `results`: each names its own, and may have its own status. */
function itemsOf({ items, results }: Fields, wholeStatus: string): PartnerItem[] {
  const list: unknown[] = [items, results].find(Array.isArray) ?? []
  return list.slice(0, mostItems).flatMap((value): PartnerItem[] => {
    const item = fieldsOf(value)
    const [subject] = subjects.flatMap(([name, type]) => subjectsNamed({ [name]: item[name] }, name, type))
    const partnerStatus = isPlain(item.status) ? item.status : wholeStatus
    const data = { ...item, ...fieldsOf(item.result), ...fieldsOf(item.data) }
    return subject ? [{ subject, status: statusOf(partnerStatus), partnerStatus, data }] : []
  })
}

/** Both places are looked at: what stands in one must not hide what stands in the other from the check of whose it is. */
function subjectsNamed(body: Fields, name: string, type: PartnerSubject['type']): PartnerSubject[] {
  const named = [body[name], fieldsOf(body.data)[name]].filter((id) => typeof id === 'string' || typeof id === 'number')
  return [...new Set(named.map(String))].map((id) => ({ type, id }))
}
