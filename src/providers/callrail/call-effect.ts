import type { CallDirection, CallFact, CallOutcome } from '../../domain/call.js'
import type { CallEffect } from '../../domain/webhook.js'
import { defined, flagOf, secondsOf, wordOf } from '../fields.js'
import type { Fields } from '../json.js'
import { momentOf, secondsAfter } from '../moment.js'
import { accountsOfNumber, phoneNumberOf } from '../phone-number.js'
import type { StoredDelivery } from '../provider.js'
import {
  callFields,
  companyAccounts,
  durationOf,
  keptAfterwards,
  keptFields,
  recordingUrlOf,
  startOf,
} from './fields.js'

/** What an event of a call does (support.callrail.com/hc/en-us/articles/5711246459149-Webhooks). */
export function callEffect(
  stored: Pick<StoredDelivery, 'kind' | 'externalId' | 'receivedAt'>,
  body: Fields,
): CallEffect {
  const fields = callFields(body)
  return {
    target: 'call',
    provider: 'callrail',
    externalId: stored.externalId,
    tenant: {
      by: 'integration',
      provider: 'callrail',
      accounts: accountsOfCall(fields),
    },
    facts: factsOf(stored.kind, fields, momentOf(stored.receivedAt)),
  }
}

/** By what its company is looked for: the tracking number before the company at CallRail, which companies may share. */
export const accountsOfCall = (fields: Fields): string[] => [
  ...accountsOfNumber(fields.tracking_phone_number ?? fields.trackingnum),
  ...companyAccounts(fields),
]

function factsOf(kind: string, fields: Fields, receivedAt: string | undefined): CallFact[] {
  const start = startOf(fields)
  if (kind === 'pre-call') return preCall(fields, start, receivedAt)
  const over = secondsAfter(start, durationOf(fields)) ?? receivedAt
  const recording = recordingOf(fields)
  // Its own times say nothing of when the change was made.
  if (kind === 'call-modified') return [details(fields, start, receivedAt ?? over, true), ...recording]
  return [details(fields, start, over, true), ...endOf(fields, start, over), ...recording]
}

/** The call has only begun: answered, call_type, duration and voicemail are placeholders. */
function preCall(fields: Fields, start: string | undefined, receivedAt: string | undefined): CallFact[] {
  const at = start ?? receivedAt
  return [
    details(fields, start, at, false),
    ...(at === undefined ? [] : [{ type: 'received', at } as const]),
    { type: 'progress', status: 'ringing', ...defined({ at }) },
  ]
}

function details(fields: Fields, startedAt: string | undefined, at: string | undefined, over: boolean): CallFact {
  const direction = directionOf(fields)
  const customer = phoneNumberOf(fields.customer_phone_number ?? fields.callernum)
  const tracking = phoneNumberOf(fields.tracking_phone_number ?? fields.trackingnum)
  const [from, to] = direction === 'outbound' ? [tracking, customer] : [customer, tracking]
  return {
    type: 'details',
    ...defined({ at, direction, from, to, startedAt }),
    metadata: defined({ ...keptFields(fields), ...(over ? keptAfterwards(fields) : {}) }),
  }
}

const directionOf = (fields: Fields): CallDirection | undefined => {
  const word = wordOf(fields.direction)
  return word === 'inbound' || word === 'outbound' ? word : undefined
}

function endOf(fields: Fields, startedAt: string | undefined, at: string | undefined): CallFact[] {
  const outcome = outcomeOf(fields)
  if (outcome === undefined) return []
  const reason = wordOf(fields.call_type) ?? (outcome === 'completed' ? 'answered' : 'not_answered')
  return [{ type: 'end', outcome, reason, ...defined({ at, startedAt, durationSeconds: durationOf(fields) }) }]
}

const unanswered = new Set(['missed', 'abandoned', 'voicemail'])

/** CallRail tells answered from not answered; busy and failed it does not tell. A voicemail is not an answer. */
function outcomeOf(fields: Fields): CallOutcome | undefined {
  const [answered, type] = [flagOf(fields.answered), wordOf(fields.call_type)]
  if (type === 'in_progress') return undefined
  if (answered === true) return 'completed'
  if (answered === false || flagOf(fields.voicemail) === true) return 'no_answer'
  if (type === undefined) return undefined
  return type === 'answered' ? 'completed' : unanswered.has(type) ? 'no_answer' : undefined
}

function recordingOf(fields: Fields): CallFact[] {
  const url = recordingUrlOf(fields)
  if (url === undefined) return []
  return [{ type: 'recording', url, ...defined({ durationSeconds: secondsOf(fields.recording_duration) }) }]
}
