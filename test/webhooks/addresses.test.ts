import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEngine, type TestEngine } from './harness.js'
import { connectPhones, phoneEnv, postSigned, postTwilio, signedByTwilio } from './phone.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await startEngine({ worker: false, env: { ...phoneEnv, WEBHOOK_ACK_MS: '500' } })
  await connectPhones(engine)
})
afterAll(() => engine.close())

describe('the address of a webhook @integration', () => {
  it.each([
    ['PRE-CALL', 'pre-call'],
    ['Call-Modified', 'call-modified'],
    ['CALL-COMPLETE/', 'call-complete'],
  ])('says the kind in any case: %s', async (last, kind) => {
    const body = JSON.stringify({ resource_id: `CAL${kind}`, company_resource_id: 'COM-acme' })
    expect((await postSigned(engine, 'callrail', `/WebHooks/callrail/${last}`, body)).status).toBeLessThan(300)
    expect((await engine.receipts(`external_id = $1`, [`CAL${kind}`])).map((row) => row.kind)).toEqual([kind])
  })

  it('says it to Twilio’s in any case, and is signed as it was written', async () => {
    const fields = {
      MessageSid: 'SM1',
      SmsStatus: 'received',
      AccountSid: 'AC-acme',
      From: '+15005550999',
      To: '+15005550006',
      Body: 'x',
    }
    expect((await postTwilio(engine, '/webhooks/twilio/SMS', fields)).status).toBe(200)
    expect((await engine.receipts(`external_id = 'SM1'`)).map((row) => row.kind)).toEqual(['sms.received'])
  })

  it.each([
    ['http://a/webhooks/callrail/pre-call', 'HTTP/1.1 401 Unauthorized'],
    ['http://a:99999/webhooks/callrail/pre-call', 'HTTP/1.1 400 Bad Request'],
    ['http:///webhooks/callrail/pre-call', 'HTTP/1.1 404 Not Found'],
  ])('may be a whole one, and is no fault of ours when it is none: %s', async (target, status) => {
    const { hostname, port } = new URL(engine.app.url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    socket.end(`POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`)
    expect((await text(socket)).split('\r\n')[0]).toBe(status)
  })
})

describe('a signature of Twilio @integration', () => {
  const fields = {
    AccountSid: 'AC00000000000000000000000000000001',
    CallDuration: '5',
    CallSid: 'CA00000000000000000000000000000001',
    CallStatus: 'completed',
    To: '+15005550006',
  }

  it('fits no event in which the end of the call’s id lies elsewhere', async () => {
    const { CallSid, CallStatus, ...rest } = fields
    const moved = { ...rest, CallSid: `${CallSid}CallStatus${CallStatus}` }
    const signature = signedByTwilio('/webhooks/twilio/call', fields)
    expect(signedByTwilio('/webhooks/twilio/call', moved)).toBe(signature)
    const answer = await postTwilio(engine, '/webhooks/twilio/call', moved, { signature })
    expect(answer.status).toBe(422)
    expect(JSON.parse(answer.text)).toMatchObject({ errors: [{ pointer: '/CallSid' }] })
    expect(await engine.receipts(`payload like '%CA00000000000000000000000000000001%'`)).toEqual([])
  })
})
