import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBlandWebhooks } from '../../src/providers/bland/webhook.js'
import { lowerCased, type Vector, vectorsOf } from './vectors.js'

const secret = 'made-up-bland-webhook-secret'
const provider = (changes: Partial<Parameters<typeof createBlandWebhooks>[0]> = {}) =>
  createBlandWebhooks({ webhookSecrets: [secret], acceptUnsigned: false, ...changes })
const url = new URL('https://hooks.example.com/webhooks/bland')

const vectors = vectorsOf('bland')
const vector = (id: string) => vectors.find((one) => one.id === id) as Vector
const verifyVector = ({ rawBody, headers }: Vector, webhookSecrets: string[]) =>
  provider({ webhookSecrets }).verify(Buffer.from(rawBody), lowerCased(headers), url)

describe('the signature of Bland @unit', () => {
  it.each(vectors)('of $id is $expect', async (one) => {
    expect((await verifyVector(one, [one.secret])).ok).toBe(one.expect === 'valid')
  })

  it('fits any of the secrets, so that one can be changed for another', async () => {
    const one = vector('completed-human')
    expect(await verifyVector(one, ['the-next-secret', one.secret])).toEqual({ ok: true })
    expect(await verifyVector(one, ['the-next-secret'])).toEqual({ ok: false, reason: 'wrong_signature' })
  })

  it('is never made by an empty secret', async () => {
    const headers = { 'x-webhook-signature': createHmac('sha256', '').update('{}').digest('hex') }
    expect(await provider({ webhookSecrets: [''] }).verify(Buffer.from('{}'), headers, url)).toMatchObject({
      ok: false,
    })
    expect(provider({ webhookSecrets: [''] }).configured).toBe(false)
  })

  it('is asked for unless there is no secret and unsigned deliveries are taken', async () => {
    const verify = (changes: object) => provider(changes).verify(Buffer.from('{}'), {}, url)
    expect(await verify({ webhookSecrets: [], acceptUnsigned: true })).toEqual({ ok: true })
    expect(await verify({ acceptUnsigned: true })).toEqual({ ok: false, reason: 'no_signature' })
    expect(await verify({ webhookSecrets: [] })).toMatchObject({ ok: false })
    expect(provider({ webhookSecrets: [] }).configured).toBe(false)
  })
})

const receivedAt = new Date('2026-11-21T09:30:07.250Z')

function taken(body: string | object) {
  const bland = provider()
  const rawBody = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  const delivery = bland.parse(rawBody, {}, url, {})
  const effect = bland.effects({ ...delivery, receivedAt })
  return { delivery, effect, facts: 'facts' in effect ? effect.facts : [] }
}
const callId = '00000000-0000-4000-8000-000000000001'
const human = JSON.parse(vector('completed-human').rawBody) as Record<string, unknown>
const endOf = (body: string | object) => taken(body).facts.find(({ type }) => type === 'end')

