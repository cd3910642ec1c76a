import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createStandardVerifier, decodedKey } from '../../src/providers/standard-webhooks.js'
import { partnerEffect } from '../../src/providers/uwc/events.js'
import { createUwcWebhooks } from '../../src/providers/uwc/webhook.js'
import { lowerCased, readVectors, type SignedVector } from './vectors.js'

const { vectors } = readVectors<{ vectors: (SignedVector & { group: string })[] }>('standard-webhooks')
const url = new URL('http://localhost/webhooks/uwc/asr/complete')
const now = 1_795_253_400
const secret = 'a secret as text'

const providerOf = (secrets: string[], seconds = now, acceptUnsigned = false) =>
  createUwcWebhooks({ webhookSecrets: secrets, acceptUnsigned, now: () => seconds * 1000 })

describe('@unit a Standard Webhooks signature', () => {
  // The asymmetric variant is optional, and nobody sends it to us.
  const symmetric = vectors.filter((one) => one.id !== 'std-v1a-ed25519')

  it.each(symmetric.map((one) => [one.id, one] as const))('%s', (_id, one) => {
    const headers = lowerCased(one.headers)
    const verify = createStandardVerifier({
      keys: [decodedKey(one.secret ?? '') ?? Buffer.alloc(0)],
      now: () => one.now * 1000,
    })
    const message = {
      id: headers['webhook-id'],
      timestamp: headers['webhook-timestamp'],
      signature: headers['webhook-signature'],
      rawBody: Buffer.from(one.rawBody),
    }
    expect(verify(message)).toMatchObject({ ok: one.expect === 'valid' })
  })

  it.each(vectors.filter(({ group }) => group === 'uwc').map((one) => [one.id, one] as const))(
    '%s, by the partner',
    (_id, one) => {
      const verified = providerOf([one.secret ?? ''], one.now).verify(
        Buffer.from(one.rawBody),
        lowerCased(one.headers),
        new URL(one.url),
      )
      expect(verified).toMatchObject({ ok: one.expect === 'valid' })
    },
  )

  it('is of the bytes, also where two bodies read as the same text', () => {
    const verify = createStandardVerifier({ keys: [Buffer.from(secret)], now: () => now * 1000 })
    const sign = (body: Buffer) =>
      `v1,${createHmac('sha256', secret).update(`m1.${now}.`).update(body).digest('base64')}`
    const replaced = Buffer.from('{"a":"\uFFFD"}')
    const invalid = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')])
    const message = { id: 'm1', timestamp: String(now), signature: sign(replaced) }
    expect(verify({ ...message, rawBody: replaced })).toEqual({ ok: true })
    expect(verify({ ...message, rawBody: invalid })).toEqual({ ok: false, reason: 'wrong_signature' })
    // Authentic, though no text: what is wrong with it is for the reader to say.
    expect(verify({ ...message, signature: sign(invalid), rawBody: invalid })).toEqual({ ok: true })
  })
})

describe('@unit the partner’s older signature', () => {
  const body = Buffer.from('{"job_id":"j1"}')
  const digest = (key: string, timestamp = String(now)) =>
    createHmac('sha256', key).update(`${timestamp}.`).update(body).digest()
  const verify = (signature: string | undefined, timestamp = String(now), secrets = [secret], at = now) =>
    providerOf(secrets, at).verify(
      body,
      { 'x-uwc-timestamp': timestamp, ...(signature === undefined ? {} : { 'x-uwc-signature': signature }) },
      url,
    )

  it('is hex or base64, with or without its algorithm', () => {
    const sum = digest(secret)
    for (const text of [sum.toString('hex'), sum.toString('hex').toUpperCase(), sum.toString('base64')])
      for (const prefix of ['', 'sha256='])
        expect([prefix, text, verify(prefix + text)]).toEqual([prefix, text, { ok: true }])
  })

  it('is made with the decoded key of a secret that is one', () => {
    const whsec = `whsec_${Buffer.from('twenty-four-bytes-of-key').toString('base64')}`
    const signature = digest('twenty-four-bytes-of-key').toString('hex')
    expect(verify(signature, String(now), [whsec])).toEqual({ ok: true })
    expect(verify(signature, String(now), ['another', whsec])).toEqual({ ok: true })
    expect(verify(digest(whsec).toString('hex'), String(now), [whsec])).toMatchObject({ ok: false })
  })

  it('is good for 300 seconds both ways', () => {
    const signature = digest(secret).toString('hex')
    for (const [offset, ok] of [
      [300, true],
      [-300, true],
      [301, false],
      [-301, false],
    ] as const)
      expect([offset, verify(signature, String(now), [secret], now + offset)]).toMatchObject([offset, { ok }])
  })

  it('is refused when it is none, of another key, of another body, or of a time that is no number', () => {
    expect(verify(undefined)).toEqual({ ok: false, reason: 'no_signature' })
    expect(verify(digest('another').toString('hex'))).toMatchObject({ ok: false })
    expect(verify(digest(secret, `${now}x`).toString('hex'), `${now}x`)).toEqual({ ok: false, reason: 'wrong_time' })
    expect(verify(createHmac('sha256', secret).update(body).digest('hex'))).toMatchObject({ ok: false })
    expect(verify(digest('').toString('hex'), String(now), [''])).toMatchObject({ ok: false })
    expect(providerOf(['']).configured).toBe(false)
  })

  it('does not stand in for a newer one that is wrong', () => {
    const headers = {
      'x-uwc-timestamp': String(now),
      'x-uwc-signature': digest(secret).toString('hex'),
      'webhook-id': 'm1',
      'webhook-timestamp': String(now),
      'webhook-signature': 'v1,AAAA',
    }
    expect(providerOf([secret]).verify(body, headers, url)).toMatchObject({ ok: false })
  })
})

