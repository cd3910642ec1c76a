import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { policyOf, twilioPolicy } from '../../src/simulator/webhooks/policy.js'
import type { Attempt } from '../../src/simulator/webhooks/record.js'
import { signTwilio } from '../../src/simulator/webhooks/sign.js'
import { cleanUpAfterEach } from './support.js'
import { hooks, startSending } from './webhooks-support.js'

cleanUpAfterEach()

const event = (extra: object = {}) => ({
  event: { kind: 'k', path: '/webhooks/x', external_id: 'e1', event_id: 'ev1', body: { a: 1 } },
  ...extra,
})
const statuses = (deliveries: { attempts: { status: number | null }[] }[]) =>
  deliveries.map(({ attempts }) => attempts.map(({ status }) => status))

describe('@integration retries of each provider', () => {
  it('CallRail never sends again', async () => {
    const hook = await hooks(() => ({ status: 503 }))
    const { send, settled } = await startSending(hook.url)
    await send('callrail', event())
    const [record] = await settled()
    expect(record).toMatchObject({ delivered: false })
    expect(statuses(record!.deliveries)).toEqual([[503]])
    expect(hook.received).toHaveLength(1)
  })

  it('CallRail gives an address up that fails again and again, when told so', async () => {
    const hook = await hooks(() => ({ status: 500 }))
    const { send, settled } = await startSending(hook.url, { timings: { callrail_disable_after: 2 } })
    for (let index = 0; index < 3; index++) {
      await send('callrail', event())
      await settled()
    }
    expect((await settled()).map(({ deliveries }) => deliveries[0]?.state)).toEqual(['gave_up', 'gave_up', 'dropped'])
  })

  it('Twilio tries once more only where it could not connect, unless told otherwise', async () => {
    const hook = await hooks(() => ({ status: 500 }))
    const { send, settled, post } = await startSending(hook.url)
    await send('twilio', event())
    expect(statuses((await settled())[0]!.deliveries)).toEqual([[500]])
    await post('/__sim/config', { twilio_overrides: 'rc=2&rp=5xx' })
    await send('twilio', event())
    expect(statuses((await settled())[1]!.deliveries)).toEqual([[500, 500, 500]])
    await hook.stop()
    await post('/__sim/config', { twilio_overrides: '' })
    await send('twilio', event())
    const [last] = (await settled()).slice(-1)
    expect(last?.deliveries[0]?.attempts.map(({ failure }) => failure)).toEqual(['connect', 'connect'])
  })

  it('LiveKit repeats body and token byte for byte, on 5xx and 429 but not on 501 or 4xx', async () => {
    const hook = await hooks(({ body }, count) => ({ status: body.includes('"no":1') ? 501 : count === 1 ? 503 : 200 }))
    const { send, settled } = await startSending(hook.url)
    await send('livekit', event())
    expect(statuses((await settled())[0]!.deliveries)).toEqual([[503, 200]])
    const [first, second] = hook.received
    expect([second?.body, second?.headers.authorization]).toEqual([first?.body, first?.headers.authorization])
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(990)
    await send('livekit', { event: { ...event().event, body: { no: 1 } } })
    expect(statuses((await settled())[1]!.deliveries)).toEqual([[501]])
  })

  it('LiveKit holds a room’s newer events behind an older one that fails', async () => {
    const hook = await hooks((_, count) => ({ status: count === 1 ? 500 : 200 }))
    const { send, settled } = await startSending(hook.url)
    await send('livekit', { span_ms: 0, recording: false, room: 'r1', result: 'no_answer' })
    await settled()
    const events = hook.received.map(({ body }) => (JSON.parse(body) as { event: string }).event)
    expect(events).toEqual(['room_started', 'room_started', 'participant_joined', 'participant_left', 'room_finished'])
  })

  it('Clerk signs each attempt anew under the same id, with every secret, and stops where it is asked to', async () => {
    const hook = await hooks((_, count) =>
      count < 3
        ? { status: count === 1 ? 500 : 302 }
        : { status: 400, headers: { 'webhook-delivery': 'abort-message' } },
    )
    const { send, settled } = await startSending(hook.url, { timings: { webhook_retry_scale: 0.22 } })
    await send('clerk', event())
    // 5 s become 1.1, so that the second attempt has another second.
    await expect.poll(() => hook.received.length, { timeout: 5000 }).toBe(2)
    const [first, second] = hook.received.map(({ headers }) => headers)
    expect(second?.['svix-id']).toBe('ev1')
    expect(Number(second?.['svix-timestamp'])).toBeGreaterThan(Number(first?.['svix-timestamp']))
    expect(second?.['svix-signature']).not.toBe(first?.['svix-signature'])
    expect(String(first?.['svix-signature']).split(' ')).toHaveLength(2)
    const quick = await startSending(hook.url)
    await quick.send('clerk', event())
    expect(statuses((await quick.settled())[0]!.deliveries)).toEqual([[400]])
    expect(settled).toBeTypeOf('function')
  })

  it('Bland tries again on 4xx, 429 and 5xx, the partner on whatever is no 2xx', async () => {
    const answers = [404, 429, 200, 301, 500, 200]
    const hook = await hooks((_, count) => ({ status: answers[count - 1] ?? 200 }))
    const { send, settled } = await startSending(hook.url)
    await send('bland', event())
    expect(statuses((await settled())[0]!.deliveries)).toEqual([[404, 429, 200]])
    await send('uwc', event())
    expect(statuses((await settled())[1]!.deliveries)).toEqual([[301, 500, 200]])
  })

  it('ElevenLabs does not, until it is switched on, and then for transcriptions', async () => {
    const hook = await hooks((_, count) => ({ status: count < 3 ? 503 : 200 }))
    const { send, settled, post } = await startSending(hook.url)
    await send('elevenlabs', { audio: false, span_ms: 0 })
    expect(statuses((await settled())[0]!.deliveries)).toEqual([[503]])
    await post('/__sim/config', { elevenlabs_retries: true })
    await send('elevenlabs', { audio: false, span_ms: 0 })
    expect(statuses((await settled())[1]!.deliveries)).toEqual([[503, 200]])
  })

  it('take as long as documented before they are compressed', () => {
    const settings = {
      webhook_retry_scale: 1,
      elevenlabs_retries: true,
      twilio_overrides: '',
      bland_retry_delays_ms: [],
    }
    const webhook = { kind: 'post_call_transcription', externalId: 'e', path: '/p', contentType: 'c', body: '' }
    const total = (provider: Parameters<typeof policyOf>[0]) =>
      policyOf(provider, webhook, settings).delaysMs.reduce((sum, ms) => sum + ms, 0) / 3_600_000
    expect(total('clerk')).toBeCloseTo(27.58, 1)
    expect(total('uwc')).toBeCloseTo(75.6, 1)
    expect(total('livekit') * 3600).toBe(15)
    const failed = (part: Partial<Attempt>) => ({ status: null, failure: null, ...part }) as Attempt
    const asked = twilioPolicy('rc=9&rp=5xx,rt&rt=99999')
    expect([asked.delaysMs.length, asked.timeoutMs]).toEqual([5, 15_000])
    expect(asked.retries(failed({ failure: 'connect' }))).toBe(false)
    expect([asked.retries(failed({ failure: 'timeout' })), asked.retries(failed({ status: 502 }))]).toEqual([
      true,
      true,
    ])
  })
})

