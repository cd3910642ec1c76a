import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCallrailWebhooks } from '../../src/providers/callrail/webhook.js'
import { lowerCased, type Vector, vectorsOf } from './vectors.js'

const key = '0123456789abcdef0123456789abcdef'
const provider = (changes: Partial<Parameters<typeof createCallrailWebhooks>[0]> = {}) =>
  createCallrailWebhooks({ webhookSecrets: [key], acceptUnsigned: false, ...changes })
const at = (kind: string) => new URL(`https://hooks.example.com/webhooks/callrail/${kind}?callernum=5005550099`)

const vectors = vectorsOf('callrail')
const vector = (id: string) => vectors.find((one) => one.id === id) as Vector
const verifyVector = ({ rawBody, headers, url }: Vector, webhookSecrets: string[]) =>
  provider({ webhookSecrets }).verify(Buffer.from(rawBody), lowerCased(headers), new URL(url))

describe('the signature of CallRail @unit', () => {
  it.each(vectors)('of $id is $expect', async (one) => {
    expect((await verifyVector(one, [one.secret])).ok).toBe(one.expect === 'valid')
  })

  it('fits the key of any company, and so the next one', async () => {
    const one = vector('post-call-answered')
    expect(await verifyVector(one, ['another-company', one.secret, 'the-next-key'])).toEqual({ ok: true })
    expect(await verifyVector(one, ['another-company'])).toEqual({ ok: false, reason: 'wrong_signature' })
  })

  it('is never made by an empty key', async () => {
    const signature = createHmac('sha1', '').update('{}').digest('base64')
    const verified = provider({ webhookSecrets: ['', key] }).verify(Buffer.from('{}'), { signature }, at('pre-call'))
    expect(await verified).toEqual({ ok: false, reason: 'wrong_signature' })
    expect(provider({ webhookSecrets: [''] }).configured).toBe(false)
  })

  it('is asked for unless there is no key and unsigned deliveries are taken', async () => {
    const verify = (changes: object) => provider(changes).verify(Buffer.from('{}'), {}, at('pre-call'))
    expect(await verify({ webhookSecrets: [], acceptUnsigned: true })).toEqual({ ok: true })
    expect(await verify({ acceptUnsigned: true })).toEqual({ ok: false, reason: 'no_signature' })
    expect(await verify({ webhookSecrets: [] })).toMatchObject({ ok: false })
    expect(provider({ webhookSecrets: [] }).configured).toBe(false)
  })
})

const receivedAt = new Date('2026-11-21T09:30:07.250Z')

function taken(kind: string, rawBody: string) {
  const callrail = provider()
  const delivery = callrail.parse(Buffer.from(rawBody), {}, at(kind), {})
  return { delivery, effect: callrail.effects({ ...delivery, receivedAt }) }
}
const callId = 'CAL00000000000000000000000000000001'
const changed = (id: string, changes: object) =>
  JSON.stringify({ ...(JSON.parse(vector(id).rawBody) as object), ...changes })
const factsOf = (kind: string, rawBody: string) => {
  const { effect } = taken(kind, rawBody)
  return 'facts' in effect ? effect.facts : []
}
const endOf = (rawBody: string) => factsOf('call-complete', rawBody).find(({ type }) => type === 'end')

