import { randomUUID } from 'node:crypto'
import type { Message, ProviderName } from './wire.js'

/** Webhooks of every provider as they are, each about an id that is given. */

const at = Date.parse('2026-03-01T10:00:00Z')
const iso = (seconds: number) => new Date(at + seconds * 1000).toISOString()
const rfc2822 = (seconds: number) => new Date(at + seconds * 1000).toUTCString().replace('GMT', '+0000')

export const newId = (prefix: string) => `${prefix}${randomUUID().replaceAll('-', '')}`

const paths: Readonly<Partial<Record<ProviderName, string>>> = {
  tavus: '/tavus/callback',
  elevenlabs: '/webhooks/elevenlabs',
  livekit: '/api/webhooks/call_completed',
  clerk: '/webhooks/clerk',
  bland: '/webhooks/bland',
}

const asJson = (provider: ProviderName, body: object, more: Partial<Message> = {}): Message => ({
  provider,
  target: paths[provider] ?? '',
  body: JSON.stringify(body),
  ...more,
})

export interface TavusSubject {
  sessionId: string
  conversationId: string
}

export const tavus = ({ sessionId, conversationId }: TavusSubject, type: string, seconds = 0, properties = {}) =>
  asJson(
    'tavus',
    {
      message_type: type.split('.')[0],
      event_type: type,
      conversation_id: conversationId,
      timestamp: iso(seconds),
      properties,
    },
    { id: sessionId },
  )

export const elevenlabs = (conversationId: string, type: string, data: object) =>
  asJson('elevenlabs', {
    type,
    event_timestamp: at / 1000 + 70,
    data: { agent_id: 'agent_1', conversation_id: conversationId, ...data },
  })

export const conversationOf = (seconds: number) => ({
  status: 'done',
  transcript: [
    { role: 'agent', message: 'Hello', time_in_call_secs: 0 },
    { role: 'user', message: 'Hi', time_in_call_secs: 2 },
  ],
  metadata: { start_time_unix_secs: at / 1000, call_duration_secs: seconds, cost: 305 },
})

export const livekit = (event: string, body: object, { seconds = 0, id = newId('EV_') } = {}) =>
  asJson('livekit', { event, id, createdAt: String(at / 1000 + seconds), ...body })

export const roomOf = (name: string) => ({ sid: `RM_${name}`, name, creationTime: String(at / 1000) })
export const participantOf = (sid: string, joined: number, more: object = {}) => ({
  sid,
  identity: sid.toLowerCase(),
  joinedAt: String(at / 1000 + joined),
  ...more,
})
export const egressOf = (name: string) => ({
  egressId: 'EG_1',
  roomId: `RM_${name}`,
  roomName: name,
  status: 'EGRESS_COMPLETE',
  fileResults: [{ location: `s3://rec/${name}.mp4`, duration: '60000000000' }],
})

type Form = Record<string, string>

const form = (route: 'call' | 'sms' | 'recording', fields: Form): Message => ({
  provider: 'twilio',
  target: `/webhooks/twilio/${route}`,
  body: new URLSearchParams({ AccountSid: 'AC-acme', ...fields }).toString(),
})

const ours = '+15005550006'
const theirs = '+15005550010'

export const twilioCall = (CallSid: string, CallStatus: string, fields: Form = {}) =>
  form('call', { CallSid, CallStatus, Direction: 'outbound-api', From: ours, To: theirs, ...fields })

export const twilioIncoming = (CallSid: string) =>
  form('call', { CallSid, CallStatus: 'ringing', Direction: 'inbound', From: theirs, To: ours })

/** A callback of its own place in the course of the call. */
export const twilioStatus = (callSid: string, status: string, sequence: number, fields: Form = {}) =>
  twilioCall(callSid, status, {
    CallbackSource: 'call-progress-events',
    SequenceNumber: String(sequence),
    Timestamp: rfc2822(sequence * 5),
    ...fields,
  })

export const twilioCompleted = (callSid: string, sequence = 3) =>
  twilioStatus(callSid, 'completed', sequence, { Timestamp: rfc2822(71), CallDuration: '61' })

export const twilioRecording = (CallSid: string, RecordingSid: string, RecordingStatus = 'completed') =>
  form('recording', {
    CallSid,
    RecordingSid,
    RecordingStatus,
    RecordingUrl: `https://api.twilio.com/${RecordingSid}`,
    RecordingDuration: '59',
    ErrorCode: '0',
  })

export const twilioReceived = (MessageSid: string) =>
  form('sms', { MessageSid, From: theirs, To: ours, Body: 'Thursday & 3', SmsStatus: 'received', NumMedia: '0' })

