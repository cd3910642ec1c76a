import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { usageOf } from '../../src/providers/elevenlabs/usage.js'
import { elevenLabsHeader, elevenLabsSecret, sendChunked } from './elevenlabs-bodies.js'
import { startEngine, type TestEngine } from './harness.js'
import { connectPhones, phoneEnv, postTwilio } from './phone.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await startEngine({ env: { ...phoneEnv, ELEVENLABS_WEBHOOK_SECRET: elevenLabsSecret } })
  await connectPhones(engine)
})
afterAll(() => engine.close())

const samples = async (name: string) =>
  (await engine.metrics.exposition()).split('\n').filter((line) => line.startsWith(name))

/** As ElevenLabs accounts for a conversation. */
const charging = {
  tier: 'pro',
  llm_usage: {
    irreversible_generation: {
      model_usage: {
        'gemini-2.5-flash': {
          input: { tokens: 1200, price: 0.1 },
          input_cache_read: { tokens: 300, price: 0 },
          output_total: { tokens: 100, price: 0.1 },
        },
        'gpt-4o': { input: { tokens: 7, price: 0.1 } },
      },
    },
    initiated_generation: { model_usage: { 'gpt-4o': { input: { tokens: 9999, price: 0.1 } } } },
  },
}

async function tell(conversationId: string) {
  const text = JSON.stringify({
    type: 'post_call_transcription',
    event_timestamp: 1767225597,
    data: {
      conversation_id: conversationId,
      status: 'done',
      transcript: [{ role: 'user', message: 'Hi', time_in_call_secs: 2 }],
      metadata: { start_time_unix_secs: 1767225530, call_duration_secs: 90, charging },
    },
  })
  const headers = elevenLabsHeader({ pieces: () => [Buffer.from(text)] })
  return await sendChunked(`${engine.app.url}/webhooks/elevenlabs`, [Buffer.from(text)], headers)
}

describe('what providers say was used @integration', () => {
  it('is counted once for each conversation, however often it is told', async () => {
    const conversationId = `conv_${randomUUID()}`
    await engine.session({ provider: 'elevenlabs', conversationId, createdAt: '2026-01-01T00:00:00.000Z' })
    for (let n = 0; n < 3; n++) expect((await tell(conversationId)).status).toBe(200)
    expect(await samples('asr_minutes_total')).toEqual(['asr_minutes_total 1.5'])
    expect(await samples('llm_tokens_total')).toEqual([
      'llm_tokens_total{model="gemini-2.5-flash"} 1600',
      'llm_tokens_total{model="gpt-4o"} 7',
    ])
  })

  it('counts a text message when it has left, whatever becomes of it later', async () => {
    const status = (MessageSid: string, MessageStatus: string) => ({
      MessageSid,
      AccountSid: 'AC-acme',
      From: '+15005550006',
      To: '+15005550010',
      MessageStatus,
    })
    const [one, other] = [`SM${randomUUID()}`, `SM${randomUUID()}`]
    for (const word of ['queued', 'sent', 'sent', 'delivered'])
      await postTwilio(engine, '/webhooks/twilio/sms', status(one, word))
    await postTwilio(engine, '/webhooks/twilio/sms', status(other, 'failed'))
    expect(await samples('sms_sent_total')).toEqual(['sms_sent_total 1'])
  })
})

describe('usage of a conversation @unit', () => {
  it.each([
    ['nothing', {}, {}],
    ['one that was typed', { call_duration_secs: 30, text_only: true }, {}],
    ['what is no number', { call_duration_secs: '30', charging: { llm_usage: 'x' } }, {}],
    ['a negative duration', { call_duration_secs: -1 }, {}],
    ['one that was spoken', { call_duration_secs: 30 }, { asrMinutes: 0.5 }],
  ])('of %s is what it says', (_, metadata, usage) => {
    expect(usageOf(metadata)).toEqual(usage)
  })

  it('makes no labels of what are no names of models', () => {
    const model_usage = Object.fromEntries(
      ['fine-1', 'anna@acme.test says', '', 'x'.repeat(100)].map((name) => [name, { input: { tokens: 1 } }]),
    )
    expect(usageOf({ charging: { llm_usage: { irreversible_generation: { model_usage } } } })).toEqual({
      llmTokens: [{ model: 'fine-1', tokens: 1 }],
    })
  })
})
