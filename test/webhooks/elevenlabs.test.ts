import { createHash, randomUUID } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { audioBody, elevenLabsHeader, elevenLabsSecret, filesBelow, sendChunked } from './elevenlabs-bodies.js'
import { startEngine, type TestEngine } from './harness.js'

let engine: TestEngine
let url: string
let artefacts: string

beforeAll(async () => {
  engine = await startEngine({ env: { ELEVENLABS_WEBHOOK_SECRET: `another,${elevenLabsSecret}` } })
  url = `${engine.app.url}/webhooks/elevenlabs`
  artefacts = join(engine.dataDir, 'artefacts')
})
afterAll(() => engine.close())

const newId = () => `conv_${randomUUID()}`

async function session() {
  const conversationId = newId()
  return await engine.session({ provider: 'elevenlabs', conversationId, createdAt: '2026-01-01T00:00:00.000Z' })
}

const transcription = (conversationId: string, changes: object = {}) => ({
  type: 'post_call_transcription',
  event_timestamp: 1767225597,
  data: {
    conversation_id: conversationId,
    status: 'done',
    transcript: [
      { role: 'agent', message: 'Hello', time_in_call_secs: 0 },
      { role: 'user', message: 'Hi', time_in_call_secs: 2 },
      { role: 'agent', message: null, time_in_call_secs: 3 },
    ],
    metadata: {
      start_time_unix_secs: 1767225530,
      call_duration_secs: 61,
      cost: 305,
      termination_reason: 'Client disconnected',
    },
    ...changes,
  },
})

async function post(body: object, options: { secret?: string; at?: number; path?: string; as?: string } = {}) {
  const text = JSON.stringify(body)
  const headers = elevenLabsHeader({ pieces: () => [Buffer.from(text)], ...options })
  const address = options.path === undefined ? url : engine.app.url + options.path
  return await sendChunked(address, [Buffer.from(options.as ?? text)], headers)
}

const events = async (sessionId: string) => (await engine.eventsOf(sessionId)).map(({ event }) => event)

describe('@integration a webhook of ElevenLabs', () => {
  it('gives the session its transcript, its duration, its cost and how it came out', async () => {
    const { sessionId, conversationId } = await session()
    expect(await post(transcription(conversationId))).toEqual({
      status: 200,
      body: { status: 'processed', provider: 'elevenlabs', event_id: `post_call_transcription/${conversationId}` },
    })
    expect(await engine.sessionRow(sessionId)).toMatchObject({
      status: 'completed',
      duration_seconds: 61,
      joined_at: new Date(1767225530_000),
      ended_at: new Date(1767225591_000),
      end_reason: 'provider',
      transcript: [
        { role: 'assistant', content: 'Hello', seconds_from_start: 0 },
        { role: 'user', content: 'Hi', seconds_from_start: 2 },
      ],
      metadata: { outcome: 'completed', cost: 305, termination_reason: 'Client disconnected' },
    })
    expect(await events(sessionId)).toEqual([
      'session.started',
      'session.ended',
      'session.transcript.ready',
      'system.webhook.processed',
    ])
  })

  it('makes the row of a call that never was a failed one, with its reason', async () => {
    const { sessionId, conversationId } = await session()
    const data = {
      conversation_id: conversationId,
      failure_reason: 'busy',
      metadata: { type: 'sip', body: { sip_status_code: 486 } },
    }
    await post({ type: 'call_initiation_failure', event_timestamp: 1767225599, data })
    expect(await engine.sessionRow(sessionId)).toMatchObject({
      status: 'failed',
      end_reason: 'error',
      metadata: { outcome: 'busy', failure_reason: 'busy', sip_status_code: 486 },
    })
  })

  it('of an unknown type is recorded, under both prefixes and with a slash at the end', async () => {
    for (const path of ['/webhooks/elevenlabs/', '/webhook/elevenlabs']) {
      const { sessionId, conversationId } = await session()
      const data = { conversation_id: conversationId }
      const answer = await post({ type: 'answering_machine_detection', data }, { path })
      expect([path, answer.status]).toEqual([path, 200])
      expect(await events(sessionId)).toEqual(['system.webhook.processed'])
    }
  })

  it('of a conversation that nobody knows waits', async () => {
    const conversationId = newId()
    expect((await post(transcription(conversationId))).status).toBe(202)
    expect(await engine.receipts('external_id = $1', [conversationId])).toMatchObject([{ status: 'waiting' }])
  })

  it('is refused by field', async () => {
    expect(await post({ type: 'post_call_transcription', data: { conversation_id: '../x' } })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/data/conversation_id' }] },
    })
    expect(await post({}, { as: '{}' })).toMatchObject({ status: 422 })
  })
})

