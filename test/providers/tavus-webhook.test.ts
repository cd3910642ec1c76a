import { describe, expect, it } from 'vitest'
import { ProviderError } from '../../src/domain/errors.js'
import { createEngineGate } from '../../src/http/engine-gate.js'
import { createWebhookReceiver } from '../../src/http/webhook-receiver.js'
import { createLogger } from '../../src/observability/logger.js'
import { createMetrics } from '../../src/observability/metrics.js'
import { createWebhookEvents } from '../../src/observability/webhook-events.js'
import { callbackUrl } from '../../src/providers/tavus/callback-token.js'
import { createTavusWebhooks } from '../../src/providers/tavus/webhook.js'

const sessionId = '0199a3c2-6d1e-7000-8000-0000000000aa'
const secrets = ['a-secret']
const base = 'https://api.example.org/tavus/callback'
const signed = new URL(callbackUrl({ base, sessionId, secrets }))
const nothing = Buffer.alloc(0)
const event = { conversation_id: 'c1', event_type: 'system.shutdown', timestamp: '2026-03-01T10:00:00Z' }

describe('the webhooks of Tavus', () => {
  it('are bound to the session of their address', () => {
    const tavus = createTavusWebhooks({ callbackSecrets: secrets, allowUnsigned: false })
    expect(tavus.verify(nothing, {}, signed)).toEqual({ ok: true, sessionId })
    expect(tavus.verify(nothing, {}, new URL(base))).toEqual({ ok: false, reason: 'no_token' })
  })

  it('are taken without a token where that is allowed, but never with a wrong one, and prove no session then', () => {
    const tavus = createTavusWebhooks({ callbackSecrets: secrets, allowUnsigned: true })
    expect(tavus.verify(nothing, {}, new URL(`${base}?session=${sessionId}`))).toEqual({ ok: true })
    expect(tavus.verify(nothing, {}, new URL(`${base}?session=${sessionId}&token=x`))).toMatchObject({ ok: false })
  })

  it('are stored without the address that they echo, and without the token wherever else it stands', () => {
    const tavus = createTavusWebhooks({ callbackSecrets: secrets, allowUnsigned: false })
    const body = { ...event, webhook_url: signed.href, properties: { request: { url: signed.href } } }
    const { payload, deliveryKey } = tavus.parse(Buffer.from(JSON.stringify(body)), {}, signed, { sessionId })
    expect(deliveryKey).toBe(`tavus/system.shutdown/${sessionId}:c1:2026-03-01T10:00:00.000000Z`)
    expect(payload.toString()).not.toContain(signed.searchParams.get('token'))
    expect(JSON.parse(payload.toString())).toMatchObject({ ...event, properties: {} })
  })

  it('are stored without the prompt before what was said, which holds what is known of the user', () => {
    const tavus = createTavusWebhooks({ callbackSecrets: secrets, allowUnsigned: false })
    const transcript = [
      { role: 'system', content: 'the user grieves' },
      { role: 'developer', content: [{ type: 'text', text: 'the user grieves' }] },
      { role: 'user', content: 'hello' },
      { role: 'system' },
      'odd',
    ]
    const ready = {
      ...event,
      event_type: 'application.transcription_ready',
      properties: { replica_id: 'r1', transcript },
    }
    const stored = {
      replica_id: 'r1',
      transcript: [
        { role: 'system', content: 'REDACTED' },
        { role: 'developer', content: 'REDACTED' },
        { role: 'user', content: 'hello' },
        { role: 'system' },
        'odd',
      ],
    }
    const pushed = tavus.parse(Buffer.from(JSON.stringify(ready)), {}, signed, { sessionId })
    const asked = tavus.asDelivery?.(ready, { sessionId, conversationId: 'c1' })
    for (const delivery of [pushed, asked])
      expect((JSON.parse(delivery?.payload.toString() ?? '') as { properties: object }).properties).toEqual(stored)
    expect(asked?.deliveryKey).toBe(pushed.deliveryKey)
  })

  it('that were asked for have the key of their callback', () => {
    const tavus = createTavusWebhooks({ callbackSecrets: secrets, allowUnsigned: false })
    const callback = tavus.parse(Buffer.from(JSON.stringify(event)), {}, signed, { sessionId })
    const { conversation_id: conversationId, ...listed } = event
    expect(tavus.asDelivery?.(listed, { sessionId, conversationId }).deliveryKey).toBe(callback.deliveryKey)
    const timeless = tavus.asDelivery?.({ event_type: 'x' }, { sessionId, conversationId })
    expect(timeless?.deliveryKey).toMatch(/^tavus\/x\/[0-9a-f-]{36}:c1:[0-9a-f]{32}$/)
  })

  it('answer 503 while no secret is configured', async () => {
    const unexpected = () => Promise.reject(new Error('nothing is stored'))
    const receiver = createWebhookReceiver({
      record: unexpected,
      release: unexpected,
      spool: unexpected,
      startWorkflow: unexpected,
      attempt: unexpected,
      waitSettled: unexpected,
      wakeDrain: () => undefined,
      gate: createEngineGate({ maxInflight: 1 }),
      events: createWebhookEvents(createLogger({ service: 't', level: 'silent', redactPii: true }), createMetrics()),
      ackMs: 400,
    })
    const request = { rawBody: nothing, headers: {}, url: signed, arrivedAt: Date.now() }
    const tavus = createTavusWebhooks({ callbackSecrets: [], allowUnsigned: false })
    const refusal: unknown = await receiver.receive(tavus, request).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(ProviderError)
    expect(refusal).toMatchObject({ status: 503, code: 'provider_not_configured' })
  })
})
