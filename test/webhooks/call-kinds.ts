import { expect } from 'vitest'
import { createCallStore } from '../../src/store/calls.js'
import { aCall } from '../store/call-world.js'
import { acme, actors } from '../store/world.js'
import { type Kind, one, processed, type Row } from './kind.js'
import * as say from './subjects.js'
import { moment, newId } from './subjects.js'
import { deliver, type Message } from './wire.js'

interface OfRoom {
  body: (room: string) => object
  /** What shows whose the room is, where the event itself does not. */
  before?: (room: string) => Message
  expected: Row
  log?: string[]
}

function livekit(event: string, told: OfRoom): Kind {
  return {
    name: `livekit ${event}`,
    async make(engine) {
      const { row } = await createCallStore(engine.database).create(actors.acmeRep, aCall())
      if (told.before) await deliver(engine, told.before(row.externalId))
      const [id, body] = [newId('EV_'), told.body(row.externalId)]
      return {
        message: say.livekit(event, body, { seconds: 70, id }),
        other: say.livekit('something_new', body, { seconds: 70, id }),
        mark: id,
        row: () =>
          one(
            engine,
            `select c.*, e.event, e.processed from livekit_call_events e join call_logs c on c.id = e.call_id
             where "eventId" = $1`,
            [id],
          ),
        expected: { id: row.id, tenant_id: acme, event, processed: true, ...told.expected },
        log: [...(told.log ?? []), processed],
      }
    },
  }
}

interface Called {
  message: (id: string) => Message
  other: (id: string) => Message
  before?: (id: string) => Message
  expected: Row
  log?: string[]
}

/** Of a call that its provider's account makes the company's. */
function call(name: string, told: Called): Kind {
  return {
    name,
    async make(engine) {
      const id = newId('CA')
      if (told.before) await deliver(engine, told.before(id))
      return {
        message: told.message(id),
        other: told.other(id),
        mark: id,
        row: () => one(engine, 'select * from call_logs where external_id = $1', [id]),
        expected: { tenant_id: acme, provider: name.split(' ')[0], ...told.expected },
        log: [...(told.log ?? []), processed],
      }
    },
  }
}

const smsOf =
  (name: string, told: Called): Kind['make'] =>
  async (engine) => {
    const id = newId('SM')
    return {
      message: told.message(id),
      other: told.other(id),
      mark: id,
      row: () => one(engine, 'select * from messages where external_id = $1', [id]),
      expected: { tenant_id: acme, provider: name.split(' ')[0], ...told.expected },
      log: [...(told.log ?? []), processed],
    }
  }
const sms = (name: string, told: Called): Kind => ({ name, make: smsOf(name, told) })

const ended = ['telephony.call.status', 'telephony.call.completed']
const talked = { status: 'ended', outcome: 'completed', duration_seconds: 61, ended_at: moment(61) }
const person = (room: string, more: object = {}) => ({
  room: say.roomOf(room),
  participant: say.participantOf('PA_1', 10, more),
})