describe('a call of Bland @unit', () => {
  it('that is over comes with all that is known of it, and its end is not end_at', () => {
    const { delivery, effect } = taken(vector('completed-human').rawBody)
    expect(delivery).toMatchObject({
      kind: 'post-call',
      externalId: callId,
      deliveryKey: `bland/post-call/${callId}`,
      payload: Buffer.from(vector('completed-human').rawBody),
    })
    const [end, start] = ['2026-11-21T09:19:21.000000Z', '2026-11-21T09:18:20.000000Z']
    expect(effect).toEqual({
      target: 'call',
      provider: 'bland',
      externalId: callId,
      facts: [
        {
          type: 'details',
          at: end,
          direction: 'outbound',
          from: '+15005550006',
          to: '+15005550010',
          startedAt: start,
          metadata: {
            provider_status: 'completed',
            queue_status: 'complete',
            answered_by: 'human',
            ended_by: 'assistant',
            summary: 'Booked.',
            transcript: human.transcripts,
          },
        },
        { type: 'end', outcome: 'completed', reason: 'completed', at: end, startedAt: start, durationSeconds: 61 },
        { type: 'recording', url: 'https://example.com/rec.mp3' },
      ],
    })
  })

  it('belongs to the company that its metadata names, and without one to that of its row', () => {
    const tenant_id = '0192a000-0000-7000-8000-00000000ac3e'
    const call_id = '0199A3C2-6d1e-7000-8000-0000000000aa'
    expect(taken({ ...human, metadata: { tenant_id, call_id } }).effect).toMatchObject({
      tenant: { by: 'company', companyId: tenant_id },
      callId: call_id.toLowerCase(),
    })
    for (const metadata of [{}, null, 'tenant_id', { tenant_id: { x: 1 }, call_id: 'x' }]) {
      const { effect } = taken({ ...human, metadata })
      expect(effect).not.toHaveProperty('tenant')
      expect(effect).not.toHaveProperty('callId')
    }
  })

  it.each([
    ['completed-voicemail', 'completed', 'completed'],
    ['completed-answered-by-null', 'completed', 'completed'],
    ['no-answer', 'no_answer', 'no_answer'],
    ['busy', 'busy', 'busy'],
    ['failed', 'failed', 'failed'],
    ['canceled', 'no_answer', 'canceled'],
    ['unicode-and-floats', 'completed', 'completed'],
  ])('comes out: %s', (id, outcome, reason) => {
    expect(endOf(vector(id).rawBody)).toMatchObject({ outcome, reason })
  })

  it('that a machine took is completed, and says so', () => {
    expect(taken(vector('completed-voicemail').rawBody).facts[0]).toMatchObject({
      metadata: { answered_by: 'machine' },
    })
  })

  it('that nobody took ended when it was told, for its own times have no end', () => {
    expect(endOf(vector('no-answer').rawBody)).toEqual({
      type: 'end',
      outcome: 'no_answer',
      reason: 'no_answer',
      at: '2026-11-21T09:30:07.250000Z',
      durationSeconds: 0,
    })
  })

  const bare = { call_id: callId }
  it.each([
    [{ status: 'completed', queue_status: 'complete_error', error_message: 'webhook' }, 'completed'],
    [{ status: 'completed', answered_by: 'no-answer' }, 'no_answer'],
    [{ status: 'busy', answered_by: 'no-answer' }, 'busy'],
    [{ status: 'no_answer' }, 'no_answer'],
    [{ completed: true, queue_status: 'started' }, 'completed'],
    [{ completed: false, queue_status: 'complete' }, undefined],
    [{ queue_status: 'complete_error' }, 'completed'],
    [{ queue_status: 'call_error' }, 'failed'],
    [{ queue_status: 'pre_queue_error', completed: false }, 'failed'],
    [{ completed: false, error_message: 'Invalid number' }, 'failed'],
    [{ status: 'unknown', corrected_duration: '4' }, 'completed'],
    [{ status: 'unknown', call_length: 0 }, 'failed'],
    [{ status: 'levitating', completed: true }, 'completed'],
    [{ status: 'levitating' }, undefined],
    [{ status: 'constructor' }, undefined],
    [{ queue_status: 'allocated', completed: false }, undefined],
    [{ error_message: 'x' }, undefined],
    [{ answered_by: 'no-answer' }, undefined],
    [{ completed: 'true' }, 'completed'],
  ])('with %j came out as %s', (fields, outcome) => {
    const end = endOf({ ...bare, ...fields })
    expect(end && 'outcome' in end ? end.outcome : undefined).toBe(outcome)
    expect(taken({ ...bare, ...fields }).delivery.kind).toBe(outcome === undefined ? 'live' : 'post-call')
  })

  it('lasted as long as was corrected, else its minutes', () => {
    const seconds = (fields: object) => {
      const end = endOf({ ...bare, status: 'completed', ...fields })
      return end && 'durationSeconds' in end ? end.durationSeconds : undefined
    }
    expect(seconds({ corrected_duration: '61', call_length: 2 })).toBe(61)
    expect(seconds({ corrected_duration: 'long', call_length: 1.02 })).toBe(61)
    expect(seconds({ corrected_duration: null, call_length: 0.5 })).toBe(30)
    expect(seconds({ call_length: -1 })).toBeUndefined()
    expect(seconds({ call_length: 1e300 })).toBeUndefined()
  })

  it('is corrected by what follows, which is an event of its own', () => {
    const citations = taken(vector('second-delivery-citations').rawBody)
    expect(citations.delivery.deliveryKey).toBe(`bland/citations/${callId}`)
    expect(citations.facts).toEqual([
      {
        type: 'details',
        at: '2026-11-21T09:30:07.250000Z',
        metadata: {
          corrected_transcript: [{ id: 1, user: 'assistant', text: 'Hi, is this Ada?' }],
          citations: [{ field: 'wants_follow_up', value: true }],
        },
      },
    ])
    const corrected = { ...human, status: 'no-answer', event_type: 'multiple' }
    expect(taken(corrected).delivery.deliveryKey).toBe(`bland/multiple/${callId}`)
    expect(endOf(corrected)).toMatchObject({ outcome: 'no_answer', rank: 1 })
    expect(endOf(human)).not.toHaveProperty('rank')
  })

  it('is corrected by a second delivery without a type, too', () => {
    const second = { ...human, corrected_transcript: [{ id: 1, user: 'user', text: 'Yes.' }] }
    expect(taken(second).delivery.deliveryKey).toBe(`bland/correction/${callId}`)
    expect(endOf(second)).toMatchObject({ rank: 1 })
    expect(taken({ ...human, corrected_transcript: null, citations: [] }).delivery.kind).toBe('post-call')
  })

  it('that goes on is told of live, each time anew, and nothing is made of it', () => {
    const live = (message: string) => taken({ call_id: callId, category: 'call', level: 'info', message })
    expect(live('a').delivery.deliveryKey).toMatch(new RegExp(`^bland/live/${callId}:[0-9a-f]{32}$`))
    expect(live('a').delivery.deliveryKey).not.toBe(live('b').delivery.deliveryKey)
    expect(live('a').facts).toEqual([])
    expect(taken({ call_id: callId, event_type: 'tool' }).delivery.kind).toBe('live')
    expect(taken({ ...human, event_type: 'something new' }).delivery.kind).toMatch(/^~[0-9a-f]{32}$/)
  })

  it('is known by its session where it has no id, and refused without either', () => {
    expect(taken({ session_id: 'S1' }).delivery.externalId).toBe('S1')
    const problem = (status: number, pointer: string) =>
      expect.objectContaining({ status, errors: [expect.objectContaining({ pointer })] }) as Error
    expect(() => taken({ call_id: null })).toThrow(problem(422, '/call_id'))
    expect(() => taken('nothing')).toThrow(problem(400, ''))
    expect(() => taken('null')).toThrow(problem(422, ''))
  })
})

