import { digest, keyPart, requireSid } from '../delivery-key.js'
import { textOf, wordOf } from '../fields.js'
import type { Fields } from '../json.js'

export type TwilioKind =
  | 'call.incoming'
  | 'call.status'
  /** What became of the party that a `<Dial>` called. */
  | 'call.dial'
  | 'call.other'
  | 'recording'
  | 'sms.received'
  | 'sms.status'

export type TwilioRoute = 'call' | 'sms' | 'recording'

/** Which event it is; without its own id Twilio leaves that to the fields. */
export interface TwilioEvent {
  kind: TwilioKind
  externalId: string
  key: string
}

/**
 * @throws InvalidRequestError 422 naming the id that is missing
 */
export function identify(route: TwilioRoute, fields: Fields, rawBody: Buffer): TwilioEvent {
  if (route === 'sms') return message(fields)
  if (route === 'recording' || textOf(fields.RecordingStatus) !== undefined) return recording(fields)
  const externalId = requireSid('/CallSid', fields.CallSid)
  const kind = kindOfCall(fields)
  return { kind, externalId, key: callKey(kind, externalId, fields, rawBody) }
}

function callKey(kind: TwilioKind, callSid: string, fields: Fields, rawBody: Buffer): string {
  // A <Redirect> asks the same address again.
  if (kind === 'call.incoming') return callSid
  if (kind === 'call.dial') return `${callSid}:${keyPart(fields.DialCallSid)}:${keyPart(fields.DialCallStatus)}`
  if (kind === 'call.other') return `${callSid}:${digest(rawBody)}`
  return `${keyPart(fields.AccountSid)}:${callSid}:${keyPart(fields.CallStatus)}:${keyPart(fields.SequenceNumber)}`
}

const notOver = new Set(['queued', 'initiated', 'ringing', 'in_progress'])

/** Only status callbacks name their source, number and time (twilio.com/docs/voice/api/call-resource). */
function kindOfCall(fields: Fields): TwilioKind {
  const status = wordOf(fields.CallStatus)
  if (textOf(fields.DialCallStatus) !== undefined) return 'call.dial'
  if (status === undefined) return 'call.other'
  const callback = [fields.CallbackSource, fields.SequenceNumber, fields.Timestamp].some(
    (value) => textOf(value) !== undefined,
  )
  return !callback && wordOf(fields.Direction) === 'inbound' && notOver.has(status) ? 'call.incoming' : 'call.status'
}

function recording(fields: Fields): TwilioEvent {
  const externalId = requireSid('/RecordingSid', fields.RecordingSid)
  return { kind: 'recording', externalId, key: `${externalId}:${keyPart(fields.RecordingStatus)}` }
}

function message(fields: Fields): TwilioEvent {
  const externalId = requireSid('/MessageSid', fields.MessageSid, fields.SmsMessageSid, fields.SmsSid)
  if (isIncoming(fields)) return { kind: 'sms.received', externalId, key: externalId }
  const key = `${externalId}:${keyPart(messageStatus(fields))}:${keyPart(fields.ErrorCode)}`
  return { kind: 'sms.status', externalId, key }
}

/** SmsStatus is the older name. */
export const messageStatus = (fields: Fields): unknown => fields.MessageStatus ?? fields.SmsStatus

function isIncoming(fields: Fields): boolean {
  const status = wordOf(messageStatus(fields))
  if (status === undefined) return typeof fields.Body === 'string'
  return status === 'received' || status === 'receiving'
}
