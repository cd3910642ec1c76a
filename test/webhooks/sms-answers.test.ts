import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEngine, type TestEngine } from './harness.js'
import { connectPhones, phoneEnv, postSigned, postTwilio } from './phone.js'

// Nothing is processed here: what is asked is what each address answers, and what it keeps.
let engine: TestEngine
beforeAll(async () => {
  engine = await startEngine({ env: { ...phoneEnv, WEBHOOK_MAX_INFLIGHT: '0' }, worker: false })
  await connectPhones(engine)
})
afterAll(() => engine.close())

const call = (CallSid: string) => ({ CallSid, AccountSid: 'AC-acme', Direction: 'inbound', CallStatus: 'ringing' })

describe('what Twilio is answered @integration', () => {
  it('about a call is TwiML, for an incoming one asks what to do', async () => {
    for (const target of ['/webhooks/twilio/call', '/webhook/twilio/call/'])
      expect(await postTwilio(engine, target, call(`CA${randomUUID()}`))).toEqual({
        status: 200,
        said: 'processed',
        type: 'text/xml; charset=utf-8',
        text: '<?xml version="1.0" encoding="UTF-8"?><Response/>',
      })
  })

  it('about a recording is nothing', async () => {
    const fields = { CallSid: 'CA1', RecordingSid: `RE${randomUUID()}`, RecordingStatus: 'completed' }
    const answer = await postTwilio(engine, '/webhooks/twilio/recording', fields)
    // It goes where its call went, and nobody has told of that yet.
    expect(answer).toEqual({ status: 204, said: 'accepted', type: null, text: '' })
    const again = await postTwilio(engine, '/webhooks/twilio/recording', fields)
    expect(again).toMatchObject({ status: 204, said: 'duplicate_ignored' })
  })
})

describe('calls that are told of by one event after another @idempotency', () => {
  const keys = async (externalId: string) =>
    (await engine.receipts('external_id = $1', [externalId])).map(({ delivery_key, attempts }) => [
      delivery_key,
      attempts,
    ])

  it('have a receipt for each status of Twilio, and one for each repetition', async () => {
    const id = `CA${randomUUID()}`
    const said = async (CallStatus: string, SequenceNumber: string) =>
      (await postTwilio(engine, '/webhooks/twilio/call', { ...call(id), CallStatus, SequenceNumber })).said
    expect(await said('ringing', '1')).toBe('processed')
    expect(await said('completed', '3')).toBe('processed')
    expect(await said('ringing', '1')).toBe('duplicate_ignored')
    expect(await keys(id)).toEqual([
      [`twilio/call.status/AC-acme:${id}:ringing:1`, 2],
      [`twilio/call.status/AC-acme:${id}:completed:3`, 1],
    ])
  })

  it('have a receipt for each kind of CallRail, and one for each change', async () => {
    const id = `CAL${randomUUID()}`
    const said = async (kind: string, more: object = {}) => {
      const body = JSON.stringify({ resource_id: id, company_resource_id: 'COM-acme', ...more })
      const { status, text } = await postSigned(engine, 'callrail', `/webhooks/callrail/${kind}`, body)
      return [status, (JSON.parse(text) as { status: string }).status]
    }
    for (const kind of ['pre-call', 'call-complete']) expect(await said(kind)).toEqual([200, 'processed'])
    expect(await said('call-complete')).toEqual([200, 'duplicate_ignored'])
    for (const note of ['a', 'b']) expect(await said('call-modified', { note })).toEqual([200, 'processed'])
    expect(await said('call-modified', { note: 'a' })).toEqual([200, 'duplicate_ignored'])
    expect(await keys(id)).toHaveLength(4)
  })

  it('have a receipt for the end that Bland tells and one for its correction', async () => {
    const id = randomUUID()
    const said = async (more: object) => {
      const body = JSON.stringify({ call_id: id, status: 'completed', ...more })
      const { text } = await postSigned(engine, 'bland', '/webhook/bland/', body)
      return (JSON.parse(text) as { status: string }).status
    }
    expect(await said({})).toBe('accepted')
    expect(await said({ event_type: 'citations' })).toBe('accepted')
    expect(await said({ price: 1 })).toBe('duplicate_ignored')
    expect(await keys(id)).toEqual([
      [`bland/post-call/${id}`, 2],
      [`bland/citations/${id}`, 1],
    ])
  })

  it('are refused when one byte of them is another, and nothing is stored', async () => {
    const id = randomUUID()
    const body = JSON.stringify({ call_id: id, status: 'completed' })
    for (const [provider, target, signature] of [
      ['bland', '/webhooks/bland', '0'.repeat(64)],
      ['callrail', '/webhooks/callrail/pre-call', 'AAAAAAAAAAAAAAAAAAAAAAAAAAA='],
    ] as const)
      expect((await postSigned(engine, provider, target, body, signature)).status).toBe(401)
    expect(await keys(id)).toEqual([])
  })
})

describe('a provider without a secret @integration', () => {
  it('is not configured', async () => {
    const bare = await startEngine({ worker: false })
    try {
      for (const target of [
        '/webhooks/twilio/sms',
        '/webhooks/twilio/call',
        '/webhooks/callrail/pre-call',
        '/webhooks/bland',
      ]) {
        const response = await fetch(`${bare.app.url}${target}`, { method: 'POST', body: '{}' })
        expect([target, response.status]).toEqual([target, 503])
        expect(await response.json()).toMatchObject({ code: 'provider_not_configured' })
      }
    } finally {
      await bare.close()
    }
  })
})