describe('whatever Bland signs @unit', () => {
  it('has an effect', () => {
    const names = fc.constantFrom(
      'status',
      'completed',
      'queue_status',
      'answered_by',
      'error_message',
      'call_length',
      'corrected_duration',
      'metadata',
      'started_at',
      'created_at',
      'end_at',
      'inbound',
      'from',
      'to',
      'recording_url',
      'event_type',
      'transcripts',
      'citations',
      'corrected_transcript',
      'session_id',
      '__proto__',
    )
    const values = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>('completed', '1e9', -1, '2026-11-21T09:20:00Z', '\0', '+1'),
    )
    fc.assert(
      fc.property(fc.dictionary(names, values), (body) => {
        const { delivery, effect } = taken({ ...body, call_id: callId })
        expect(delivery.deliveryKey).toMatch(/^bland\/[\x21-\x7e]{1,890}$/)
        expect(effect).toMatchObject({ provider: 'bland', externalId: callId })
      }),
    )
  })

  it('has an effect even when what was stored is none of it', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.constantFrom('post-call', 'live', 'citations'), (bytes, kind) => {
        const stored = { kind, externalId: 'X1', deliveryKey: 'bland/x/X1', payload: Buffer.from(bytes), headers: {} }
        expect(provider().effects(stored)).toMatchObject({ externalId: 'X1' })
      }),
    )
  })
})