describe('@integration audio of ElevenLabs', () => {
  it('becomes a file, and the receipt holds where it is instead', async () => {
    const { sessionId, conversationId } = await session()
    const { pieces, audioBlock } = audioBody(conversationId, 30)
    const answer = await sendChunked(url, pieces(), elevenLabsHeader({ pieces }))
    expect(answer).toMatchObject({ status: 200, body: { status: 'processed' } })
    const audio = Buffer.concat(Array.from({ length: 30 }, () => audioBlock))
    const name = `${createHash('sha256').update(audio).digest('hex').slice(0, 32)}.mp3`
    const location = `artefact://${conversationId}/${name}`
    expect(await filesBelow(artefacts)).toContain(join(artefacts, conversationId, name))
    expect((await readFile(join(artefacts, conversationId, name))).equals(audio)).toBe(true)
    expect(await engine.sessionRow(sessionId)).toMatchObject({ recording_url: location })
    const [receipt] = await engine.receipts('external_id = $1', [conversationId])
    expect(JSON.parse(receipt?.payload.toString() ?? '')).toEqual({
      type: 'post_call_audio',
      event_timestamp: 1767225598,
      data: { agent_id: 'agent_1', conversation_id: conversationId, full_audio: location },
    })
    expect(await events(sessionId)).toContain('session.recording.ready')
    expect(await filesBelow(join(artefacts, '.incoming'))).toEqual([])
  })

  it('that is small is put away all the same, and comes once', async () => {
    const { sessionId, conversationId } = await session()
    const data = { conversation_id: conversationId, full_audio: Buffer.from('ID3 small').toString('base64') }
    const body = { type: 'post_call_audio', event_timestamp: 1767225598, data }
    expect((await post(body)).body.status).toBe('processed')
    expect((await post(body)).body.status).toBe('duplicate_ignored')
    const [receipt, ...others] = await engine.receipts('external_id = $1', [conversationId])
    expect([receipt?.attempts, others]).toEqual([2, []])
    expect(receipt?.payload.toString()).not.toContain(data.full_audio)
    expect(await filesBelow(join(artefacts, conversationId))).toHaveLength(1)
    expect((await engine.sessionRow(sessionId))?.recording_url).toMatch(/^artefact:\/\//)
  })

  it('of thirty megabytes is taken in chunks, and memory stays flat', async () => {
    const { conversationId } = await session()
    // 490 blocks of 64 KiB of base64: just above 30 MiB.
    const { pieces, audioBytes } = audioBody(conversationId, 490)
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const live = () => {
      collect()
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      return heapUsed + arrayBuffers
    }
    const headers = elevenLabsHeader({ pieces })
    const before = live()
    let peak = 0
    let sent = 0
    function* watched() {
      for (const piece of pieces()) {
        if (sent++ % 30 === 29) peak = Math.max(peak, live())
        yield piece
      }
    }
    const answer = await sendChunked(url, watched(), headers)
    expect(answer).toMatchObject({ status: 200, body: { status: 'processed' } })
    expect(sent).toBe(492)
    expect(peak - before).toBeLessThan(8 * 1024 * 1024)
    const [file = ''] = await filesBelow(join(artefacts, conversationId))
    expect((await stat(file)).size).toBe(audioBytes)
    const [receipt] = await engine.receipts('external_id = $1', [conversationId])
    expect(receipt?.payload.length).toBeLessThan(500)
  })

  it('beyond 32 MiB is 413, told beforehand or not, and leaves no file', async () => {
    const { conversationId } = await session()
    const { pieces } = audioBody(conversationId, 530)
    const headers = elevenLabsHeader({ pieces })
    expect(await sendChunked(url, pieces(), headers)).toMatchObject({ status: 413, body: { code: 'body_too_large' } })
    const whole = Buffer.concat([...pieces()])
    const told = await fetch(url, { method: 'POST', body: whole, headers })
    expect(told.status).toBe(413)
    expect(await filesBelow(join(artefacts, '.incoming'))).toEqual([])
    expect(await filesBelow(join(artefacts, conversationId))).toEqual([])
    expect(await engine.receipts('external_id = $1', [conversationId])).toEqual([])
  })

  it('is the only thing that may be so large', async () => {
    const { conversationId } = await session()
    const answer = await post(transcription(conversationId, { filler: 'x'.repeat(1_100_000) }))
    expect(answer).toMatchObject({ status: 413, body: { code: 'body_too_large' } })
    expect(await engine.receipts('external_id = $1', [conversationId])).toEqual([])
  })

  it('that is not authentic is 401, and leaves no file', async () => {
    const { conversationId } = await session()
    const before = await filesBelow(artefacts)
    const { pieces } = audioBody(conversationId, 30)
    const forged = elevenLabsHeader({ pieces, secret: 'somebody else’s' })
    expect((await sendChunked(url, pieces(), forged)).status).toBe(401)
    expect((await sendChunked(url, pieces(), {})).status).toBe(401)
    const late = elevenLabsHeader({ pieces, at: Math.floor(Date.now() / 1000) - 1802 })
    expect((await sendChunked(url, pieces(), late)).status).toBe(401)
    expect(await filesBelow(artefacts)).toEqual(before)
  })

  it('that is no audio, or is cut off, is refused and leaves no file', async () => {
    const { conversationId } = await session()
    const before = await filesBelow(artefacts)
    const body = { type: 'post_call_audio', data: { conversation_id: conversationId, full_audio: 'no base64!' } }
    expect(await post(body)).toMatchObject({ status: 422, body: { errors: [{ pointer: '/data/full_audio' }] } })
    const named = { type: 'post_call_audio', data: { conversation_id: '..', full_audio: 'SUQz' } }
    expect((await post(named)).status).toBe(422)
    const { pieces } = audioBody(conversationId, 30)
    const some = [...pieces()].slice(0, 20)
    expect((await sendChunked(url, some, elevenLabsHeader({ pieces: () => some }))).status).toBe(400)
    expect(await filesBelow(artefacts)).toEqual(before)
  })
})

describe('@idempotency a webhook of ElevenLabs', () => {
  it('has its effect once when fifty come at the same instant', async () => {
    const { sessionId, conversationId } = await session()
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(transcription(conversationId))))
    expect(answers.map(({ body }) => body.status).sort()).toEqual([
      ...Array.from({ length: 49 }, () => 'duplicate_ignored'),
      'processed',
    ])
    expect(await engine.receipts('external_id = $1', [conversationId])).toMatchObject([{ attempts: 50 }])
    expect((await events(sessionId)).filter((name) => name === 'session.ended')).toHaveLength(1)
  })

  it('of another type is another event, and audio may come first', async () => {
    const { sessionId, conversationId } = await session()
    const data = { conversation_id: conversationId, full_audio: 'SUQz' }
    expect((await post({ type: 'post_call_audio', data })).body.status).toBe('processed')
    expect((await post(transcription(conversationId))).body.status).toBe('processed')
    const row = await engine.sessionRow(sessionId)
    expect([row?.duration_seconds, row?.recording_url !== null]).toEqual([61, true])
  })
})

describe('@unit a webhook that ElevenLabs did not sign', () => {
  it('is refused for one byte, another key, a stale time or no signature, and nothing is stored', async () => {
    const { conversationId } = await session()
    const body = transcription(conversationId)
    const before = await engine.receipts()
    const now = Math.floor(Date.now() / 1000)
    const answers = [
      await post(body, { as: JSON.stringify(body).replace('"done"', '"donE"') }),
      await post(body, { secret: 'wsec_another' }),
      await post(body, { at: now - 1802 }),
      await post(body, { at: now + 302 }),
      await sendChunked(url, [Buffer.from(JSON.stringify(body))], {}),
    ]
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 401))
    expect(await engine.receipts()).toEqual(before)
  })
})
