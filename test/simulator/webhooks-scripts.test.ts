import { describe, expect, it } from 'vitest'
import { type WebhookSender, webhookSenders } from '../../src/simulator/webhooks/event.js'
import { readRequest } from '../../src/simulator/webhooks/scripts.js'
import { accounts } from './webhooks-support.js'

const now = Date.UTC(2026, 10, 21, 9, 30, 0)
const context = { now, random: () => 0.9, accounts: accounts.script }
const written = (provider: WebhookSender, body: object = {}) => readRequest(provider, body, context).script
const kinds = (provider: WebhookSender, body?: object) =>
  written(provider, body).steps.map(({ webhook }) => webhook.kind)
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- wire bodies are looked at field by field
const bodies = (provider: WebhookSender, body?: object): any[] =>
  written(provider, body).steps.map(({ webhook }) => JSON.parse(webhook.body))
const forms = (body: object) =>
  written('twilio', body).steps.map(({ webhook }) => Object.fromEntries(new URLSearchParams(webhook.body)))

describe('@unit scripted lives', () => {
  it('LiveKit: a SIP call from room_started to room_finished, 64-bit numbers as text', () => {
    const life = { room: 'r1', call_id: 'c1', duration_seconds: 61, span_ms: 0 }
    expect(kinds('livekit', life)).toEqual([
      'room_started',
      'participant_joined',
      'track_published',
      'participant_left',
      'egress_ended',
      'room_finished',
    ])
    const [started, joined, track, left, egress] = bodies('livekit', life)
    expect(started.room).toMatchObject({ name: 'r1', metadata: '{"call_id":"c1"}', turnPassword: expect.any(String) })
    expect(joined.participant).toMatchObject({ kind: 'SIP', attributes: { 'sip.callStatus': 'dialing' } })
    expect(Object.keys(track.room)).toEqual(['sid', 'name'])
    expect(Object.keys(track.participant)).toEqual(['sid', 'identity'])
    expect(left.participant).toMatchObject({
      sid: joined.participant.sid,
      disconnectReason: 'CLIENT_INITIATED',
      attributes: { 'sip.callStatus': 'hangup' },
    })
    expect(Number(left.createdAt) * 1000 - Number(joined.participant.joinedAtMs)).toBe(61_000)
    expect(egress).not.toHaveProperty('room')
    expect(egress.egressInfo.fileResults[0].duration).toBe('61000000000')
    expect(written('livekit', life).steps[0]?.webhook.body).toContain('"event":"room_started", "room":{"sid":')
  })

  it.each([
    ['no_answer', 'USER_UNAVAILABLE', 'ringing'],
    ['busy', 'USER_REJECTED', 'ringing'],
    ['failed', 'CLIENT_INITIATED', 'dialing'],
    ['dropped', 'CONNECTION_TIMEOUT', 'active'],
  ])('LiveKit: a call that is %s leaves with %s while %s', (result, reason, status) => {
    const left = bodies('livekit', { result }).find(({ event }) => event === 'participant_left')
    expect(left.participant).toMatchObject({ disconnectReason: reason, attributes: { 'sip.callStatus': status } })
  })

  it('LiveKit: in the browser nobody came, or the media never connected', () => {
    expect(kinds('livekit', { participant: 'web', result: 'no_answer' })).toEqual(['room_started', 'room_finished'])
    expect(kinds('livekit', { participant: 'web', result: 'failed' })).toContain('participant_connection_aborted')
  })

  it('Twilio: an outbound call with sequence numbers, empty parameters, seconds and minutes, then its recording', () => {
    const call = { life: 'call', duration_seconds: 61 }
    const [initiated, ringing, answered, completed, recording] = forms(call)
    expect([initiated, ringing, answered, completed].map((one) => [one?.CallStatus, one?.SequenceNumber])).toEqual([
      ['initiated', '0'],
      ['ringing', '1'],
      ['in-progress', '2'],
      ['completed', '3'],
    ])
    expect(completed).toMatchObject({ CalledZip: '', CallDuration: '61', Duration: '2', Direction: 'outbound-api' })
    expect(completed?.Timestamp).toMatch(/^\w{3}, \d\d Nov 2026 \d\d:\d\d:\d\d \+0000$/)
    expect(recording).toMatchObject({
      CallSid: completed?.CallSid,
      RecordingStatus: 'completed',
      RecordingDuration: '61',
    })
    expect(recording).not.toHaveProperty('CallStatus')
    expect(written('twilio', call).steps.map(({ webhook }) => webhook.path)).toEqual([
      ...Array.from({ length: 4 }, () => '/webhooks/twilio/call'),
      '/webhooks/twilio/recording',
    ])
    expect(kinds('twilio', { life: 'call', direction: 'inbound', recording: false })).toEqual([
      'call.ringing',
      'call.completed',
    ])
  })

  it('Twilio: messages in and out', () => {
    expect(forms({ life: 'sms_in', body: 'Hi & bye', media: ['https://h.example/1.jpg'] })[0]).toMatchObject({
      MessageSid: expect.stringMatching(/^MM[0-9a-f]{32}$/),
      Body: 'Hi & bye',
      NumMedia: '1',
      MediaUrl0: 'https://h.example/1.jpg',
      SmsStatus: 'received',
    })
    const [sent, failed] = forms({ life: 'sms_out', result: 'undelivered' })
    expect([sent?.MessageStatus, failed?.MessageStatus, failed?.ErrorCode]).toEqual(['sent', 'undelivered', '30003'])
    expect(sent).not.toHaveProperty('Timestamp')
  })

  it('CallRail: placeholders first, Rails escapes, fields doubled in the address, changes marked', () => {
    const life = { modified: 2, modified_first: true }
    expect(kinds('callrail', life)).toEqual(['pre-call', 'call-modified', 'call-complete', 'call-modified'])
    const [pre, modified, complete] = bodies('callrail', life)
    expect(pre).toMatchObject({ answered: false, call_type: 'missed', duration: 0 })
    expect(pre).not.toHaveProperty('changes')
    expect(modified.changes).toEqual(['tag', 'tags'])
    expect(complete).toMatchObject({ answered: true, duration: '61', resource_id: pre.resource_id })
    expect(complete.timestamp).toBe(complete.start_time)
    const raw = written('callrail').steps[0]!.webhook
    expect(raw.body).toContain(String.raw`Acme Genetics \u0026 Care \u003csimulated\u003e`)
    expect(Object.fromEntries(new URLSearchParams(raw.query))).toMatchObject({
      callernum: '+15005550010',
      trackingnum: '+15005550007',
    })
  })

  it('Clerk: the event’s id is not the entity’s, times are milliseconds, a later one is newer', () => {
    const events = [
      'organization.created',
      'organizationMembership.created',
      'user.created',
      'user.updated',
      'user.deleted',
    ]
    const all = bodies('clerk', { events, user_id: 'user_1', email: 'ada@example.com' })
    expect(all.map(({ type }) => type)).toEqual(events)
    expect(all[1].data).toMatchObject({
      organization: { id: 'org_simulated' },
      public_user_data: { identifier: 'ada@example.com' },
    })
    expect(all[2].data.email_addresses[0].id).toBe(all[2].data.primary_email_address_id)
    expect(all[3].data.updated_at).toBeGreaterThan(all[2].data.updated_at)
    expect(all[4].data).toEqual({ id: 'user_1', object: 'user', deleted: true })
    const ids = written('clerk', { events }).steps.map(({ webhook }) => webhook.eventId)
    expect(new Set(ids).size).toBe(5)
  })

  it('Bland: a flat call, minutes beside seconds as text, and a second delivery that corrects', () => {
    const [post, later] = bodies('bland', { metadata: { tenant_id: 't' }, duration_seconds: 90 })
    expect(post).toMatchObject({
      call_length: 1.5,
      corrected_duration: '90',
      status: 'completed',
      metadata: { tenant_id: 't' },
    })
    expect(post).not.toHaveProperty('event_type')
    expect(later).toMatchObject({ call_id: post.call_id, event_type: 'citations', citations: expect.any(Array) })
    expect(Date.parse(post.end_at) - Date.parse(post.started_at)).toBe(1_800_000)
  })

  it('ElevenLabs: transcription and audio of one conversation, nulls where the types allow them', () => {
    const all = bodies('elevenlabs', { conversation_id: 'conv_1', phone: 'twilio', result: 'voicemail' })
    const transcription = all.find(({ type }) => type === 'post_call_transcription')
    expect(transcription.data).toMatchObject({
      status: 'done',
      user_id: null,
      metadata: { call_duration_secs: 61, phone_call: { call_result: 'voicemail' } },
    })
    expect(transcription.data.transcript.some(({ message }: { message: unknown }) => message === null)).toBe(true)
    const audio = all.find(({ type }) => type === 'post_call_audio')
    expect(Object.keys(audio.data)).toEqual(['agent_id', 'conversation_id', 'full_audio'])
    const [failure] = bodies('elevenlabs', { result: 'no-answer', phone: 'sip' })
    expect(failure).toMatchObject({
      type: 'call_initiation_failure',
      data: { failure_reason: 'no-answer', metadata: { type: 'sip' } },
    })
  })

  it.each([
    ['asr', 'asr/complete'],
    ['rag', 'rag/indexed'],
    ['training', 'training/status'],
    ['analysis', 'analysis/complete'],
    ['followup', 'followup/draft'],
  ])('UWC: %s answers at %s', (kind, route) => {
    const job = { kind, company_id: 'co', job_id: 'j', call_id: 'c' }
    const [step] = written('uwc', job).steps
    expect(step?.webhook).toMatchObject({ path: `/webhooks/uwc/${route}`, externalId: 'j' })
    expect(bodies('uwc', job)[0]).toMatchObject({
      type: route.replace('/', '.'),
      company_id: 'co',
      call_id: 'c',
      status: 'completed',
    })
    expect(bodies('uwc', { ...job, flat: false })[0].data).toMatchObject({
      job_id: 'j',
      company_id: 'co',
      call_id: 'c',
    })
  })

  it('know what must become of the call', () => {
    const expected = (provider: WebhookSender, body: object) => written(provider, body).subjects[0]?.expected
    expect(expected('twilio', { life: 'call', result: 'canceled' })).toMatchObject({
      outcome: ['no_answer'],
      decidedBy: 'call.canceled',
    })
    expect(expected('callrail', { result: 'voicemail' })).toMatchObject({ outcome: ['no_answer'] })
    expect(expected('bland', { result: 'busy' })).toMatchObject({ outcome: ['busy'] })
    expect(expected('livekit', { duration_seconds: 7 })).toMatchObject({
      outcome: ['completed'],
      durationSeconds: 7,
      recording: true,
    })
  })

  it.each(webhookSenders)('%s: names every field that is wrong', (provider) => {
    const wrong = { span_ms: -1, unknown_field: 1, options: { duplicates: 99 } }
    expect(() => readRequest(provider, wrong, context)).toThrow()
    const errors = (body: object) => {
      try {
        readRequest(provider, body, context)
        return []
      } catch (error) {
        return (error as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer)
      }
    }
    expect(errors(wrong)).toEqual(['/options/duplicates'])
    const whole = { life: 'call', kind: 'asr', company_id: 'c' }
    const given =
      provider === 'twilio' ? { life: whole.life } : provider === 'uwc' ? { kind: whole.kind, company_id: 'c' } : {}
    expect(errors({ ...given, span_ms: -1, unknown_field: 1 }).sort()).toEqual(['/span_ms', '/unknown_field'])
  })
})