/** Events of calls and text messages: LiveKit, Twilio, CallRail, Bland. */
export const callKinds: readonly Kind[] = [
  livekit('room_started', {
    body: (room) => ({ room: say.roomOf(room) }),
    expected: { status: 'ringing', started_at: moment(0), outcome: null },
    log: ['telephony.call.status'],
  }),
  livekit('participant_joined', {
    body: (room) => person(room),
    expected: { status: 'in_progress', answered_at: moment(10) },
    log: ['telephony.call.status'],
  }),
  livekit('participant_left', {
    body: (room) => person(room, { disconnectReason: 'CLIENT_INITIATED' }),
    expected: { status: 'ended', outcome: 'completed', duration_seconds: 60, ended_at: moment(70) },
    log: ended,
  }),
  livekit('room_finished', {
    body: (room) => ({ room: say.roomOf(room) }),
    expected: { status: 'ended', outcome: 'no_answer', ended_reason: 'nobody_joined', ended_at: moment(70) },
    log: ended,
  }),
  livekit('egress_ended', {
    body: (room) => ({ egressInfo: say.egressOf(room) }),
    before: (room) => say.livekit('room_started', { room: say.roomOf(room) }, { seconds: 0, id: newId('EV_') }),
    expected: { recordingUrl: expect.stringMatching(/^s3:\/\/rec\/room-.*\.mp4$/) as unknown, outcome: null },
  }),
  livekit('track_published', { body: (room) => person(room), expected: { status: 'queued', outcome: null } }),
  call('twilio call.incoming', {
    message: say.twilioIncoming,
    other: say.twilioCompleted,
    expected: { direction: 'inbound', status: 'ringing', from_number: '+15005550010', to_number: '+15005550006' },
    log: ['telephony.call.received', 'telephony.call.status'],
  }),
  call('twilio call.status', {
    message: say.twilioCompleted,
    other: (id) => say.twilioStatus(id, 'ringing', 1),
    expected: { direction: 'outbound', ...talked, ended_at: moment(71), metadata: { provider_status: 'completed' } },
    log: ended,
  }),
  call('twilio call.dial', {
    message: (id) => say.twilioCall(id, 'in-progress', { DialCallSid: 'CA1', DialCallStatus: 'busy' }),
    other: (id) => say.twilioCall(id, 'in-progress', { DialCallSid: 'CA1', DialCallStatus: 'failed' }),
    expected: { status: 'ended', outcome: 'busy', duration_seconds: 0, metadata: { dial_status: 'busy' } },
    log: ended,
  }),
  call('twilio recording', {
    before: say.twilioCompleted,
    message: (id) => say.twilioRecording(id, `RE${id}`),
    other: (id) => say.twilioRecording(id, `RE${id}`, 'absent'),
    expected: { ...talked, ended_at: moment(71), recordingUrl: expect.stringContaining('/RECA') as unknown },
  }),
  sms('twilio sms.received', {
    message: say.twilioReceived,
    other: (id) => say.twilioSent(id, 'undelivered'),
    expected: { direction: 'inbound', status: 'received', body: 'Thursday & 3' },
    log: ['telephony.sms.received'],
  }),
  sms('twilio sms.status', {
    message: (id) => say.twilioSent(id, 'delivered'),
    other: (id) => say.twilioSent(id, 'sent'),
    expected: { direction: 'outbound', status: 'delivered' },
    log: ['telephony.sms.sent', 'telephony.sms.status'],
  }),
  call('callrail pre-call', {
    message: (id) => say.callrail(id, 'pre-call'),
    other: (id) => say.callrail(id, 'call-complete'),
    expected: { direction: 'inbound', status: 'ringing', outcome: null, started_at: moment(0) },
    log: ['telephony.call.received', 'telephony.call.status'],
  }),
  call('callrail call-complete', {
    message: (id) => say.callrail(id, 'call-complete'),
    other: (id) => say.callrail(id, 'pre-call'),
    expected: { ...talked, recordingUrl: 'https://app.callrail.com/recording/1' },
    log: ['telephony.call.received', ...ended],
  }),
  call('callrail call-modified', {
    before: (id) => say.callrail(id, 'call-complete'),
    message: (id) => say.callrail(id, 'call-modified'),
    other: (id) => say.callrail(id, 'call-modified', { tags: ['Lost'] }),
    expected: { ...talked, metadata: { tags: ['Signed'] } },
  }),
  sms('callrail text-message', {
    message: say.callrailText,
    other: (id) => say.callrail(id, 'pre-call'),
    expected: { direction: 'inbound', status: 'received', body: 'Hi', received_at: moment(0) },
    log: ['telephony.sms.received'],
  }),
  call('bland post-call', {
    message: (id) => say.bland(id, acme),
    other: (id) => say.bland(id, acme, say.blandCorrection),
    expected: { ...talked, direction: 'outbound', recordingUrl: expect.stringContaining('.mp3') as unknown },
    log: ended,
  }),
  call('bland correction', {
    before: (id) => say.bland(id, acme),
    message: (id) => say.bland(id, acme, say.blandCorrection),
    other: (id) => say.bland(id, acme, { event_type: 'citations', citations: [{ line: 2 }] }),
    expected: { ...talked, metadata: say.blandCorrection },
  }),
  call('bland citations', {
    before: (id) => say.bland(id, acme),
    message: (id) => say.bland(id, acme, { event_type: 'citations', citations: [{ line: 2 }] }),
    other: (id) => say.bland(id, acme, { event_type: 'multiple' }),
    expected: { ...talked, metadata: { citations: [{ line: 2 }] } },
  }),
  call('bland live', {
    before: (id) => say.bland(id, acme),
    message: (id) => say.blandLive(id),
    other: (id) => say.blandLive(id, 'caller speaks'),
    expected: talked,
  }),
]
