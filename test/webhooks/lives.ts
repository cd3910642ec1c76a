import { createCallStore } from '../../src/store/calls.js'
import { aCall } from '../store/call-world.js'
import { callOf } from '../store/partner-rows.js'
import { acme, actors } from '../store/world.js'
import type { TestEngine } from './harness.js'
import { one, type Row } from './kind.js'
import * as say from './subjects.js'
import { moment, newId } from './subjects.js'
import type { Message } from './wire.js'

/** All that is told of one call, conversation, message, member or job. */
export interface Life {
  name: string
  begin(engine: TestEngine): Promise<{
    events: Message[]
    /** What must be the same in every order; ids and times of arrival are not in it. */
    row: () => Promise<Row | undefined>
  }>
  /** Entries that are told exactly once, whatever the order; those of a change are told as often as it is seen. */
  once: string[]
  /** What the row is in the end. */
  expected: Row
}

const callColumns = `direction, from_number, to_number, status, started_at, answered_at, ended_at, duration_seconds, outcome,
  ended_reason, metadata, replace("recordingUrl", external_id, 'it') as recording`
const callRow = (engine: TestEngine, id: string) => () =>
  one(engine, `select ${callColumns} from call_logs where external_id = $1`, [id])

const talked = { status: 'ended', outcome: 'completed', duration_seconds: 61, ended_at: moment(61) }
const [received, completed] = ['telephony.call.received', 'telephony.call.completed']

const livekit: Life = {
  name: 'a call of LiveKit',
  async begin(engine) {
    const { row } = await createCallStore(engine.database).create(actors.acmeRep, aCall())
    const name = row.externalId
    const room = say.roomOf(name)
    const agent = say.participantOf('PA_agent', 1, { kind: 'AGENT' })
    const phone = say.participantOf('PA_phone', 2, { kind: 'SIP', attributes: { 'sip.callStatus': 'active' } })
    const hungUp = { ...phone, attributes: { 'sip.callStatus': 'hangup' }, disconnectReason: 'CLIENT_INITIATED' }
    return {
      events: [
        say.livekit('room_started', { room }),
        say.livekit('participant_joined', { room, participant: agent }, { seconds: 1 }),
        say.livekit('participant_joined', { room, participant: phone }, { seconds: 2 }),
        say.livekit('participant_left', { room, participant: hungUp }, { seconds: 63 }),
        say.livekit('egress_ended', { egressInfo: say.egressOf(name) }, { seconds: 70 }),
        say.livekit(
          'participant_left',
          { room, participant: { ...agent, disconnectReason: 'ROOM_CLOSED' } },
          { seconds: 64 },
        ),
        say.livekit('room_finished', { room }, { seconds: 65 }),
      ],
      row: callRow(engine, name),
    }
  },
  once: [completed],
  expected: { ...talked, ended_at: moment(63), answered_at: moment(2), recording: 's3://rec/it.mp4' },
}

const twilio: Life = {
  name: 'a call of Twilio',
  async begin(engine) {
    const id = newId('CA')
    return {
      events: [
        say.twilioStatus(id, 'initiated', 0),
        say.twilioStatus(id, 'ringing', 1),
        say.twilioStatus(id, 'in-progress', 2),
        say.twilioCompleted(id),
        say.twilioRecording(id, `RE${id}`),
      ],
      row: callRow(engine, id),
    }
  },
  once: [completed],
  expected: { ...talked, ended_at: moment(71), answered_at: moment(10), recording: 'https://api.twilio.com/REit' },
}

const callrail: Life = {
  name: 'a call of CallRail',
  async begin(engine) {
    const id = newId('CAL')
    const kinds = ['pre-call', 'call-complete', 'call-modified'] as const
    return { events: kinds.map((kind) => say.callrail(id, kind)), row: callRow(engine, id) }
  },
  once: [received, completed],
  expected: { ...talked, direction: 'inbound', recording: 'https://app.callrail.com/recording/1' },
}

