import { z } from 'zod'
import { type OutgoingWebhook, type Script, type ScriptContext, spread } from './event.js'
import { hexId } from './ids.js'

/** POST /__sim/webhooks/callrail: the life of a call. */
export const callrailSchema = z.strictObject({
  resource_id: z.string().min(1).max(100).optional(),
  company_id: z.string().min(1).max(100).optional(),
  tracking_number: z.string().optional(),
  customer_number: z.string().default('+15005550010'),
  direction: z.enum(['inbound', 'outbound']).default('inbound'),
  result: z.enum(['answered', 'voicemail', 'missed', 'abandoned']).default('answered'),
  duration_seconds: z.int().min(0).max(86_400).default(61),
  recording: z.boolean().default(true),
  /** How often somebody tags or notes something afterwards. */
  modified: z.int().min(0).max(10).default(1),
  /** The first change comes before the call's own report. */
  modified_first: z.boolean().default(false),
  span_ms: z.number().min(0).max(600_000).default(2000),
})
type Input = z.output<typeof callrailSchema>
type Fields = Record<string, unknown>

const formatted = {
  answered: 'Answered Call',
  voicemail: 'Voicemail',
  missed: 'Missed Call',
  abandoned: 'Abandoned Call',
}

/** A call's webhooks: one POST each, without an event's name, and some fields once more in the address. */
export function callrailScript(input: Input, { now, accounts }: ScriptContext): Script {
  const resourceId = input.resource_id ?? hexId('CAL')
  const tracking = input.tracking_number ?? accounts.callrailNumber
  const startedAt = now + input.span_ms - input.duration_seconds * 1000
  const call = {
    ...subjectOf(input, { resourceId, tracking, startedAt, company: input.company_id ?? accounts.callrailCompany }),
    ...legacy(input, tracking, startedAt),
  }
  const ended = { ...call, ...outcome(input, resourceId) }
  const post = webhook('call-complete', ended)
  const changes = Array.from({ length: input.modified }, (_, index) =>
    webhook('call-modified', { ...ended, ...change(index) }),
  )
  const after = input.modified_first && changes[0] ? [changes[0], post, ...changes.slice(1)] : [post, ...changes]
  // An outbound call has no Pre-Call.
  const first = input.direction === 'inbound' ? [webhook('pre-call', { ...call, ...placeholders })] : []
  return {
    steps: spread(input.span_ms, [...first, ...after]),
    subjects: [{ externalId: resourceId, expected: expectedOf(input), timeline: [] }],
  }
}

const expectedOf = ({ result, duration_seconds, recording }: Input) => ({
  outcome: [result === 'answered' ? 'completed' : 'no_answer'],
  ...(result === 'answered' ? { durationSeconds: duration_seconds, recording } : {}),
  decidedBy: 'call-complete',
})

/** Pre-Call says these whatever happens next (apidocs.callrail.com). */
const placeholders = {
  answered: false,
  call_type: 'missed',
  formatted_call_type: 'Missed Call',
  duration: 0,
  voicemail: false,
}

/** Eastern time, as the simulated company has it: no daylight saving time here. */
const eastern = (ms: number) => `${new Date(ms - 5 * 3_600_000).toISOString().slice(0, -1)}-05:00`

interface Known {
  resourceId: string
  tracking: string
  startedAt: number
  company: string
}

function subjectOf(input: Input, { resourceId, tracking, startedAt, company }: Known): Fields {
  const person = hexId('PER')
  const start = eastern(startedAt)
  return {
    resource_id: resourceId,
    person_resource_id: person,
    tracker_resource_id: 'TRK00000000000000000000000000000001',
    company_resource_id: company,
    company_id: 100000001,
    company_name: 'Acme Genetics & Care <simulated>',
    company_time_zone: 'America/New_York',
    business_phone_number: '+15005550008',
    tracking_phone_number: tracking,
    customer_phone_number: input.customer_number,
    customer_name: 'Ada Example',
    customer_city: 'Rochester',
    customer_state: 'NY',
    customer_country: 'US',
    direction: input.direction,
    first_call: true,
    prior_calls: 0,
    total_calls: 1,
    source_name: 'Website pool',
    start_time: start,
    created_at: start,
    // Of the call and not of the delivery: no replay window can be built on it.
    timestamp: start,
    timeline_url: `https://app.callrail.com/analytics/a/1/events/${person}?event_id=${resourceId}&event_type=call`,
    tags: [],
    note: '',
    value: '',
    lead_status: '',
    spam: false,
    device_type: '',
    transcription: '',
    integration_data: [{ integration: 'Webhooks', data: null }],
  }
}

const legacy = ({ customer_number }: Input, tracking: string, startedAt: number): Fields => ({
  callernum: customer_number,
  trackingnum: tracking,
  destinationnum: '+15005550008',
  datetime: new Date(startedAt).toISOString().slice(0, 19).replace('T', ' '),
})

function outcome({ result, duration_seconds, direction, recording }: Input, resourceId: string): Fields {
  const answered = result === 'answered'
  const kept = answered && recording
  return {
    // Booleans of outbound calls were captured as text.
    answered: direction === 'outbound' ? String(answered) : answered,
    call_type: direction === 'outbound' ? 'outbound' : result,
    formatted_call_type: formatted[result],
    duration: String(duration_seconds),
    voicemail: result === 'voicemail',
    recording: kept ? `https://app.callrail.com/calls/${resourceId}/recording/redirect?access_key=x&v=1` : '',
    recording_duration: kept ? String(Math.max(0, duration_seconds - 2)) : '',
    recording_player: '',
  }
}

const change = (index: number): Fields =>
  index % 2 === 0
    ? { changes: ['tag', 'tags'], tags: ['Signed', `round ${index + 1}`] }
    : { changes: ['note'], note: `Called back, round ${index + 1}` }

/** As Rails escapes JSON: a verifier that serialises anew fails. */
export const railsJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[&<>\u2028\u2029]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

const doubled = ['callernum', 'trackingnum', 'destinationnum', 'datetime'] as const

function webhook(kind: 'pre-call' | 'call-complete' | 'call-modified', fields: Fields): OutgoingWebhook {
  const query = Object.fromEntries(doubled.map((name) => [name, String(fields[name])]))
  return {
    kind,
    externalId: String(fields.resource_id),
    path: `/webhooks/callrail/${kind}`,
    query: new URLSearchParams(query).toString(),
    contentType: 'application/json',
    headers: { 'user-agent': 'CallRail-Webhooks' },
    body: railsJson(fields),
  }
}
