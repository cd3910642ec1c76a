import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ArtefactStore } from '../../src/providers/artefacts.js'
import { normaliseElevenLabsEvent } from '../../src/providers/elevenlabs/events.js'
import { createSplitter } from '../../src/providers/elevenlabs/splitter.js'
import { createElevenLabsWebhooks } from '../../src/providers/elevenlabs/webhook.js'
import { outcomeOf } from '../../src/domain/session.js'
import { lowerCased, readVectors } from './vectors.js'

interface Vector {
  name: string
  headers: Record<string, string>
  raw_body: string
  verify_at: number
  expect: 'valid' | 'invalid'
}

const { secret, vectors } = readVectors<{ secret: string; vectors: Vector[] }>('elevenlabs')
const url = new URL('http://localhost/webhooks/elevenlabs')
const vector = (name: string) => vectors.find((one) => one.name === name) as Vector

const noArtefacts: ArtefactStore = {
  create: () => Promise.reject(new Error('no artefact here')),
  scratch: () => Promise.reject(new Error('no file here')),
  open: () => Promise.resolve(undefined),
}

const providerOf = (secrets: string[], seconds: number, acceptUnsigned = false) =>
  createElevenLabsWebhooks({
    webhookSecrets: secrets,
    acceptUnsigned,
    bodyLimitBytes: 1_048_576,
    artefacts: noArtefacts,
    now: () => seconds * 1000,
  })

describe('@unit a signature of ElevenLabs', () => {
  it.each(vectors.map((one) => [one.name, one] as const))('%s', async (_name, one) => {
    const provider = providerOf([secret], one.verify_at)
    const [body, headers] = [Buffer.from(one.raw_body), lowerCased(one.headers)]
    expect(provider.verify(body, headers, url)).toMatchObject({ ok: one.expect === 'valid' })
    // The same of the body in pieces; that with audio wants a store.
    if (one.name === 'audio_valid') return
    async function* pieces() {
      for (let index = 0; index < body.length; index += 7) yield await Promise.resolve(body.subarray(index, index + 7))
    }
    const taken = await provider.intake?.take(pieces(), headers, url)
    expect(taken?.ok).toBe(one.expect === 'valid')
    if (taken?.ok) expect(taken.rawBody.toString()).toBe(one.raw_body)
  })

  it('may be early by five minutes', () => {
    const one = vector('transcription_valid')
    const at = Number(/t=(\d+)/.exec(one.headers['ElevenLabs-Signature'] ?? '')?.[1])
    const verify = (clock: number) =>
      providerOf([secret], clock).verify(Buffer.from(one.raw_body), lowerCased(one.headers), url)
    expect(verify(at - 300)).toEqual({ ok: true })
    expect(verify(at - 301)).toEqual({ ok: false, reason: 'wrong_time' })
  })

  it('verifies with any of several secrets, never with an empty one', () => {
    const one = vector('transcription_valid')
    const verify = (secrets: string[]) =>
      providerOf(secrets, one.verify_at).verify(Buffer.from(one.raw_body), lowerCased(one.headers), url)
    expect(verify(['another', secret])).toEqual({ ok: true })
    expect(verify(['another'])).toMatchObject({ ok: false })
    expect(verify([''])).toMatchObject({ ok: false })
    expect([providerOf([''], 0).configured, providerOf([], 0, true).configured]).toEqual([false, true])
  })
})

