import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTwilioWebhooks } from '../../src/providers/twilio/webhook.js'
import { lowerCased, type Vector, vectorsOf } from './vectors.js'

const token = '12345678901234567890123456789012'
const publicUrl = 'https://hooks.example.com'
const at = (path: string) => new URL(path, publicUrl)
const provider = (changes: Partial<Parameters<typeof createTwilioWebhooks>[0]> = {}) =>
  createTwilioWebhooks({ authTokens: [token], publicUrl, acceptUnsigned: false, ...changes })

/** Where the vector's address is split: what is configured, and what a request asks for. */
function halves({ url }: Pick<Vector, 'url'>) {
  const [base = ''] = /^https?:\/\/[^/]+/.exec(url) ?? []
  return { publicUrl: base, target: url.slice(base.length) }
}

function verifyVector(vector: Vector, authTokens = [vector.secret]) {
  const { publicUrl: base, target } = halves(vector)
  const twilio = provider({ authTokens, publicUrl: base })
  const url = new URL(target, 'http://localhost')
  return twilio.verify(Buffer.from(vector.rawBody), lowerCased(vector.headers), url, target)
}

const vectors = vectorsOf('twilio')
const vector = (id: string) => vectors.find((one) => one.id === id) as Vector
const base64 = (text: string, key = token) => createHmac('sha1', key).update(text).digest('base64')

describe('the signature of Twilio @unit', () => {
  it.each(vectors)('of $id is $expect', async (one) => {
    expect((await verifyVector(one)).ok).toBe(one.expect === 'valid')
  })

  it('is tried with every token, so that one can be changed for another', async () => {
    const one = vector('voice-status-completed')
    expect(await verifyVector(one, ['the-next-token', one.secret])).toEqual({ ok: true })
    expect(await verifyVector(one, ['the-next-token'])).toEqual({ ok: false, reason: 'wrong_signature' })
  })

  it('is never made by an empty token', async () => {
    const one = vector('voice-status-completed')
    const { url, rawBody } = one
    const pairs = [...new URLSearchParams(rawBody)].sort(([a], [b]) => (a < b ? -1 : 1))
    const forged = base64(url + pairs.flat().join(''), '')
    const headers = { ...one.headers, 'X-Twilio-Signature': forged }
    expect(await verifyVector({ ...one, headers }, [''])).toMatchObject({ ok: false })
    expect(provider({ authTokens: [''] }).configured).toBe(false)
  })

  it('covers the path and the query as they came, behind the path of the public address', async () => {
    const target = "/webhooks/twilio/call?b=%20x+y&a=O'Brien&=&c"
    const signature = base64(`${publicUrl}/parley${target}CallSidCA1`)
    const verify = (raw: string) =>
      provider({ publicUrl: `${publicUrl}/parley` }).verify(
        Buffer.from('CallSid=CA1'),
        { 'x-twilio-signature': signature },
        at(raw),
        raw,
      )
    expect(await verify(target)).toEqual({ ok: true })
    expect(await verify(target.replace('%20', '+'))).toMatchObject({ ok: false })
    expect(await verify(target.replace('&=', ''))).toMatchObject({ ok: false })
    expect(await verify(`http://proxy.internal:81${target}`)).toEqual({ ok: true })
  })

  it('fits the configured port, the default one and none', async () => {
    const target = '/webhooks/twilio/sms'
    for (const authority of ['hooks.example.com', 'hooks.example.com:8443', 'hooks.example.com:443'])
      expect([
        authority,
        await provider({ publicUrl: 'https://user:pw@hooks.example.com:8443' }).verify(
          Buffer.from('A=1'),
          { 'x-twilio-signature': base64(`https://${authority}${target}A1`) },
          at(target),
          target,
        ),
      ]).toEqual([authority, { ok: true }])
  })

  it('of JSON needs the hash of the body, and of another query none is read', async () => {
    const target = '/webhooks/twilio/call?tenant=a?bodySHA256=no'
    const signature = base64(`${publicUrl}${target}`)
    const verify = (raw: string) =>
      provider().verify(Buffer.from('{"CallSid":"CA1"}'), { 'x-twilio-signature': signature }, at(raw), raw)
    expect(await verify(target)).toMatchObject({ ok: false })
    const hashed = `${target}&bodySHA256=${'0'.repeat(64)}`
    expect(await verify(hashed)).toEqual({ ok: false, reason: 'wrong_body_hash' })
  })

  it('of a form without end is not even looked for', async () => {
    const rawBody = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index).join('&'))
    const headers = { 'x-twilio-signature': base64('x') }
    const began = performance.now()
    expect(await provider().verify(rawBody, headers, at('/webhooks/twilio/sms'))).toEqual({
      ok: false,
      reason: 'too_many_parameters',
    })
    expect(performance.now() - began).toBeLessThan(100)
  })

  it('is asked for unless there is no token and unsigned deliveries are taken', async () => {
    const unsigned = { acceptUnsigned: true }
    const verify = (changes: object) => provider(changes).verify(Buffer.from('A=1'), {}, at('/webhooks/twilio/sms'))
    expect(await verify({ ...unsigned, authTokens: [] })).toEqual({ ok: true })
    expect(await verify(unsigned)).toEqual({ ok: false, reason: 'no_signature' })
    expect(await verify({ authTokens: [] })).toMatchObject({ ok: false })
    expect(provider({ authTokens: [] }).configured).toBe(false)
    expect(provider({ ...unsigned, authTokens: [] }).configured).toBe(true)
  })
})

