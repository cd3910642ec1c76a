import type { PartnerJobKind, PartnerSubject } from './webhook.js'

export const partnerJobKinds = [
  'asr',
  'rag',
  'training',
  'analysis',
  'followup',
] as const satisfies readonly PartnerJobKind[]
export const partnerJobStatuses = ['queued', 'running', 'failed', 'timed_out', 'completed'] as const
/** How far a job is. A job that timed out, or failed, may still be completed by an answer that comes late. */
export type PartnerJobStatus = (typeof partnerJobStatuses)[number]
/** Who asked for a job; a partner’s is one that nobody here asked for. */
export type PartnerJobOrigin = 'partner' | 'api' | 'recording' | 'transcript' | 'follow_up'

/** The switches under which anything is sent to the partner. */
export const uwcFeatures = ['asr', 'rag', 'training', 'followups'] as const
export type UwcFeature = (typeof uwcFeatures)[number]

/** The switch of each kind of job: a call is analysed after it was transcribed. */
export const featureOf: Readonly<Record<PartnerJobKind, UwcFeature>> = {
  asr: 'asr',
  analysis: 'asr',
  rag: 'rag',
  training: 'training',
  followup: 'followups',
}

/** The best that was told of a job, or of one thing of several that it is about. */
export interface JobPart {
  status: 'queued' | 'running' | 'failed' | 'completed'
  /** The partner's own word for it. */
  word: string
  /** RFC 3339; absent when the answer had no time. */
  at?: string | undefined
  data: Record<string, unknown>
}

/** By the key of what each is about; under '' what was told of the whole. */
export type JobParts = Readonly<Record<string, JobPart>>

export const partKey = ({ type, id }: PartnerSubject): string => `${type}:${id}`

/** A total order: the higher status, of one status the later word, of one moment an arbitrary one that is always the same. */
export type PartOrder = (a: JobPart, b: JobPart) => number

const ranks: Readonly<Record<JobPart['status'], number>> = { queued: 0, running: 1, failed: 2, completed: 3 }
const time = (at: string | undefined) => (at === undefined ? 0 : new Date(at).getTime())

/** @param textOf gives equal texts for equal data, and no others */
export const partOrder =
  (textOf: (data: Record<string, unknown>) => string): PartOrder =>
  (a, b) =>
    ranks[a.status] - ranks[b.status] || time(a.at) - time(b.at) || compare(textOf(a.data), textOf(b.data))

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** Joins what is known: commutative, associative and idempotent, so that answers may come in any order and twice. */
export function joinParts(a: JobParts, b: JobParts, order: PartOrder): JobParts {
  const joined: Record<string, JobPart> = { ...a }
  for (const [key, part] of Object.entries(b)) {
    const known = joined[key]
    if (!known || order(part, known) > 0) joined[key] = part
  }
  return joined
}

export interface FoldedJob extends JobPart {
  /** Nothing has been told of it. */
  silent: boolean
}

/**
 * What a job has come to. One that is about several things is over when each of them is, or when the partner says so of the
 * whole; it failed when all of them did.
 */
export function foldJob(parts: JobParts, subjects: readonly PartnerSubject[], order: PartOrder): FoldedJob {
  const all = Object.values(parts)
  const best = all.reduce<JobPart | undefined>((a, b) => (a && order(a, b) >= 0 ? a : b), undefined)
  if (!best) return { status: 'queued', word: '', data: {}, silent: true }
  if (subjects.length < 2) return { ...best, silent: false }
  const items = subjects.map((subject) => ({ subject, part: parts[partKey(subject)] }))
  const whole = parts['']
  const at = all.map((part) => part.at).reduce((a, b) => (time(a) >= time(b) ? a : b))
  return {
    status: statusOfAll(
      whole,
      items.map(({ part }) => part),
    ),
    word: whole?.word ?? best.word,
    at,
    data: {
      ...whole?.data,
      items: items.map(({ subject, part }) => ({
        [`${subject.type}_id`]: subject.id,
        status: part?.status ?? whole?.status ?? 'queued',
        ...(part && { result: part.data }),
      })),
    },
    silent: false,
  }
}

const isEnd = (part: JobPart | undefined) => part?.status === 'completed' || part?.status === 'failed'

/** Completed once it ever was: what comes later may only say more. */
function statusOfAll(whole: JobPart | undefined, items: readonly (JobPart | undefined)[]): JobPart['status'] {
  const eachIsOver = items.every(isEnd)
  if (whole?.status === 'completed' || (eachIsOver && items.some((part) => part?.status === 'completed')))
    return 'completed'
  if (whole?.status === 'failed' || eachIsOver) return 'failed'
  return items.some((part) => part !== undefined) ? 'running' : (whole?.status ?? 'queued')
}

/** Why a job ended without the partner's word; the partner's word on its end counts for more. */
export const timedOut = 'timed_out'

/** The status of a row: what the partner said in the end, else why we gave up, else how far it is. */
export function jobStatus(folded: JobPart, error: string | null): PartnerJobStatus {
  if (isEnd(folded) || error === null) return folded.status
  return error === timedOut ? 'timed_out' : 'failed'
}

export const isOver = (status: PartnerJobStatus): boolean => status !== 'queued' && status !== 'running'