describe('@unit a delivery of ElevenLabs', () => {
  const parse = (body: unknown) => providerOf([], 0, true).parse(Buffer.from(JSON.stringify(body)), {}, url, {})

  it('has the key of conversation and type, and is kept as it came', () => {
    const one = vector('transcription_valid')
    const delivery = providerOf([secret], 0).parse(Buffer.from(one.raw_body), lowerCased(one.headers), url, {})
    expect(delivery).toMatchObject({
      kind: 'post_call_transcription',
      externalId: 'conv_vec0001',
      deliveryKey: 'elevenlabs/post_call_transcription/conv_vec0001',
      headers: { 'content-type': 'application/json' },
    })
    expect(delivery.payload.toString()).toBe(one.raw_body)
  })

  it('of an unknown type need not be about a conversation', () => {
    expect(parse({ type: 'answering_machine_detection', data: {} }).externalId).toMatch(/^[0-9a-f]{32}$/)
  })

  it('never has audio in it, and never a name that leads elsewhere', () => {
    const audio = (conversation_id: unknown, full_audio?: unknown) => () =>
      parse({ type: 'post_call_audio', data: { conversation_id, full_audio } })
    expect(audio('conv_1', 'SUQz')).toThrow(/^data\/full_audio missing or wrong$/)
    for (const id of ['../x', '', 'a/b', '.', 7, undefined])
      expect(audio(id)).toThrow(/^data\/conversation_id missing or wrong$/)
  })

  it('that was asked for has the key that its webhook has', () => {
    const { data } = JSON.parse(vector('transcription_valid').raw_body) as { data: object }
    const provider = providerOf([secret], 0)
    const sessionId = '0199a3c2-6d1e-7000-8000-0000000000aa'
    const delivery = provider.asDelivery?.(data, { sessionId, conversationId: 'conv_vec0001' })
    expect(delivery).toMatchObject({
      deliveryKey: 'elevenlabs/post_call_transcription/conv_vec0001',
      sessionId,
    })
    const told = normaliseElevenLabsEvent(JSON.parse(vector('transcription_valid').raw_body))
    const asked = normaliseElevenLabsEvent(JSON.parse(delivery?.payload.toString() ?? ''))
    expect({ ...asked, at: told.at }).toEqual(told)
  })
})