export const twilioSent = (MessageSid: string, MessageStatus: string) =>
  form('sms', { MessageSid, From: ours, To: theirs, MessageStatus })

export type CallrailKind = 'pre-call' | 'call-complete' | 'call-modified'

const callrailCall = {
  company_resource_id: 'COM-acme',
  direction: 'inbound',
  tracking_phone_number: ours,
  customer_phone_number: theirs,
  start_time: iso(0),
  answered: true,
  call_type: 'answered',
  duration: '61',
  voicemail: false,
  recording: 'https://app.callrail.com/recording/1',
  recording_duration: '59',
}

const callrailSays: Readonly<Record<CallrailKind, object>> = {
  'pre-call': {
    answered: false,
    call_type: 'missed',
    duration: 0,
    recording: '',
    recording_duration: '',
  },
  'call-complete': {},
  'call-modified': { changes: ['tags'], tags: ['Signed'] },
}

export const callrail = (resource_id: string, kind: CallrailKind, more: object = {}) =>
  asJson(
    'callrail',
    { resource_id, ...callrailCall, ...callrailSays[kind], ...more },
    { target: `/webhooks/callrail/${kind}` },
  )

export const callrailText = (resource_id: string) =>
  asJson(
    'callrail',
    {
      resource_id,
      company_resource_id: 'COM-acme',
      source_number: theirs,
      destination_number: ours,
      content: 'Hi',
      message_type: 'sms',
      timestamp: iso(0),
    },
    { target: '/webhooks/callrail/call-complete' },
  )

export interface ClerkSubject {
  organizationId: string
  userId: string
}

/** `seconds` after ten is when it was changed and told. */
export function clerk({ organizationId, userId }: ClerkSubject, type: string, options: ClerkOptions = {}): Message {
  const { seconds = 0, id = newId('msg_'), role = 'org:csr', name = 'Curie Labs', first = 'Marie' } = options
  const updated_at = at + seconds * 1000
  const organization = { id: organizationId, name, updated_at }
  const email = `${userId}@example.com`
  const addresses = [{ id: 'idn_1', email_address: email, verification: { status: 'verified' } }]
  const data: Readonly<Record<string, object>> = {
    user: {
      id: userId,
      first_name: first,
      last_name: 'Curie',
      email_addresses: addresses,
      primary_email_address_id: 'idn_1',
      updated_at,
    },
    organization,
    organizationMembership: {
      id: newId('orgmem_'),
      role,
      organization,
      public_user_data: { user_id: userId, identifier: email, first_name: first, last_name: 'Curie' },
      updated_at,
    },
    session: { id: newId('sess_'), user_id: userId },
  }
  return asJson('clerk', { type, object: 'event', timestamp: updated_at, data: data[type.split('.')[0] ?? ''] }, { id })
}

export interface ClerkOptions {
  seconds?: number
  id?: string
  role?: string
  name?: string
  first?: string
}

export const bland = (call_id: string, tenantId: string, more: object = {}) =>
  asJson('bland', {
    call_id,
    metadata: { tenant_id: tenantId },
    inbound: false,
    from: ours,
    to: theirs,
    created_at: iso(-20),
    started_at: iso(0),
    corrected_duration: '61',
    completed: true,
    status: 'completed',
    queue_status: 'complete',
    answered_by: 'human',
    recording_url: `https://example.com/${call_id}.mp3`,
    ...more,
  })

export const blandCorrection = { corrected_transcript: [{ user: 'user', text: 'Hi.' }] }
export const blandLive = (call_id: string, message = 'agent speaks') =>
  asJson('bland', { call_id, level: 'info', category: 'call', message })

export type UwcPath = 'asr/complete' | 'rag/indexed' | 'training/status' | 'analysis/complete' | 'followup/draft'

export interface UwcSubject {
  jobId: string
  companyId: string
  /** Whom or what the answer is about. */
  about: object
}

export const uwc = (path: UwcPath, { jobId, companyId, about }: UwcSubject, options: UwcOptions = {}) => {
  const { status = 'completed', seconds = 0, id = newId('msg_'), data = { score: 7 } } = options
  const body = { job_id: jobId, company_id: companyId, status, timestamp: iso(seconds), ...about, data }
  return asJson('uwc', body, { target: `/webhooks/uwc/${path}`, id })
}

export interface UwcOptions {
  status?: string
  seconds?: number
  id?: string
  data?: object
}

/** So many seconds after the beginning of every call and conversation here. */
export const moment = (seconds: number) => new Date(at + seconds * 1000)
