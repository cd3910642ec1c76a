import type { CallOutcome } from '../../domain/call.js'
import { amountOf, flagOf, textOf, wordOf } from '../fields.js'
import type { Fields } from '../json.js'

const byStatus: Readonly<Record<string, CallOutcome>> = {
  busy: 'busy',
  no_answer: 'no_answer',
  // Called off before it connected.
  canceled: 'no_answer',
  cancelled: 'no_answer',
  failed: 'failed',
  completed: 'completed',
}

const failedQueues = new Set(['pre_queue_error', 'queue_error', 'call_error'])
/** The second means that a later step failed, such as a webhook: the call went well. */
const finishedQueues = new Set(['complete', 'complete_error'])

export interface Ending {
  outcome: CallOutcome
  /** Bland's own word for it. */
  reason: string
}

/** How a call came out; undefined while nothing says that it is over (docs.bland.ai/api-v1/get/calls-id). */
export function outcomeOf(fields: Fields): Ending | undefined {
  const status = wordOf(fields.status)
  const told = status !== undefined && Object.hasOwn(byStatus, status) ? byStatus[status] : undefined
  const ending = told && status ? { outcome: told, reason: status } : withoutStatus(fields, status)
  if (ending === undefined || ending.outcome === 'busy') return ending
  return wordOf(fields.answered_by) === 'no_answer' ? { outcome: 'no_answer', reason: 'no_answer' } : ending
}

/** By the queue, or by the duration; `completed` is fresher than the queue when they differ. */
function withoutStatus(fields: Fields, status: string | undefined): Ending | undefined {
  const queue = wordOf(fields.queue_status)
  const completed = flagOf(fields.completed)
  if (status === undefined && queue === undefined && completed === undefined) return undefined
  const failure = completed === true ? undefined : failureOf(fields, queue)
  if (failure !== undefined) return { outcome: 'failed', reason: failure }
  if (status === 'unknown')
    return { outcome: (durationOf(fields) ?? 0) > 0 ? 'completed' : 'failed', reason: 'unknown' }
  if (completed === true) return { outcome: 'completed', reason: status ?? 'completed' }
  if (completed === false || queue === undefined || !finishedQueues.has(queue)) return undefined
  return { outcome: 'completed', reason: queue }
}

function failureOf(fields: Fields, queue: string | undefined): string | undefined {
  if (queue !== undefined && failedQueues.has(queue)) return queue
  return textOf(fields.error_message) === undefined ? undefined : 'error'
}

/** Seconds: `corrected_duration` is text in seconds, `call_length` is in minutes. */
export function durationOf(fields: Fields): number | undefined {
  const seconds = amountOf(fields.corrected_duration) ?? minutes(fields.call_length)
  return seconds === undefined ? undefined : Math.round(seconds)
}

const minutes = (value: unknown) => amountOf((amountOf(value) ?? Number.NaN) * 60)