describe('@unit what an event of ElevenLabs says', () => {
  const say = (name: string) => normaliseElevenLabsEvent(JSON.parse(vector(name).raw_body))

  it('is the transcript, the times and what it cost', () => {
    const event = say('transcription_valid')
    expect(event).toMatchObject({
      kind: 'transcript',
      transcript: [
        { role: 'assistant', content: 'Hello, shall we begin?', seconds_from_start: 0 },
        {
          role: 'user',
          content: 'Oui, très bien – let’s go 👍',
          seconds_from_start: 3,
          at: '2025-12-31T23:58:53.000000Z',
        },
      ],
      metadata: { outcome: 'completed', cost: 305, call_successful: 'success', transcript_summary: 'Short greeting.' },
    })
    expect(outcomeOf(event.facts)).toMatchObject({ status: 'completed', durationSeconds: 61, endReason: 'provider' })
  })

  it.each([
    ['call_initiation_failure_busy_sip', { outcome: 'busy', failure_reason: 'busy', sip_status_code: 486 }],
    [
      'call_initiation_failure_no_answer_twilio',
      { outcome: 'no_answer', failure_reason: 'no-answer', sip_status_code: 487 },
    ],
  ])('is the reason of a call that never was: %s', (name, metadata) => {
    const event = say(name)
    expect(event.metadata).toMatchObject(metadata)
    expect(outcomeOf(event.facts)).toMatchObject({ status: 'failed', endReason: 'error' })
  })

  it.each([
    [{ status: 'done' }, 'completed', 'completed'],
    [{ status: 'failed' }, 'failed', 'failed'],
    [{ status: 'done', metadata: { error: { code: 1002, reason: 'quota' } } }, 'failed', 'failed'],
    [{ status: 'done', metadata: { phone_call: { call_result: 'voicemail' } } }, 'voicemail', 'completed'],
    [{ status: 'done', metadata: { phone_call: { call_result: 'no_answer' } } }, 'no_answer', 'failed'],
    [{ status: 'failed', metadata: { phone_call: { call_result: 'busy' } } }, 'busy', 'failed'],
  ])('has an outcome: %j', (data, outcome, status) => {
    const event = normaliseElevenLabsEvent({ type: 'post_call_transcription', event_timestamp: 1767225597, data })
    expect(event.metadata?.outcome).toBe(outcome)
    expect(outcomeOf(event.facts).status).toBe(status)
  })

  it('leaves the transcript as it is when it was told to be left out', () => {
    const event = normaliseElevenLabsEvent({ type: 'post_call_transcription', data: { transcript: null } })
    expect(event.transcript).toBeUndefined()
  })

  it('takes no recording of another conversation', () => {
    const audio = (full_audio: string) =>
      normaliseElevenLabsEvent({ type: 'post_call_audio', data: { conversation_id: 'conv_1', full_audio } })
    expect(audio('artefact://conv_1/a.mp3')).toMatchObject({
      kind: 'recording',
      recordingUrl: 'artefact://conv_1/a.mp3',
    })
    expect(audio('artefact://conv_2/a.mp3')).toMatchObject({ kind: 'other' })
    expect(audio('artefact://conv_1')).toMatchObject({ kind: 'other' })
  })

  it('is told of anything without a throw, and its times always make a duration that a row takes', () => {
    const odd = fc.oneof(fc.integer(), fc.double(), fc.string(), fc.constant(null), fc.anything())
    const event = fc.record(
      {
        type: fc.constantFrom('post_call_transcription', 'post_call_audio', 'call_initiation_failure', 'x'),
        event_timestamp: odd,
        data: fc.oneof(
          fc.record(
            {
              transcript: fc.oneof(
                fc.array(fc.record({ role: fc.constantFrom('agent', 'user', 'x'), message: odd })),
                odd,
              ),
              metadata: fc.oneof(
                fc.record({
                  start_time_unix_secs: odd,
                  call_duration_secs: odd,
                  error: odd,
                  phone_call: odd,
                  body: odd,
                }),
                odd,
              ),
              failure_reason: odd,
              status: odd,
            },
            { requiredKeys: [] },
          ),
          odd,
        ),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(event, (value) => {
        const { facts } = normaliseElevenLabsEvent(value)
        const { durationSeconds = 0 } = outcomeOf(facts)
        expect(durationSeconds).toBeLessThan(2 ** 31)
      }),
      { numRuns: 500 },
    )
  })
})

describe('@unit the audio of a body', () => {
  const tooLarge = () => new Error('too large')

  /** The body in pieces, split. */
  function split(body: string | Buffer, sizes: number[]) {
    const bytes = Buffer.from(body)
    const splitter = createSplitter({ envelopeLimitBytes: 10_000, tooLarge })
    const audio: Buffer[] = []
    let index = 0
    for (let n = 0; index < bytes.length; n++) {
      const size = sizes[n % sizes.length] ?? 1
      audio.push(...splitter.feed(bytes.subarray(index, index + size)))
      index += size
    }
    return { audio: Buffer.concat(audio), envelope: splitter.envelope('HERE').toString(), found: splitter.hasAudio() }
  }

  it('is taken out whatever the pieces, the escapes and the rest of the body', () => {
    const text = fc.string({ unit: 'grapheme' })
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.dictionary(text, fc.oneof(text, fc.jsonValue())),
        fc.dictionary(text, fc.oneof(text, fc.constant({ full_audio: 'not this' }), fc.jsonValue())),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        fc.constantFrom('', '/', '+='),
        (bytes, around, before, sizes, escaped) => {
          const value = Buffer.from(bytes).toString('base64')
          const data = { ...before, full_audio: 'MARK', conversation_id: 'conv_1' }
          const marked = JSON.stringify({ full_audio: 'on top', ...around, data }, null, sizes[0] === 1 ? 2 : undefined)
          let written = value
          if (escaped === '/') written = value.replaceAll('/', '\\/')
          if (escaped === '+=') written = value.replaceAll('+', '\\u002b').replaceAll('=', '\\u003D')
          const result = split(marked.replace('"MARK"', `"${written}"`), sizes)
          expect(result.found).toBe(true)
          expect(result.audio.equals(Buffer.from(bytes))).toBe(true)
          expect(result.envelope).toBe(marked.replace('"MARK"', '"HERE"'))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('is left alone where it is not data.full_audio, or no text', () => {
    for (const body of [
      '{"full_audio":"SUQz"}',
      '{"data":{"more":{"full_audio":"SUQz"}}}',
      '{"data":["full_audio","SUQz"]}',
      '{"data":{"full_audio":null}}',
      '{"data":{"x":"full_audio","y":"SUQz"}}',
      '[{"data":{"full_audio":"SUQz"}}]',
      '{"other":{"full_audio":"SUQz"}}',
      'no JSON at all "',
    ])
      expect(split(body, [3])).toEqual({ audio: Buffer.alloc(0), envelope: body, found: false })
  })

  it('is refused when it is no base64, is cut off, or comes twice', () => {
    const wrap = (audio: string) => `{"data":{"full_audio":"${audio}"}}`
    for (const audio of ['SUQ', 'SU Qz', 'SUQ-', 'SU=zSUQz', 'SUQz====', 'SUQz\\n', 'SUQz\\', 'SUQ=SUQz'])
      expect(() => split(wrap(audio), [5]), audio).toThrow(/full_audio/)
    expect(() => split('{"data":{"full_audio":"SUQz","full_audio":"SUQz"}}', [4])).toThrow(/twice/)
  })

  it('does not hide an envelope that is too large', () => {
    expect(() => split(`{"data":{"x":"${'y'.repeat(10_000)}"}}`, [100])).toThrow('too large')
  })
})