const receivedAt = new Date('2026-11-21T09:30:07.250Z')

/** What the engine does with a body: reads it, keeps it, and asks for its effect. */
function taken(path: string, rawBody: string, receivedAtOf: Date | undefined = receivedAt) {
  const twilio = provider()
  const delivery = twilio.parse(Buffer.from(rawBody), {}, at(path), {})
  return { delivery, effect: twilio.effects({ ...delivery, receivedAt: receivedAtOf }) }
}
const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString()
const call = { AccountSid: 'AC1', CallSid: 'CA1', From: '+1 (500) 555-0010', To: '+15005550006' }
const status = (fields: Record<string, string>) =>
  taken(
    '/webhooks/twilio/call',
    form({
      ...call,
      Direction: 'outbound-api',
      CallbackSource: 'call-progress-events',
      Timestamp: 'Sat, 21 Nov 2026 09:30:05 +0000',
      ...fields,
    }),
  )

describe('a call of Twilio @unit', () => {
  it('that comes in is received, and known by its own id however often it is asked for', () => {
    const one = taken('/webhooks/twilio/call/', vector('voice-inbound-ringing').rawBody)
    const callSid = 'CA00000000000000000000000000000007'
    expect(one.delivery).toMatchObject({
      kind: 'call.incoming',
      externalId: callSid,
      deliveryKey: `twilio/call.incoming/${callSid}`,
      eventId: `call.incoming/${callSid}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect(one.effect).toEqual({
      target: 'call',
      provider: 'twilio',
      externalId: callSid,
      tenant: {
        by: 'integration',
        provider: 'twilio',
        accounts: ['+15005550006', 'AC00000000000000000000000000000001'],
      },
      facts: [
        {
          type: 'details',
          at: '2026-11-21T09:30:07.250000Z',
          direction: 'inbound',
          from: '+15005550010',
          to: '+15005550006',
          metadata: {},
        },
        { type: 'received', at: '2026-11-21T09:30:07.250000Z' },
        { type: 'progress', status: 'ringing', at: '2026-11-21T09:30:07.250000Z' },
      ],
    })
    const redirected = form({ ...call, Direction: 'inbound', CallStatus: 'in-progress' })
    expect(taken('/webhook/twilio/call', redirected).delivery.deliveryKey).toBe('twilio/call.incoming/CA1')
  })

  it('that is known by no time of its own is received by none', () => {
    const twilio = provider()
    const { receivedAt: _, ...stored } = {
      receivedAt,
      ...taken('/webhooks/twilio/call', vector('voice-inbound-ringing').rawBody).delivery,
    }
    expect(twilio.effects(stored)).toMatchObject({ facts: [{ type: 'details' }, { type: 'progress' }] })
  })

  it.each([
    ['queued', 'queued'],
    ['initiated', 'queued'],
    ['ringing', 'ringing'],
    ['in-progress', 'in_progress'],
  ])('that is %s goes on', (said, word) => {
    const { delivery, effect } = status({ CallStatus: said, SequenceNumber: '2' })
    expect(delivery.deliveryKey).toBe(`twilio/call.status/AC1:CA1:${said}:2`)
    expect(effect).toMatchObject({
      facts: [
        {
          type: 'details',
          direction: 'outbound',
          from: '+15005550010',
          metadata: { provider_status: said.replace('-', '_') },
        },
        { type: 'progress', status: word, at: '2026-11-21T09:30:05.000000Z', order: 2 },
      ],
      tenant: { accounts: ['+15005550010', '+1 (500) 555-0010', 'AC1'] },
    })
  })

  it.each([
    ['completed', 'completed', 61],
    ['busy', 'busy', 0],
    ['no-answer', 'no_answer', 0],
    ['canceled', 'no_answer', 0],
    ['failed', 'failed', 0],
  ])('that is %s came out as %s, in seconds and not in minutes', (said, outcome, durationSeconds) => {
    const { delivery, effect } = taken('/webhooks/twilio/call', vector(`voice-status-${said}`).rawBody)
    expect(delivery.kind).toBe('call.status')
    const reason = said.replace('-', '_')
    expect('facts' in effect && effect.facts[1]).toEqual({
      type: 'end',
      outcome,
      reason,
      at: '2026-11-21T09:30:05.000000Z',
      durationSeconds,
    })
  })

  it('that a machine answered says so beside its outcome', () => {
    const { effect } = taken('/webhooks/twilio/call', vector('voice-status-amd').rawBody)
    expect(effect).toMatchObject({
      facts: [{ metadata: { answered_by: 'machine_end_beep' } }, { outcome: 'completed', durationSeconds: 14 }],
    })
  })

  it('with another status, or none, is recorded and goes on as it was', () => {
    const strange = status({ CallStatus: 'on hold\u0007', SequenceNumber: '7' })
    expect(strange.delivery.deliveryKey).toMatch(/^twilio\/call\.status\/AC1:CA1:~[0-9a-f]{32}:7$/)
    expect(strange.effect).toMatchObject({ facts: [{ type: 'details', metadata: { provider_status: 'on_hold' } }] })
    const gathered = (digits: string) =>
      taken('/webhooks/twilio/call', form({ CallSid: 'CA1', Digits: digits })).delivery
    expect(gathered('1').kind).toBe('call.other')
    expect(gathered('1').deliveryKey).not.toBe(gathered('2').deliveryKey)
  })

  it('whose dialled party did not answer was not answered, though the call itself completes', () => {
    const dial = (DialCallStatus: string) =>
      taken(
        '/webhooks/twilio/call',
        form({
          ...call,
          Direction: 'inbound',
          CallStatus: 'in-progress',
          DialCallSid: 'CA2',
          DialCallStatus,
          DialCallDuration: '9',
        }),
      )
    expect(dial('no-answer').delivery.deliveryKey).toBe('twilio/call.dial/CA1:CA2:no-answer')
    const facts = (said: string) => {
      const { effect } = dial(said)
      return 'facts' in effect ? effect.facts.slice(1) : []
    }
    const end = { type: 'end', at: '2026-11-21T09:30:07.250000Z' }
    expect(facts('no-answer')).toEqual([{ ...end, outcome: 'no_answer', reason: 'dial_no_answer', rank: 1 }])
    expect(facts('answered')).toEqual([
      { ...end, outcome: 'completed', reason: 'dial_completed', durationSeconds: 9, rank: 2 },
    ])
    expect(facts('puzzled')).toEqual([])
  })

  it('keeps its recording, which is told of the first leg', () => {
    const done = taken('/webhooks/twilio/recording?tenant=t_1', vector('recording-completed').rawBody)
    expect(done.delivery).toMatchObject({
      kind: 'recording',
      externalId: 'RE00000000000000000000000000000003',
      deliveryKey: 'twilio/recording/RE00000000000000000000000000000003:completed',
    })
    expect(done.effect).toMatchObject({
      externalId: 'CA00000000000000000000000000000007',
      tenant: { accounts: ['AC00000000000000000000000000000001'] },
      facts: [
        { type: 'details', metadata: { recording_status: 'completed' } },
        { type: 'recording', url: expect.stringMatching(/RE0+3$/) as string, durationSeconds: 57 },
      ],
    })
    const absent = taken('/webhooks/twilio/recording', vector('recording-absent').rawBody)
    expect(absent.effect).toMatchObject({
      facts: [{ metadata: { recording_status: 'absent', recording_error_code: '16101' } }],
    })
    const going = taken(
      '/webhooks/twilio/recording',
      form({ CallSid: 'CA1', RecordingSid: 'RE1', RecordingStatus: 'in-progress' }),
    )
    expect(going.effect).toMatchObject({ facts: [] })
    const conference = taken(
      '/webhooks/twilio/recording',
      form({ AccountSid: 'AC1', ConferenceSid: 'CF1', RecordingSid: 'RE1', RecordingStatus: 'completed' }),
    )
    expect(conference.effect).toMatchObject({ externalId: 'CF1' })
    expect(conference.effect).toMatchObject({ makesNone: true })
    // A recording names its account alone, which companies may share: its call says whose it is.
    expect(done.effect).toMatchObject({ makesNone: true, tenant: { partial: true } })
  })

  it('is read from JSON where the address was signed with its hash', () => {
    const path = `/webhooks/twilio/call?bodySHA256=${'0'.repeat(64)}`
    const { delivery, effect } = taken(path, JSON.stringify({ ...call, CallStatus: 'busy', SequenceNumber: 3 }))
    expect(delivery).toMatchObject({
      deliveryKey: 'twilio/call.status/AC1:CA1:busy:3',
      headers: { 'content-type': 'application/json' },
    })
    expect(effect).toMatchObject({ facts: [{}, { outcome: 'busy' }] })
  })

  it('without its id is refused by name', () => {
    const detail = (pointer: string) =>
      expect.objectContaining({ status: 422, errors: [expect.objectContaining({ pointer })] }) as Error
    for (const [path, pointer] of [
      ['call', '/CallSid'],
      ['sms', '/MessageSid'],
      ['recording', '/RecordingSid'],
    ])
      expect(() => taken(`/webhooks/twilio/${path}`, 'AccountSid=AC1')).toThrow(detail(pointer ?? ''))
    expect(() => taken('/webhooks/twilio/call', '')).toThrow(expect.objectContaining({ status: 400 }) as Error)
    expect(() => taken('/webhooks/twilio/call', 'CallSid=a%20b')).toThrow(detail('/CallSid'))
  })
})

describe('a text message of Twilio @unit', () => {
  const body = " It's 5 o'clock & 100% fine + éè 👍\r\nsecond line "

  it('that comes in keeps its text to the last space', () => {
    const { delivery, effect } = taken('/webhooks/twilio/sms', vector('sms-inbound').rawBody)
    const messageSid = 'SM00000000000000000000000000000005'
    expect(delivery).toMatchObject({ kind: 'sms.received', deliveryKey: `twilio/sms.received/${messageSid}` })
    expect(effect).toEqual({
      target: 'message',
      provider: 'twilio',
      externalId: messageSid,
      tenant: {
        by: 'integration',
        provider: 'twilio',
        accounts: ['+15005550006', 'AC00000000000000000000000000000001'],
      },
      direction: 'inbound',
      from: '+15005550010',
      to: '+15005550006',
      body: ` ${body}`,
      status: 'received',
      statusRank: 5,
    })
  })

  it('brings its pictures', () => {
    const { effect } = taken('/webhooks/twilio/sms', vector('sms-inbound-mms').rawBody)
    expect(effect).toMatchObject({ body: '', media: [{ contentType: 'image/jpeg' }, {}] })
    expect('media' in effect && effect.media?.every(({ url }) => url.startsWith('https://api.twilio.com/'))).toBe(true)
    const odd = taken(
      '/webhooks/twilio/sms',
      form({ MessageSid: 'MM1', Body: '', NumMedia: '99999999', MediaUrl0: 'javascript:alert(1)' }),
    )
    expect(odd.effect).not.toHaveProperty('media')
  })

  it.each([
    ['sent', 4, {}],
    ['delivered', 5, {}],
    ['undelivered', 5, { errorCode: '30003' }],
  ])('that went out is %s', (said, statusRank, more) => {
    const { delivery, effect } = taken('/webhooks/twilio/sms', vector(`sms-status-${said}`).rawBody)
    const code = 'errorCode' in more ? more.errorCode : '-'
    expect(delivery.deliveryKey).toBe(`twilio/sms.status/SM00000000000000000000000000000005:${said}:${code}`)
    expect(effect).toMatchObject({ direction: 'outbound', status: said, statusRank, from: '+15005550006', ...more })
    expect(effect).not.toHaveProperty('body')
    expect(effect).toMatchObject({ tenant: { accounts: ['+15005550006', 'AC00000000000000000000000000000001'] } })
  })

  it('of another channel is found by its bare number, and keeps the channel', () => {
    const { effect } = taken(
      '/webhooks/twilio/sms',
      form({ MessageSid: 'SM1', Body: 'x', From: 'whatsapp:+15005550010', To: 'whatsapp:+15005550006' }),
    )
    expect(effect).toMatchObject({
      from: 'whatsapp:+15005550010',
      tenant: { accounts: ['+15005550006', 'whatsapp:+15005550006'] },
    })
  })

  it('with a status that nobody knows ranks below every other', () => {
    const { effect } = taken('/webhooks/twilio/sms', form({ MessageSid: 'SM1', MessageStatus: 'toString' }))
    expect(effect).toMatchObject({ status: 'tostring', statusRank: 0 })
    const proto = taken('/webhooks/twilio/sms', form({ MessageSid: 'SM1', MessageStatus: 'constructor' }))
    expect(proto.effect).toMatchObject({ statusRank: 0 })
  })
})

describe('whatever Twilio signs @unit', () => {
  const names = fc.constantFrom(
    'AccountSid',
    'CallSid',
    'CallStatus',
    'Direction',
    'Timestamp',
    'SequenceNumber',
    'CallDuration',
    'From',
    'To',
    'DialCallStatus',
    'RecordingSid',
    'RecordingStatus',
    'RecordingUrl',
    'RecordingDuration',
    'MessageSid',
    'MessageStatus',
    'Body',
    'NumMedia',
    'MediaUrl0',
    'ErrorCode',
    '__proto__',
    'constructor',
  )
  const paths = fc.constantFrom('/webhooks/twilio/call', '/webhooks/twilio/sms', '/webhooks/twilio/recording')
  const ids = { CallSid: 'CA1', MessageSid: 'SM1', RecordingSid: 'RE1' }
  const check = (path: string, raw: string) => {
    const { delivery, effect } = taken(path, raw)
    expect(delivery.deliveryKey).toMatch(/^twilio\/[\x21-\x7e]{1,890}$/)
    // As the store will write it.
    expect(JSON.stringify(effect)).not.toContain('"externalId":""')
  }

  it('has an effect, as a form', () => {
    const words = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('completed', 'busy', '1e9', '-1', '\0', 'inbound', '+1', '9'.repeat(400)),
    )
    fc.assert(
      fc.property(paths, fc.dictionary(names, words), (path, fields) => check(path, form({ ...fields, ...ids }))),
    )
  })

  it('has an effect, as JSON', () => {
    fc.assert(
      fc.property(paths, fc.dictionary(names, fc.jsonValue()), (path, fields) =>
        check(`${path}?bodySHA256=x`, JSON.stringify({ ...fields, ...ids })),
      ),
    )
  })

  it('has an effect even when what was stored is none of it', () => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.string(),
        fc.constantFrom('call.status', 'sms.status', 'recording', 'x'),
        (bytes, type, kind) => {
          const stored = {
            kind,
            externalId: 'X1',
            deliveryKey: 'twilio/x/X1',
            payload: Buffer.from(bytes),
            headers: { 'content-type': type },
          }
          expect(provider().effects(stored)).toMatchObject({ externalId: 'X1' })
        },
      ),
    )
  })
})