describe('@integration what is sent', () => {
  it('is signed over the address that the provider knows, and says its content type', async () => {
    const hook = await hooks()
    const { send, settled } = await startSending(hook.url, {
      timings: { webhook_signed_base: 'https://public.example:8443' },
    })
    await send('twilio', { life: 'call', recording: false, span_ms: 0 })
    await settled()
    const [first] = hook.received
    expect(first?.headers['x-twilio-signature']).toBe(
      signTwilio('https://public.example/webhooks/twilio/call', first!.body, 'twilio-token'),
    )
    expect(first?.headers['content-type']).toBe('application/x-www-form-urlencoded; charset=UTF-8')
    expect(first?.headers['user-agent']).toBe('TwilioProxy/1.1')
  })

  it('comes in pieces without a length for audio', async () => {
    const hook = await hooks()
    const { send, settled } = await startSending(hook.url)
    await send('elevenlabs', { span_ms: 0, audio_bytes: 100_000 })
    await settled()
    const audio = hook.received.find(({ body }) => body.includes('full_audio'))
    expect(audio?.headers).not.toHaveProperty('content-length')
    expect(audio?.headers['transfer-encoding']).toBe('chunked')
    expect(audio?.body.length).toBeGreaterThan(133_000)
  })

  it('has its fields in CallRail’s address', async () => {
    const hook = await hooks()
    const { send, settled } = await startSending(hook.url)
    await send('callrail', { modified: 0, span_ms: 0 })
    await settled()
    expect(hook.received.map(({ path }) => path).sort()).toEqual([
      '/webhooks/callrail/call-complete',
      '/webhooks/callrail/pre-call',
    ])
    expect(hook.received[0]?.query).toContain('callernum=%2B15005550010')
  })

  it('notes what would be texted to a person', async () => {
    const hook = await hooks(() => ({ status: 200, headers: { 'content-type': 'text/plain' }, body: 'OK' }))
    const { send, settled } = await startSending(hook.url)
    await send('twilio', { life: 'sms_in' })
    expect((await settled())[0]?.deliveries[0]?.attempts[0]?.note).toBe('would send an SMS: OK')
  })

  it('keeps what the receiver says became of it', async () => {
    const hook = await hooks((_, count) =>
      count === 1
        ? { status: 204, headers: { 'x-webhook-status': 'processed' } }
        : { status: 200, body: '{"status":"duplicate_ignored"}' },
    )
    const { send, settled } = await startSending(hook.url)
    await send('bland', event({ options: { duplicates: 1 } }))
    const answers = (await settled())[0]?.deliveries.map(({ attempts }) => attempts[0]?.answer)
    expect(answers?.sort()).toEqual(['duplicate_ignored', 'processed'])
  })
})

