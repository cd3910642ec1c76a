import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { type OutgoingWebhook, type Script, type ScriptContext, shuffled, spread } from './event.js'
import { hexId } from './ids.js'

const common = {
  account_sid: z.string().min(1).max(100).optional(),
  from: z.string().max(100).optional(),
  to: z.string().max(100).optional(),
  span_ms: z.number().min(0).max(600_000).default(2000),
  shuffle: z.boolean().default(false),
}
const sid = (prefix: string) => z.string().regex(new RegExp(`^${prefix}\\w{1,60}$`), `must be ${prefix}…`)

/** POST /__sim/webhooks/twilio: the life of a call or of a message. */
export const twilioSchema = z.discriminatedUnion('life', [
  z.strictObject({
    ...common,
    life: z.literal('call'),
    call_sid: sid('CA').optional(),
    direction: z.enum(['inbound', 'outbound-api']).default('outbound-api'),
    result: z.enum(['completed', 'busy', 'no-answer', 'canceled', 'failed']).default('completed'),
    duration_seconds: z.int().min(0).max(86_400).default(61),
    recording: z.boolean().default(true),
    answered_by: z.string().optional(),
  }),
  z.strictObject({
    ...common,
    life: z.literal('sms_in'),
    message_sid: sid('(?:SM|MM)').optional(),
    body: z.string().max(1600).default('Is Thursday at 3 still fine?'),
    media: z.array(z.url()).max(10).default([]),
  }),
  z.strictObject({
    ...common,
    life: z.literal('sms_out'),
    message_sid: sid('(?:SM|MM)').optional(),
    result: z.enum(['delivered', 'undelivered', 'failed']).default('delivered'),
  }),
])
type Input = z.output<typeof twilioSchema>
type Call = Extract<Input, { life: 'call' }>
type Incoming = Extract<Input, { life: 'sms_in' }>
type Outgoing = Extract<Input, { life: 'sms_out' }>
type Form = Record<string, string>

const outcomes: Record<Call['result'], string> = {
  completed: 'completed',
  busy: 'busy',
  'no-answer': 'no_answer',
  canceled: 'no_answer',
  failed: 'failed',
}
const sipCodes: Record<Call['result'], string> = {
  completed: '200',
  busy: '486',
  'no-answer': '487',
  canceled: '487',
  failed: '404',
}
const apiVersion = '2010-04-01'

/** RFC 2822, as Twilio writes a time. */
export const rfc2822 = (ms: number): string => new Date(ms).toUTCString().replace('GMT', '+0000')

/** A call's or a message's webhooks as forms, and the call as the API answers it. */
export function twilioScript(input: Input, context: ScriptContext): Script {
  if (input.life === 'call') return callScript(input, context)
  const webhooks = input.life === 'sms_in' ? [incomingMessage(input, context)] : outgoingMessage(input, context)
  const steps = spread(input.span_ms, webhooks)
  return { steps: input.shuffle ? shuffled(steps, context.random) : steps, subjects: [] }
}

function callScript(input: Call, { now, random, accounts }: ScriptContext): Script {
  const inbound = input.direction === 'inbound'
  const [from, to] = [input.from ?? (inbound ? caller : accounts.twilioNumber), input.to ?? called(inbound)]
  const callSid = input.call_sid ?? hexId('CA')
  const accountSid = input.account_sid ?? accounts.twilioAccountSid
  const endedAt = now + input.span_ms
  const startedAt = Math.floor((endedAt - input.duration_seconds * 1000) / 1000) * 1000
  const duration = input.result === 'completed' ? input.duration_seconds : 0
  const recorded = input.recording && input.result === 'completed'
  const base = { CallSid: callSid, AccountSid: accountSid, ApiVersion: apiVersion, Direction: input.direction }
  const place = { ...base, From: from, To: to, Caller: from, Called: to, ...places }
  const statuses = [...progressOf(input), input.result]
  const events = statuses.map((status, sequence) => progress(status, sequence))
  const steps = spread(input.span_ms, inbound ? [ringing(), events.at(-1)!] : events)
  const told = input.shuffle ? shuffled(steps, random) : steps
  const recording = recorded ? [{ afterMs: input.span_ms + 500, webhook: recordingReady() }] : []
  return { steps: [...told, ...recording], subjects: [subject()] }

  function called(incoming: boolean): string {
    return incoming ? accounts.twilioNumber : caller
  }

  /** What the number's voice address is asked when somebody calls: no sequence number. */
  function ringing(): OutgoingWebhook {
    return form('call', 'call.ringing', callSid, {
      ...place,
      CallStatus: 'ringing',
      StirVerstat: 'TN-Validation-Passed-A',
    })
  }

  function progress(status: string, sequence: number): OutgoingWebhook {
    const over = status === input.result
    const terminal: Form = over
      ? {
          CallDuration: String(duration),
          Duration: String(Math.ceil(duration / 60)),
          SipResponseCode: sipCodes[input.result],
          ...(input.answered_by === undefined ? {} : { AnsweredBy: input.answered_by }),
        }
      : {}
    return form('call', `call.${status}`, callSid, {
      ...place,
      CallStatus: status,
      CallbackSource: 'call-progress-events',
      SequenceNumber: String(inbound ? 0 : sequence),
      Timestamp: rfc2822(over ? startedAt + duration * 1000 : startedAt - 1000 * (statuses.length - 1 - sequence)),
      ...terminal,
    })
  }

  function recordingReady(): OutgoingWebhook {
    const recordingSid = hexId('RE')
    return form('recording', 'recording.completed', recordingSid, {
      AccountSid: accountSid,
      CallSid: callSid,
      RecordingSid: recordingSid,
      RecordingUrl: `https://api.twilio.com/${apiVersion}/Accounts/${accountSid}/Recordings/${recordingSid}`,
      RecordingStatus: 'completed',
      RecordingDuration: String(duration),
      RecordingChannels: '1',
      RecordingStartTime: rfc2822(startedAt),
      RecordingSource: 'OutboundAPI',
      ErrorCode: '0',
    })
  }

  function subject() {
    const known = {
      sid: callSid,
      account_sid: accountSid,
      from,
      to,
      direction: input.direction,
      api_version: apiVersion,
    }
    const whileOn = steps.slice(0, -1).map(({ afterMs }, index) => ({
      afterMs,
      state: {
        ...known,
        status: inbound ? 'ringing' : apiStatus(statuses[index] ?? ''),
        start_time: rfc2822(startedAt),
        end_time: null,
        duration: null,
      },
    }))
    const end = { status: input.result, end_time: rfc2822(startedAt + duration * 1000), duration: String(duration) }
    return {
      externalId: callSid,
      expected: {
        outcome: [outcomes[input.result]],
        ...(input.result === 'completed' ? { durationSeconds: duration } : {}),
        recording: recorded,
        decidedBy: `call.${input.result}`,
      },
      timeline: [...whileOn, { afterMs: input.span_ms, state: end }],
    }
  }
}

