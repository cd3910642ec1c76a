import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SessionEvent } from '../../src/domain/event.js'
import { applyToSession, type ApplyInput, type TrackInput } from '../../src/store/sessions.js'
import { acme, actors, aSession, createWorld, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld()))
afterAll(() => world.close())

const at = (seconds: number) => new Date(Date.UTC(2026, 2, 1, 10, 0, seconds)).toISOString()
const event = (kind: SessionEvent['kind'], more: Partial<SessionEvent> = {}): SessionEvent => ({
  kind,
  at: at(1),
  facts: {},
  ...more,
})

const joined = event('joined', { facts: { joinedAt: at(2) } })
const shutdown = event('shutdown', { facts: { shutdownAt: at(62), shutdownReason: 'participant_left_timeout' } })
const transcript = event('transcript', {
  transcript: [
    { role: 'assistant', content: 'hello' },
    { role: 'user', content: 'secret words' },
  ],
})
const recording = event('recording', { recordingUrl: 's3://bucket/c1/recording.mp4' })
const perception = event('perception', { metadata: { perception: { analysis: 'smiles' } } })

async function begin(changes: Partial<TrackInput> = {}) {
  const session = aSession(changes)
  await world.sessions.track(session)
  return session
}
const apply = (input: ApplyInput) => world.database.withService(undefined, (trx) => applyToSession(trx, input))

/** Everything of the row but when it was changed last and what names it. */
async function rowOf(sessionId: string, table = 'conversations_users') {
  const [found] = await world.admin<{ row: object }>(
    `select to_jsonb(t) - '{updated_at,session_id,conversation_user_id,external_conversation_id,tavus_conversation_id}'::text[] as row
     from ${table} t where session_id = $1`,
    [sessionId],
  )
  return found?.row
}

const logOf = async (sessionId: string) =>
  (await world.eventLog.listForSession(actors.acmeLead, sessionId, { limit: 100 })).map(({ event: name, data }) => ({
    name,
    data,
  }))

describe('applyToSession', () => {
  it('folds a whole conversation into its row', async () => {
    const { sessionId, conversationId } = await begin({ metadata: { campaign: 'spring' } })
    const applied = await apply({
      sessionId,
      conversationId,
      events: [joined, shutdown, transcript, recording, perception],
    })
    expect(applied).toMatchObject({
      ...{ found: true, mismatch: false, tracked: true, tenantId: acme, userId: actors.acmeRep.userId, conversationId },
      ...{ hasTranscript: true, hasRecording: true },
      outcome: {
        status: 'completed',
        joinedAt: at(2),
        endedAt: at(62),
        durationSeconds: 60,
        endReason: 'participant_left',
      },
    })
    expect(await world.sessions.find(actors.acmeRep, sessionId)).toMatchObject({
      ...{ status: 'completed', joinedAt: new Date(at(2)), endedAt: new Date(at(62)), durationSeconds: 60 },
      ...{ endReason: 'participant_left', transcript: transcript.transcript, recordingUrl: recording.recordingUrl },
      metadata: { campaign: 'spring', perception: { analysis: 'smiles' }, recordings: [recording.recordingUrl] },
    })
  })

  it('finds no session that nobody knows', async () => {
    expect(await apply({ sessionId: randomUUID(), events: [joined] })).toEqual({ found: false })
  })

  it('does not find a reserved session before its conversation is known: the news waits', async () => {
    const sessionId = randomUUID()
    await world.sessions.reserveAnonymous(sessionId, 1000)
    expect(await apply({ sessionId, conversationId: 'c', events: [shutdown] })).toEqual({ found: false })
    expect(await rowOf(sessionId, 'untracked_sessions')).toMatchObject({ status: 'starting', facts: {} })
  })

  it('changes nothing when the conversation is not the session’s', async () => {
    for (const [table, changes] of [
      ['conversations_users', {}],
      ['untracked_sessions', { owner: undefined }],
    ] as const) {
      const { sessionId } = await begin(changes)
      const before = await rowOf(sessionId, table)
      expect(await apply({ sessionId, conversationId: 'another', events: [shutdown] })).toEqual({
        found: true,
        mismatch: true,
      })
      expect(await rowOf(sessionId, table)).toEqual(before)
      expect(await logOf(sessionId)).toEqual([])
    }
  })

  it('confines the transaction to the session’s company', async () => {
    const { sessionId } = await begin()
    const tenants = await world.database.withService(undefined, async (trx) => {
      await applyToSession(trx, { sessionId, events: [joined] })
      return (await trx.raw<{ rows: object[] }>('select distinct tenant_id from users')).rows
    })
    expect(tenants).toEqual([{ tenant_id: acme }])
  })

  it('keeps the row as it was when the transaction fails', async () => {
    const { sessionId } = await begin()
    const before = await rowOf(sessionId)
    const failed = world.database.withService(undefined, async (trx) => {
      await applyToSession(trx, { sessionId, events: [shutdown] })
      throw new Error('too late')
    })
    await expect(failed).rejects.toThrow('too late')
    expect([await rowOf(sessionId), await logOf(sessionId)]).toEqual([before, []])
  })

  it('is "ending" while the end is under way and has no time, whatever comes meanwhile', async () => {
    for (const [table, changes] of [
      ['conversations_users', {}],
      ['untracked_sessions', { owner: undefined }],
    ] as const) {
      const { sessionId } = await begin(changes)
      expect(await world.sessions.recordFacts({ sessionId, facts: {}, ending: true })).toMatchObject({
        outcome: { status: 'ending' },
      })
      await apply({ sessionId, events: [joined] })
      expect(await rowOf(sessionId, table)).toMatchObject({ status: 'ending', ended_at: null })
      await apply({ sessionId, events: [shutdown] })
      await world.sessions.recordFacts({ sessionId, facts: {}, ending: true })
      expect(await rowOf(sessionId, table)).toMatchObject({ status: 'completed' })
    }
  })

  it('is "failed" when the provider says so', async () => {
    const { sessionId } = await begin()
    await apply({ sessionId, facts: { shutdownAt: at(9), shutdownReason: 'could_not_join' } })
    expect(await rowOf(sessionId)).toMatchObject({ status: 'failed', end_reason: 'error', duration_seconds: 9 })
  })

  it('keeps the fuller transcript and every recording', async () => {
    const { sessionId } = await begin()
    const longer = event('transcript', {
      transcript: [...(transcript.transcript ?? []), { role: 'user', content: 'bye' }],
    })
    const other = event('recording', { recordingUrl: 's3://bucket/c1/a.mp4' })
    await apply({ sessionId, events: [recording, longer] })
    await apply({ sessionId, events: [transcript, other, recording] })
    expect(await rowOf(sessionId)).toMatchObject({
      ...{ transcript: longer.transcript, recording_url: other.recordingUrl },
      metadata: { recordings: [other.recordingUrl, recording.recordingUrl] },
    })
  })

  it('takes no recording from the caller’s metadata', async () => {
    const forged = 's3://bucket/another-conversation/recording.mp4'
    const { sessionId } = await begin({ metadata: { recordings: [forged], perception: 'mine' } })
    await apply({ sessionId, events: [recording, perception] })
    expect(await rowOf(sessionId)).toMatchObject({
      recording_url: recording.recordingUrl,
      metadata: { recordings: [recording.recordingUrl], perception: { analysis: 'smiles' } },
    })
  })

  it('stores texts that PostgreSQL cannot', async () => {
    const { sessionId } = await begin()
    const odd = event('transcript', {
      transcript: [{ role: 'user', content: 'a\0b \ud83d' }],
      metadata: { 'k\0': '\udc00' },
    })
    await apply({ sessionId, events: [odd] })
    await apply({ sessionId, events: [odd] })
    expect(await rowOf(sessionId)).toMatchObject({ transcript: [{ content: 'ab \ufffd' }], metadata: { k: '\ufffd' } })
  })

  it('keeps an unreadable time from being an error', async () => {
    const { sessionId } = await begin()
    await apply({ sessionId, events: [event('joined', { facts: { joinedAt: 'soon' } }), shutdown] })
    expect(await rowOf(sessionId)).toMatchObject({ joined_at: null, status: 'completed', duration_seconds: 62 })
  })
})

