import { createHash } from 'node:crypto'
import type { Expected, OutgoingWebhook, WebhookSender } from './event.js'

/** What one try at handing over came to. */
export interface Attempt {
  at: string
  status: number | null
  /** What the receiver says became of it: processed, accepted, duplicate_ignored. */
  answer: string | null
  /** How it failed without an answer. */
  failure: 'connect' | 'timeout' | 'broken' | null
  error: string | null
  duration_ms: number
  note?: string
}

export interface Marks {
  duplicated: boolean
  /** Signed with a wrong key, not at all, or changed afterwards: must be refused. */
  forged: 'bad_signature' | 'tampered' | 'unsigned' | null
  lost: boolean
  delayed_ms: number
  skew_seconds: number
  legacy_signature: boolean
}

/** One copy of a webhook on its way. */
export interface WebhookDelivery {
  marks: Marks
  state: 'pending' | 'delivered' | 'gave_up' | 'lost' | 'dropped'
  attempts: Attempt[]
}

/** One webhook: what was to be sent, when, and all that became of it. */
export interface WebhookRecord {
  seq: number
  provider: WebhookSender
  /** Epoch milliseconds. */
  dueAt: number
  copies: Marks[]
  webhook: OutgoingWebhook
  /** Whose life it tells of. */
  subject: string | null
  deliveries: WebhookDelivery[]
}

/** A subject with its states at epoch milliseconds. */
export interface StoredSubject {
  provider: WebhookSender
  externalId: string
  callId?: string
  expected?: Expected
  timeline: { at: number; state: Record<string, unknown> }[]
}

export const plainMarks: Marks = {
  duplicated: false,
  forged: null,
  lost: false,
  delayed_ms: 0,
  skew_seconds: 0,
  legacy_signature: false,
}

const isAuthentic = ({ marks }: WebhookDelivery) => marks.forged === null

/** Somebody has answered an authentic copy with a 2xx. */
export const isDelivered = ({ deliveries }: WebhookRecord): boolean =>
  deliveries.some((one) => isAuthentic(one) && one.state === 'delivered')

/** More is to come. */
export const isPending = ({ deliveries }: WebhookRecord): boolean =>
  deliveries.length === 0 || deliveries.some((one) => one.state === 'pending')

/** A record for people and programs: without the body, but with what identifies it. */
export function presentWebhook(record: WebhookRecord) {
  const { seq, provider, dueAt, webhook, deliveries } = record
  return {
    seq,
    provider,
    kind: webhook.kind,
    external_id: webhook.externalId,
    event_id: webhook.eventId ?? null,
    subject: record.subject,
    path: webhook.path,
    due_at: new Date(dueAt).toISOString(),
    body_sha256: createHash('sha256').update(webhook.body).digest('hex'),
    body_bytes: Buffer.byteLength(webhook.body),
    delivered: isDelivered(record),
    pending: isPending(record),
    deliveries,
  }
}
export type PresentedWebhook = ReturnType<typeof presentWebhook>

/** What the API says of a subject at this moment; undefined before its life. */
export function stateAt({ timeline }: StoredSubject, now: number): Record<string, unknown> | undefined {
  const past = timeline.filter(({ at }) => at <= now)
  return past.length === 0 ? undefined : past.reduce((known, { state }) => ({ ...known, ...state }), {})
}
