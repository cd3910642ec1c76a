import type { MessageEffect } from './webhook.js'

/** A text message as it is known so far. */
export interface MessageState {
  direction: MessageEffect['direction']
  from: string
  to: string
  /** Null until the text comes: a status may be first. */
  body: string | null
  media: readonly { url: string; contentType?: string | undefined }[]
  status: string
  statusRank: number
  errorCode: string | null
  /** RFC 3339, UTC. */
  sentAt: string | null
  receivedAt: string | null
}

/** Statuses of a message that left us, whatever became of it later. */
const left: ReadonlySet<string> = new Set(['sent', 'delivered', 'undelivered', 'partially_delivered', 'read'])
/** Statuses of a message that is not here yet. */
const coming: ReadonlySet<string> = new Set(['receiving'])

/**
 * Takes one event of a message in; order and repetition change nothing. `at` is when the event came, for those without
 * a time of their own.
 */
export function foldMessage(before: MessageState | undefined, effect: MessageEffect, at: string): MessageState {
  const when = effect.at ?? at
  const sent = effect.direction === 'outbound' && left.has(effect.status) ? when : null
  const received = effect.direction === 'inbound' && !coming.has(effect.status) ? when : null
  const news: MessageState = {
    direction: effect.direction,
    from: effect.from,
    to: effect.to,
    body: effect.body ?? null,
    media: effect.media ?? [],
    status: effect.status,
    statusRank: effect.statusRank,
    errorCode: effect.errorCode ?? null,
    sentAt: sent,
    receivedAt: received,
  }
  return before ? join(before, news) : news
}

function join(a: MessageState, b: MessageState): MessageState {
  const { status, statusRank, errorCode } = later(a, b)
  return {
    direction: a.direction,
    from: a.from || b.from,
    to: a.to || b.to,
    body: longer(a.body, b.body),
    media: b.media.length > a.media.length ? b.media : a.media,
    status,
    statusRank,
    errorCode: a.status === b.status ? greater(a.errorCode, b.errorCode) : errorCode,
    sentAt: earlier(a.sentAt, b.sentAt),
    receivedAt: earlier(a.receivedAt, b.receivedAt),
  }
}

/** The higher rank; of equal ones the same word wins in any order. */
const later = (a: MessageState, b: MessageState) =>
  b.statusRank > a.statusRank || (b.statusRank === a.statusRank && b.status > a.status) ? b : a

const greater = (a: string | null, b: string | null) => (b !== null && (a === null || b > a) ? b : a)

const longer = (a: string | null, b: string | null) =>
  a === null || b === null || a.length === b.length ? greater(a, b) : b.length > a.length ? b : a

const earlier = (a: string | null, b: string | null) =>
  a === null || b === null ? (a ?? b) : Date.parse(b) < Date.parse(a) ? b : a
