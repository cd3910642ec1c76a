import { expect } from 'vitest'
import { type Kind, processed, type Row } from './kind.js'
import * as say from './subjects.js'
import { moment, newId } from './subjects.js'

function tavus(type: string, told: { properties?: object; expected: Row; log?: string[] }): Kind {
  return {
    name: `tavus ${type}`,
    ofSession: true,
    async make(engine) {
      const session = await engine.session({ createdAt: moment(-5).toISOString() })
      return {
        message: say.tavus(session, type, 60, told.properties),
        other: say.tavus(session, 'application.something_new', 60),
        mark: session.conversationId,
        row: () => engine.sessionRow(session.sessionId),
        expected: told.expected,
        log: [...(told.log ?? []), processed],
      }
    },
  }
}

function elevenlabs(type: string, told: { data: object; expected: Row; log: string[] }): Kind {
  return {
    name: `elevenlabs ${type}`,
    ofSession: true,
    async make(engine) {
      const conversationId = newId('conv_')
      const createdAt = moment(-5).toISOString()
      const session = await engine.session({ provider: 'elevenlabs', conversationId, createdAt })
      return {
        message: say.elevenlabs(conversationId, type, told.data),
        other: say.elevenlabs(conversationId, 'something_new', {}),
        mark: conversationId,
        row: () => engine.sessionRow(session.sessionId),
        expected: told.expected,
        log: [...told.log, processed],
      }
    },
  }
}

/** Events of Tavus and ElevenLabs. */
export const conversationKinds: readonly Kind[] = [
  tavus('system.replica_joined', { expected: { status: 'active', joined_at: moment(60) }, log: ['session.started'] }),
  tavus('system.shutdown', {
    properties: { shutdown_reason: 'participant_left_timeout reached' },
    expected: { status: 'completed', end_reason: 'participant_left', ended_at: moment(60) },
    log: ['session.ended'],
  }),
  tavus('application.transcription_ready', {
    properties: { transcript: [{ role: 'user', content: 'Hi.' }] },
    expected: { transcript: [{ role: 'user', content: 'Hi.' }] },
    log: ['session.transcript.ready'],
  }),
  tavus('application.recording_ready', {
    properties: { bucket_name: 'rec', s3_key: 'k', duration: 600 },
    expected: { recording_url: 's3://rec/k', metadata: { recording_duration_seconds: 600 } },
    log: ['session.recording.ready'],
  }),
  tavus('application.recording_copy_failed', {
    properties: { error_message: 'no such bucket' },
    expected: { metadata: { recording_copy_failed: 'no such bucket' }, recording_url: null },
  }),
  tavus('application.perception_analysis', {
    properties: { analysis: 'calm' },
    expected: { metadata: { perception_analysis: 'calm' } },
  }),
  elevenlabs('post_call_transcription', {
    data: say.conversationOf(61),
    expected: {
      status: 'completed',
      duration_seconds: 61,
      ended_at: moment(61),
      transcript: [{ content: 'Hello' }, { content: 'Hi' }],
      metadata: { outcome: 'completed', cost: 305 },
    },
    log: ['session.started', 'session.ended', 'session.transcript.ready'],
  }),
  elevenlabs('post_call_audio', {
    data: { full_audio: Buffer.from('ID3 small').toString('base64') },
    expected: { recording_url: expect.stringMatching(/^artefact:\/\/conv_/) as unknown },
    log: ['session.recording.ready'],
  }),
  elevenlabs('call_initiation_failure', {
    data: { failure_reason: 'busy', metadata: { type: 'sip', body: { sip_status_code: 486 } } },
    expected: { status: 'failed', metadata: { outcome: 'busy', sip_status_code: 486 } },
    log: ['session.ended'],
  }),
]
