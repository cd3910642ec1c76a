import type { CallDetails, CallEnd, CallFact, CallOutcome } from '../../domain/call.js'
import type { CallEffect } from '../../domain/webhook.js'
import { defined, linkOf, secondsOf, textOf, wordOf } from '../fields.js'
import type { Fields } from '../json.js'
import { momentOf } from '../moment.js'
import { phoneNumberOf } from '../phone-number.js'
import type { StoredDelivery } from '../provider.js'
import { directionOf, tenantOf } from './tenant.js'
import { twilioTime } from './time.js'

type Stored = Pick<StoredDelivery, 'kind' | 'externalId' | 'receivedAt'>

/** CallStatus of a call that is not over. */
const progress: Readonly<Record<string, 'queued' | 'ringing' | 'in_progress'>> = {
  queued: 'queued',
  initiated: 'queued',
  ringing: 'ringing',
  in_progress: 'in_progress',
}

/** CallStatus of one that is; a call that was called off never connected. */
const outcomes: Readonly<Record<string, CallOutcome>> = {
  completed: 'completed',
  busy: 'busy',
  no_answer: 'no_answer',
  canceled: 'no_answer',
  failed: 'failed',
}

const known = <T>(table: Readonly<Record<string, T>>, word: string | undefined): T | undefined =>
  word !== undefined && Object.hasOwn(table, word) ? table[word] : undefined

/** What an event of a call does (twilio.com/docs/voice/api/call-resource); a status that nobody knows moves nothing. */
export function callEffect(stored: Stored, fields: Fields): CallEffect {
  const at = twilioTime(fields.Timestamp) ?? momentOf(stored.receivedAt)
  return {
    target: 'call',
    provider: 'twilio',
    // Of a call with two legs each has its row; the dialled one names the other in its metadata.
    externalId: textOf(fields.CallSid) ?? stored.externalId,
    tenant: tenantOf(fields, directionOf(fields)),
    facts: [details(stored, fields, at), ...course(stored, fields, at), ...recordingOf(fields)],
  }
}

function course({ kind }: Stored, fields: Fields, at: string | undefined): CallFact[] {
  if (kind === 'call.dial') return dialled(fields, at)
  const status = wordOf(fields.CallStatus)
  const going = known(progress, status)
  if (kind === 'call.incoming')
    return [
      ...(at === undefined ? [] : [{ type: 'received', at } as const]),
      { type: 'progress', status: going ?? 'ringing', ...defined({ at }) },
    ]
  if (going) return [{ type: 'progress', status: going, ...defined({ at, order: secondsOf(fields.SequenceNumber) }) }]
  const outcome = known(outcomes, status)
  if (outcome === undefined || status === undefined) return []
  return [end({ outcome, reason: status, at, durationSeconds: secondsOf(fields.CallDuration) })]
}

const end = ({ outcome, reason, ...rest }: { [K in keyof Omit<CallEnd, 'type'>]: CallEnd[K] | undefined }): CallEnd =>
  ({ type: 'end', outcome, reason, ...defined(rest) }) as CallEnd

/**
 * A call that reached nobody still ends as completed: what became of the dialled party says more. It comes as the
 * request for what to do next, which our empty answer makes the end.
 */
function dialled(fields: Fields, at: string | undefined): CallFact[] {
  const word = wordOf(fields.DialCallStatus)
  const status = word === 'answered' ? 'completed' : word
  const outcome = known(outcomes, status)
  if (outcome === undefined || status === undefined) return []
  const answered = outcome === 'completed'
  const durationSeconds = answered ? secondsOf(fields.DialCallDuration) : undefined
  return [end({ outcome, reason: `dial_${status}`, at, durationSeconds, rank: answered ? 2 : 1 })]
}

function details({ kind }: Stored, fields: Fields, at: string | undefined): CallDetails {
  const metadata = {
    // Only a status callback has the time that the word belongs to.
    provider_status: kind === 'call.status' ? wordOf(fields.CallStatus) : undefined,
    dial_status: wordOf(fields.DialCallStatus),
    answered_by: wordOf(fields.AnsweredBy),
    sip_response_code: textOf(fields.SipResponseCode),
    parent_call_sid: textOf(fields.ParentCallSid),
    dialled_call_sid: textOf(fields.DialCallSid),
    forwarded_from: phoneNumberOf(fields.ForwardedFrom),
    caller_name: textOf(fields.CallerName),
    error_code: textOf(fields.ErrorCode),
  }
  return {
    type: 'details',
    ...defined({
      at,
      direction: directionOf(fields),
      from: phoneNumberOf(fields.From),
      to: phoneNumberOf(fields.To),
    }),
    metadata: defined(metadata),
  }
}

/** A terminal status, and the request after a `<Record>`, carry the recording too. */
function recordingOf(fields: Fields): CallFact[] {
  const url = linkOf(fields.RecordingUrl)
  if (url === undefined) return []
  return [{ type: 'recording', url, ...defined({ durationSeconds: secondsOf(fields.RecordingDuration) }) }]
}

/** What a recording's status does. It names the first leg of the call; that of a conference names no call of ours. */
export function recordingEffect(stored: Stored, fields: Fields): CallEffect {
  const status = wordOf(fields.RecordingStatus) ?? 'completed'
  const over = status !== 'in_progress'
  const at = momentOf(stored.receivedAt)
  const metadata = { recording_status: status, recording_error_code: errorCode(fields.ErrorCode) }
  const callSid = textOf(fields.CallSid)
  return {
    target: 'call',
    provider: 'twilio',
    externalId: callSid ?? textOf(fields.ConferenceSid) ?? stored.externalId,
    // It names the account alone, which companies may share: it waits for its call to be told of, and makes none.
    tenant: { ...tenantOf(fields, undefined), partial: true },
    makesNone: true,
    facts: [
      ...(over ? [{ type: 'details', ...defined({ at }), metadata: defined(metadata) } as const] : []),
      ...(status === 'completed' ? recordingOf(fields) : []),
    ],
  }
}

/** Zero says that there was none. */
const errorCode = (value: unknown) => (textOf(value) === '0' ? undefined : textOf(value))