describe('the event log', () => {
  it('tells each thing once, without a word of the conversation', async () => {
    const { sessionId, conversationId } = await begin({ leadId: 'lead-1' })
    for (const events of [[joined], [shutdown, transcript], [recording, joined], [transcript, shutdown, recording]])
      await apply({ sessionId, events, traceId: 't1' })
    const log = await logOf(sessionId)
    const conversation = { conversation_id: conversationId }
    expect(log).toEqual([
      { name: 'session.started', data: { ...conversation, joined_at: at(2) } },
      {
        name: 'session.ended',
        data: {
          ...conversation,
          status: 'completed',
          end_reason: 'participant_left',
          ended_at: at(62),
          duration_seconds: 60,
        },
      },
      { name: 'session.transcript.ready', data: { ...conversation, entries: 2 } },
      { name: 'session.recording.ready', data: conversation },
    ])
    expect(JSON.stringify(log)).not.toContain('secret')
    const [first] = await world.eventLog.listForSession(actors.acmeRep, sessionId, { limit: 1 })
    expect(first).toMatchObject({ userId: actors.acmeRep.userId, leadId: 'lead-1', traceId: 't1', tenantId: acme })
  })

  it('tells each thing once when everything arrives at once', async () => {
    const { sessionId } = await begin()
    const all = [joined, shutdown, transcript, recording]
    await Promise.all([...all, ...all, ...all].map((one) => apply({ sessionId, events: [one] })))
    const names = (await logOf(sessionId)).map(({ name }) => name).sort()
    expect(names).toEqual(['session.ended', 'session.recording.ready', 'session.started', 'session.transcript.ready'])
  })

  it('says nothing of sessions of nobody’s company', async () => {
    const { sessionId } = await begin({ owner: undefined })
    const applied = await apply({ sessionId, events: [joined, shutdown, transcript] })
    expect(applied).toMatchObject({
      tracked: false,
      tenantId: undefined,
      userId: undefined,
      outcome: { status: 'completed' },
    })
    expect(await world.admin('select from event_logs where session_id = $1', [sessionId])).toEqual([])
  })
})