describe('a call of CallRail @unit', () => {
  it('is received while it rings, and its placeholders say nothing of its outcome', () => {
    const { delivery, effect } = taken('pre-call', vector('pre-call').rawBody)
    expect(delivery).toMatchObject({
      kind: 'pre-call',
      externalId: callId,
      deliveryKey: `callrail/pre-call/${callId}`,
      payload: Buffer.from(vector('pre-call').rawBody),
    })
    const start = '2026-11-21T09:20:00.236000Z'
    expect(effect).toEqual({
      target: 'call',
      provider: 'callrail',
      externalId: callId,
      tenant: {
        by: 'integration',
        provider: 'callrail',
        accounts: ['+15005550006', 'COM00000000000000000000000000000001', '100000001'],
      },
      facts: [
        {
          type: 'details',
          at: start,
          direction: 'inbound',
          from: '+15005550010',
          to: '+15005550006',
          startedAt: start,
          metadata: {
            source_name: 'Website pool',
            first_call: true,
            customer_name: 'Ada Example',
            tracker_id: 'TRK00000000000000000000000000000001',
            person_id: 'PER00000000000000000000000000000001',
          },
        },
        { type: 'received', at: start },
        { type: 'progress', status: 'ringing', at: start },
      ],
    })
  })

  it.each([
    ['post-call-answered', 'completed', 'answered', 61],
    ['post-call-voicemail', 'no_answer', 'voicemail', undefined],
    ['post-call-missed', 'no_answer', 'missed', undefined],
    ['post-call-abandoned', 'no_answer', 'abandoned', 9],
    ['outbound-post-call', 'no_answer', 'outbound', undefined],
  ])('that is over comes out: %s', (id, outcome, reason, durationSeconds) => {
    const { delivery } = taken('call-complete', vector(id).rawBody)
    expect(delivery.deliveryKey).toBe(`callrail/call-complete/${callId}`)
    const end = endOf(vector(id).rawBody)
    expect(end).toMatchObject({ outcome, reason, startedAt: '2026-11-21T09:20:00.236000Z' })
    if (durationSeconds !== undefined) expect(end).toMatchObject({ durationSeconds })
  })

  it('ends as long after its start as it lasted, which is given as text', () => {
    expect(endOf(vector('post-call-answered').rawBody)).toMatchObject({ at: '2026-11-21T09:21:01.236000Z' })
    expect(endOf(changed('post-call-answered', { duration: 61 }))).toMatchObject({ durationSeconds: 61 })
    const bare = endOf(changed('post-call-answered', { duration: 'a while' }))
    expect(bare).toMatchObject({ at: '2026-11-21T09:30:07.250000Z' })
    expect(bare).not.toHaveProperty('durationSeconds')
  })

  it.each([
    [{ answered: 'true', call_type: 'strange' }, 'completed'],
    [{ answered: 'false', call_type: 'strange' }, 'no_answer'],
    [{ answered: null, call_type: 'answered' }, 'completed'],
    [{ answered: null, call_type: 'missed' }, 'no_answer'],
    [{ answered: null, voicemail: 'true', call_type: null }, 'no_answer'],
    [{ answered: false, call_type: 'in_progress' }, undefined],
    [{ answered: null, call_type: 'strange' }, undefined],
    [{ answered: null, call_type: null, voicemail: false }, undefined],
  ])('with %j came out as %s', (changes, outcome) => {
    const end = endOf(changed('post-call-answered', changes))
    expect(end && 'outcome' in end ? end.outcome : undefined).toBe(outcome)
  })

  it('that went out is from the tracking number to the customer', () => {
    const [details] = factsOf('call-complete', vector('outbound-post-call').rawBody)
    expect(details).toMatchObject({ direction: 'outbound', from: '+15005550006', to: '+15005550010' })
  })

  it('that was changed is another event each time, and comes out no other way', () => {
    const one = taken('call-modified', vector('call-modified-tags').rawBody)
    const two = taken('call-modified', vector('call-modified-recording').rawBody)
    expect(one.delivery.deliveryKey).toMatch(new RegExp(`^callrail/call-modified/${callId}:[0-9a-f]{32}$`))
    expect(one.delivery.deliveryKey).not.toBe(two.delivery.deliveryKey)
    expect(one.effect).toMatchObject({
      facts: [{ type: 'details', at: '2026-11-21T09:30:07.250000Z', metadata: { tags: ['Signed'], answered: true } }],
    })
    expect(two.effect).toMatchObject({
      facts: [
        { type: 'details' },
        { type: 'recording', url: expect.stringContaining(callId) as string, durationSeconds: 57 },
      ],
    })
    for (const { effect } of [one, two])
      expect('facts' in effect && effect.facts.some(({ type }) => type === 'end')).toBe(false)
  })

  it('that was changed is known by its changes at the address of the complete ones', () => {
    expect(taken('call-complete', vector('call-modified-tags').rawBody).delivery.kind).toBe('call-modified')
  })

  it('is found by the first of its ids', () => {
    const idOf = (body: object) => taken('pre-call', JSON.stringify(body)).delivery.externalId
    expect(idOf({ call: { id: 7 }, call_id: 'b', resource_id: 'c', id: 'd' })).toBe('7')
    expect(idOf({ call_id: 'b', resource_id: 'c', id: 'd' })).toBe('b')
    expect(idOf({ resource_id: 'c', id: 'd' })).toBe('c')
    expect(idOf({ resource_id: '', id: 155920786 })).toBe('155920786')
    expect(
      taken('pre-call', JSON.stringify({ call: { id: 'a', tracking_phone_number: '+15005550006' } })).effect,
    ).toMatchObject({
      tenant: { accounts: ['+15005550006'] },
    })
  })

  it('in the vendor’s own old sample is known by its number', () => {
    const { delivery, effect } = taken('call-complete', vector('callrail-published').rawBody)
    expect(delivery.externalId).toMatch(/^\d+$/)
    expect(effect).toMatchObject({ tenant: { accounts: expect.arrayContaining(['155920786']) as string[] } })
    expect(endOf(vector('callrail-published').rawBody)).toMatchObject({ outcome: 'no_answer', reason: 'voicemail' })
  })

  it('that cannot be read is refused, naming what is wrong', () => {
    const problem = (status: number, pointer: string) =>
      expect.objectContaining({ status, errors: [expect.objectContaining({ pointer })] }) as Error
    expect(() => taken('pre-call', '')).toThrow(problem(400, ''))
    expect(() => taken('pre-call', '[]')).toThrow(problem(422, ''))
    expect(() => taken('pre-call', '{"resource_id":{}}')).toThrow(problem(422, '/resource_id'))
  })
})