const caller = '+15005550010'
/** `initiated` is a word of callbacks only. */
const apiStatus = (status: string) => (status === 'initiated' ? 'queued' : status)

/** The statuses before the last one: a busy line does not ring, a failed call does not get that far. */
function progressOf({ result }: Call): string[] {
  if (result === 'completed') return ['initiated', 'ringing', 'in-progress']
  return result === 'failed' || result === 'busy' ? ['initiated'] : ['initiated', 'ringing']
}

function incomingMessage(input: Incoming, { accounts }: ScriptContext): OutgoingWebhook {
  const messageSid = input.message_sid ?? hexId(input.media.length > 0 ? 'MM' : 'SM')
  const media = input.media.flatMap((url, index) => [
    [`MediaUrl${index}`, url],
    [`MediaContentType${index}`, 'image/jpeg'],
  ])
  return form('sms', 'sms.received', messageSid, {
    MessageSid: messageSid,
    SmsSid: messageSid,
    SmsMessageSid: messageSid,
    AccountSid: input.account_sid ?? accounts.twilioAccountSid,
    From: input.from ?? caller,
    To: input.to ?? accounts.twilioNumber,
    Body: input.body,
    NumMedia: String(input.media.length),
    NumSegments: '1',
    SmsStatus: 'received',
    ApiVersion: apiVersion,
    ...(Object.fromEntries(media) as Form),
    ...messagePlaces,
  })
}

function outgoingMessage(input: Outgoing, { accounts }: ScriptContext): OutgoingWebhook[] {
  const messageSid = input.message_sid ?? hexId('SM')
  const last = input.result
  return ['sent', last].map((status) =>
    form('sms', `sms.${status}`, messageSid, {
      MessageSid: messageSid,
      SmsSid: messageSid,
      AccountSid: input.account_sid ?? accounts.twilioAccountSid,
      From: input.from ?? accounts.twilioNumber,
      To: input.to ?? caller,
      MessageStatus: status,
      SmsStatus: status,
      ApiVersion: apiVersion,
      ...(status === last && last !== 'delivered' ? { ErrorCode: '30003' } : {}),
    }),
  )
}

// Twilio sends and signs what it does not know as well: empty.
const place = (side: string, known: boolean): Form => ({
  [`${side}City`]: known ? 'SAN FRANCISCO' : '',
  [`${side}State`]: 'CA',
  [`${side}Zip`]: known ? '94105' : '',
  [`${side}Country`]: 'US',
})
const messagePlaces = { ...place('From', true), ...place('To', false) }
const places = { ...messagePlaces, ...place('Caller', true), ...place('Called', false) }

function form(route: 'call' | 'sms' | 'recording', kind: string, externalId: string, fields: Form): OutgoingWebhook {
  return {
    kind,
    externalId,
    path: `/webhooks/twilio/${route}`,
    contentType: 'application/x-www-form-urlencoded; charset=UTF-8',
    headers: { 'user-agent': 'TwilioProxy/1.1', 'i-twilio-idempotency-token': randomUUID() },
    body: new URLSearchParams(fields).toString(),
  }
}