describe('@integration faults of webhooks', () => {
  it('strike one provider or one kind: lost, doubled, late, forged', async () => {
    const hook = await hooks()
    const { send, settled, fault } = await startSending(hook.url)
    await fault({ operation: 'webhook', kind: 'lost', provider: 'callrail' })
    await fault({ operation: 'webhook', kind: 'duplicate', provider: 'bland', event_type: 'post_call', delay_ms: 5 })
    await fault({ operation: 'webhook', kind: 'bad_signature', provider: 'uwc' })
    await fault({ operation: 'webhook', kind: 'delay', provider: 'clerk', delay_ms: 300 })
    const began = Date.now()
    await send('callrail', event())
    await send('bland', { later: [], span_ms: 0 })
    await send('uwc', event())
    await send('clerk', event())
    const [lost, doubled, forged, late] = await settled()
    expect(lost).toMatchObject({ delivered: false, deliveries: [{ state: 'lost', attempts: [] }] })
    expect(doubled?.deliveries.map(({ marks }) => marks.duplicated)).toEqual([false, true])
    expect(forged?.deliveries.map(({ marks }) => marks.forged)).toEqual([null, 'bad_signature'])
    expect(late?.deliveries[0]?.marks.delayed_ms).toBe(300)
    expect(Date.now() - began).toBeGreaterThanOrEqual(300)
    const proofs = hook.received
      .filter(({ headers }) => headers['webhook-id'])
      .map(({ headers }) => headers['webhook-signature'])
    expect(new Set(proofs).size).toBe(2)
  })

  it('change the order', async () => {
    const hook = await hooks()
    const { send, settled, fault } = await startSending(hook.url)
    await fault({ operation: 'webhook', kind: 'reorder', delay_ms: 400 })
    await send('twilio', { life: 'call', recording: false, span_ms: 30 })
    await settled()
    const told = hook.received.map(({ body }) => new URLSearchParams(body).get('CallStatus'))
    expect(told).not.toEqual(['initiated', 'ringing', 'in-progress', 'completed'])
    expect(told.toSorted()).toEqual(['completed', 'in-progress', 'initiated', 'ringing'])
  })

  it('are asked for by one request too: tampered, unsigned, with a clock that is off', async () => {
    const hook = await hooks()
    const { send, settled } = await startSending(hook.url)
    await send('bland', event({ options: { tampered: true } }))
    await send('bland', event({ options: { unsigned: true } }))
    await send('clerk', event({ options: { skew_seconds: -301 } }))
    await send('uwc', event({ options: { legacy_signature: true } }))
    await settled()
    const [tampered, unsigned] = hook.received
    expect(tampered?.body).toBe('{"a":1} ')
    expect(unsigned?.headers).not.toHaveProperty('x-webhook-signature')
    const skewed = hook.received.find(({ headers }) => headers['svix-id'])
    expect(Date.now() / 1000 - Number(skewed?.headers['svix-timestamp'])).toBeGreaterThanOrEqual(300)
    const legacy = hook.received.find(({ headers }) => headers['x-uwc-signature'])
    expect(legacy?.headers['x-uwc-signature']).toMatch(/^sha256=[0-9a-f]{64}$/)
    await sleep(1)
  })
})