describe('@unit a delivery of the partner', () => {
  const parse = (body: object, headers: Record<string, string> = {}, path = 'asr/complete') =>
    providerOf([], now, true).parse(
      Buffer.from(JSON.stringify(body)),
      headers,
      new URL(`http://localhost/webhook/uwc/${path}/`),
      {},
    )
  const body = { job_id: 'j1', company_id: 'c1', status: 'Running' }

  it('has the key of event or job, with kind and status', () => {
    expect(parse(body)).toMatchObject({ kind: 'asr', externalId: 'j1', deliveryKey: 'uwc/asr/j1/running' })
    expect(parse({ ...body, event_id: 'e1' }, {}, 'rag/indexed').deliveryKey).toBe('uwc/rag/e1/running')
    expect(parse({ ...body, event_id: 'e1' }, { 'webhook-id': 'm1', 'webhook-signature': 'v1,x' }).deliveryKey).toBe(
      'uwc/asr/m1/running',
    )
    const kinds = ['training/status', 'analysis/complete', 'followup/draft'].map((path) => parse(body, {}, path).kind)
    expect(kinds).toEqual(['training', 'analysis', 'followup'])
  })

  it('does not take an id that nobody signed', () => {
    expect(parse(body, { 'webhook-id': 'm1' }).deliveryKey).toBe('uwc/asr/j1/running')
  })

  it('may have its fields in data', () => {
    expect(parse({ data: body }).deliveryKey).toBe('uwc/asr/j1/running')
    expect(() => parse({ data: { ...body, job_id: 7 }, company_id: '' })).toThrow(/^job_id missing or wrong$/)
    expect(() => parse({})).toThrow(/^job_id, company_id, status missing or wrong$/)
  })
})

describe('@unit what an answer of the partner says', () => {
  it('is the job, what it is about, and a status in our words', () => {
    expect(
      partnerEffect('asr', {
        job_id: 'j1',
        request_id: 'r1',
        company_id: 'c1',
        status: 'Succeeded',
        timestamp: '2026-11-21T09:29:58.120Z',
        call_id: 'call1',
        data: { call_id: 'call2', text: 'hello' },
      }),
    ).toEqual({
      target: 'partner',
      kind: 'asr',
      tenant: { by: 'company', companyId: 'c1' },
      jobId: 'j1',
      requestId: 'r1',
      status: 'completed',
      partnerStatus: 'Succeeded',
      subjects: [
        { type: 'call', id: 'call1' },
        { type: 'call', id: 'call2' },
      ],
      data: { call_id: 'call2', text: 'hello' },
      at: '2026-11-21T09:29:58.120000Z',
    })
    expect(partnerEffect('rag', { status: 'constructor' }).status).toBe('other')
  })

  it('is told of anything without a throw', () => {
    const field = fc.oneof(fc.string(), fc.anything())
    const body = fc.record(
      {
        job_id: field,
        status: field,
        company_id: field,
        call_id: field,
        lead_id: field,
        timestamp: field,
        data: field,
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.oneof(body, fc.anything()), (value) => {
        const effect = partnerEffect('training', value)
        expect(typeof effect.jobId).toBe('string')
        expect(effect.subjects.every(({ id }) => typeof id === 'string')).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})