const bland: Life = {
  name: 'a call of Bland',
  async begin(engine) {
    const id = newId('bland-')
    return {
      events: [
        say.bland(id, acme),
        say.bland(id, acme, say.blandCorrection),
        say.bland(id, acme, { event_type: 'citations', citations: [{ line: 2 }] }),
        say.blandLive(id),
      ],
      row: callRow(engine, id),
    }
  },
  once: [completed],
  expected: { ...talked, direction: 'outbound', recording: 'https://example.com/it.mp3' },
}

const elevenlabs: Life = {
  name: 'a conversation of ElevenLabs',
  async begin(engine) {
    const conversationId = newId('conv_')
    const createdAt = moment(-5).toISOString()
    const { sessionId } = await engine.session({ provider: 'elevenlabs', conversationId, createdAt })
    return {
      events: [
        say.elevenlabs(conversationId, 'post_call_transcription', say.conversationOf(61)),
        say.elevenlabs(conversationId, 'post_call_audio', { full_audio: Buffer.from('ID3').toString('base64') }),
        say.elevenlabs(conversationId, 'something_new', {}),
      ],
      row: () =>
        one(
          engine,
          `select status, joined_at, ended_at, duration_seconds, end_reason, transcript, facts,
             replace(metadata::text, $2, 'it')::jsonb as metadata, replace(recording_url, $2, 'it') as recording from conversations_users where session_id = $1`,
          [sessionId, conversationId],
        ),
    }
  },
  once: ['session.started', 'session.ended', 'session.transcript.ready', 'session.recording.ready'],
  expected: { status: 'completed', duration_seconds: 61, ended_at: moment(61) },
}

const message: Life = {
  name: 'a text message of Twilio',
  async begin(engine) {
    const id = newId('SM')
    return {
      events: ['queued', 'sent', 'delivered', 'read'].map((status) => say.twilioSent(id, status)),
      row: () =>
        one(
          engine,
          `select direction, from_number, to_number, body, status, error_code, sent_at is not null as sent
           from messages where external_id = $1`,
          [id],
        ),
    }
  },
  once: ['telephony.sms.sent'],
  expected: { direction: 'outbound', status: 'read', sent: true },
}

const member: Life = {
  name: 'a member at Clerk',
  async begin(engine) {
    const subject = { organizationId: newId('org_'), userId: newId('user_') }
    const told = (type: string, options: say.ClerkOptions) => say.clerk(subject, type, options)
    return {
      events: [
        told('organization.created', { seconds: 0 }),
        told('organizationMembership.created', { seconds: 1, role: 'org:member' }),
        told('organizationMembership.updated', { seconds: 2, role: 'org:admin' }),
        told('user.updated', { seconds: 3, first: 'Irène' }),
        told('organization.updated', { seconds: 4, name: 'Curie & Joliot' }),
      ],
      row: () =>
        one(
          engine,
          `select u.role, u.display_name, u.disabled_at, c.name as company, c.disabled_at as closed_at
           from users u join companies c on c.id = u.company_id where clerk_user_id = $1`,
          [subject.userId],
        ),
    }
  },
  once: ['identity.organization.created', 'identity.user.created'],
  expected: {
    role: 'leadership',
    display_name: 'Irène Curie',
    company: 'Curie & Joliot',
    disabled_at: null,
    closed_at: null,
  },
}

const job: Life = {
  name: 'a job of the partner',
  async begin(engine) {
    const about = { call_id: await callOf(engine, acme) }
    const subject = { jobId: newId('job_'), companyId: acme, about }
    const told = (status: string, seconds: number) =>
      say.uwc('asr/complete', subject, { status, seconds, data: { text: `${status} then` } })
    return {
      events: [told('queued', 0), told('running', 3), told('completed', 2)],
      row: () =>
        one(
          engine,
          `select status, partner_status, result, reported_at, j.failed_at, subject_type,
             (select jsonb_agg(text) from transcripts t where t.call_id = j.subject_id) as texts
           from uwc_jobs j where j.job_id = $1`,
          [subject.jobId],
        ),
    }
  },
  once: ['worker.task.finished'],
  expected: { status: 'completed', reported_at: moment(2), texts: ['completed then'] },
}

export const lives: readonly Life[] = [livekit, twilio, callrail, bland, elevenlabs, message, member, job]