describe('a text message of CallRail @unit', () => {
  it('is a message at whichever address it comes', () => {
    const { delivery, effect } = taken('call-complete', vector('text-message-received').rawBody)
    expect(delivery.deliveryKey).toBe('callrail/text-message/TXT00000000000000000000000000000001')
    expect(effect).toEqual({
      target: 'message',
      provider: 'callrail',
      externalId: 'TXT00000000000000000000000000000001',
      tenant: {
        by: 'integration',
        provider: 'callrail',
        accounts: ['+15005550006', 'COM00000000000000000000000000000001'],
      },
      direction: 'inbound',
      from: '+15005550010',
      to: '+15005550006',
      body: 'Hi & hello <there>',
      status: 'received',
      statusRank: 5,
      at: '2026-11-21T09:25:00.000000Z',
    })
    const sent = taken(
      'pre-call',
      changed('text-message-received', { agent: 'Ada', media_urls: ['https://m.example.com/1', 2] }),
    )
    expect(sent.effect).toMatchObject({
      direction: 'outbound',
      status: 'sent',
      tenant: { accounts: ['+15005550010', 'COM00000000000000000000000000000001'] },
      media: [{ url: 'https://m.example.com/1' }],
    })
  })
})

describe('whatever CallRail signs @unit', () => {
  it('has an effect', () => {
    const names = fc.constantFrom(
      'call',
      'id',
      'answered',
      'voicemail',
      'call_type',
      'direction',
      'duration',
      'start_time',
      'created_at',
      'tags',
      'tracking_phone_number',
      'customer_phone_number',
      'recording',
      'recording_duration',
      'changes',
      'company_id',
      'source_number',
      'destination_number',
      'content',
      'media_urls',
      'agent',
      'timestamp',
      'transcription',
      '__proto__',
    )
    const values = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>('true', '1e9', -1, '2026-11-21T09:20:00Z', '\0', '+1'),
    )
    fc.assert(
      fc.property(
        fc.constantFrom('pre-call', 'call-complete', 'call-modified'),
        fc.dictionary(names, values),
        (kind, body) => {
          const { delivery, effect } = taken(kind, JSON.stringify({ ...body, call: undefined, resource_id: 'CAL1' }))
          expect(delivery.deliveryKey).toMatch(/^callrail\/[\x21-\x7e]{1,890}$/)
          expect(effect).toMatchObject({ provider: 'callrail', externalId: delivery.externalId })
        },
      ),
    )
  })

  it('has an effect even when what was stored is none of it', () => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.constantFrom('pre-call', 'call-complete', 'call-modified', 'text-message'),
        (bytes, kind) => {
          const stored = {
            kind,
            externalId: 'X1',
            deliveryKey: 'callrail/x/X1',
            payload: Buffer.from(bytes),
            headers: {},
          }
          expect(provider().effects(stored)).toMatchObject({ externalId: 'X1' })
        },
      ),
    )
  })
})
