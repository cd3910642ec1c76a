import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { acme, borealis } from '../store/world.js'
import { startEngine, type TestEngine } from './harness.js'
import { connectPhones, phoneEnv, postSigned, postTwilio, signedByTwilio } from './phone.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await startEngine({ env: phoneEnv })
  await connectPhones(engine)
})
afterAll(() => engine.close())

const path = '/webhooks/twilio/sms'
const sid = () => `SM${randomUUID().replaceAll('-', '')}`
const incoming = (MessageSid: string, more: Record<string, string> = {}) => ({
  MessageSid,
  AccountSid: 'AC-acme',
  From: '+15005550010',
  To: '+15005550006',
  Body: " It's 5 o'clock & fine 👍 ",
  SmsStatus: 'received',
  NumMedia: '0',
  FromCity: '',
  ...more,
})
const status = (MessageSid: string, MessageStatus: string, more: Record<string, string> = {}) => ({
  MessageSid,
  AccountSid: 'AC-acme',
  From: '+15005550006',
  To: '+15005550010',
  MessageStatus,
  ...more,
})
const row = async (messageSid: string) =>
  (await engine.admin<Record<string, unknown>>('select * from messages where external_id = $1', [messageSid]))[0]
const receiptsOf = (externalId: string) => engine.receipts('external_id = $1', [externalId])
const eventsOf = async (messageSid: string) =>
  (
    await engine.admin<{ event: string }>(
      `select event from event_logs where data->>'external_id' = $1 and event like 'telephony.%' order by id`,
      [messageSid],
    )
  ).map(({ event }) => event)
const twiml = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
const answered = (said: string) => ({ status: 200, said, type: 'text/xml; charset=utf-8', text: twiml })

describe('an incoming text message @integration', () => {
  it('is stored before it is answered with TwiML that sends nothing back', async () => {
    const id = sid()
    expect(await postTwilio(engine, path, incoming(id))).toEqual(answered('processed'))
    expect(await row(id)).toMatchObject({
      tenant_id: acme,
      direction: 'inbound',
      body: " It's 5 o'clock & fine 👍 ",
      status: 'received',
    })
    expect(await receiptsOf(id)).toMatchObject([
      { delivery_key: `twilio/sms.received/${id}`, status: 'processed', tenant_id: acme, attempts: 1 },
    ])
    expect(await eventsOf(id)).toEqual(['telephony.sms.received'])
  })

  it('is kept byte for byte, without its signature', async () => {
    const id = sid()
    await postTwilio(engine, path, incoming(id))
    const [receipt] = await receiptsOf(id)
    expect(receipt?.payload.toString()).toBe(new URLSearchParams(incoming(id)).toString())
    expect(receipt?.headers).toMatchObject({ 'content-type': 'application/x-www-form-urlencoded' })
    expect(JSON.stringify(receipt?.headers)).not.toContain(signedByTwilio(path, incoming(id)))
  })

  it('is taken at every spelling of its address, the query untouched', async () => {
    for (const target of ['/webhook/twilio/sms', '/webhook/twilio/sms/', `${path}/`, `${path}?b=%20x+y&a=O'Brien&=`])
      expect([target, (await postTwilio(engine, target, incoming(sid()))).said]).toEqual([target, 'processed'])
  })

  it('is taken as JSON with the hash of its body in the address', async () => {
    const id = sid()
    const body = JSON.stringify(incoming(id))
    const target = `${path}?bodySHA256=${createHash('sha256').update(body).digest('hex')}`
    const signature = signedByTwilio(target, {})
    expect(await postTwilio(engine, target, {}, { signature, body })).toEqual(answered('processed'))
    expect((await postTwilio(engine, target, {}, { signature, body: `${body} ` })).status).toBe(401)
    expect(await row(id)).toMatchObject({ status: 'received' })
  })

  it('without an id is refused by name, and nothing is stored', async () => {
    const { MessageSid: _, ...fields } = incoming('')
    const answer = await postTwilio(engine, path, fields)
    expect(answer.status).toBe(422)
    expect(JSON.parse(answer.text)).toMatchObject({ errors: [{ pointer: '/MessageSid' }] })
  })

  it('of an account that nobody has is durable, and waits', async () => {
    const id = sid()
    expect(await postTwilio(engine, path, incoming(id, { AccountSid: 'AC-nobody' }))).toEqual(answered('accepted'))
    expect(await receiptsOf(id)).toMatchObject([
      { status: 'waiting', error: 'no such account or number', error_side: 'theirs', tenant_id: null },
    ])
    expect(await row(id)).toBeUndefined()
  })
})

describe('a text message that is sent again @idempotency', () => {
  it('is ignored the second time, which is counted', async () => {
    const id = sid()
    await postTwilio(engine, path, incoming(id))
    const [before] = await receiptsOf(id)
    expect(await postTwilio(engine, path, incoming(id))).toEqual(answered('duplicate_ignored'))
    const [after, ...more] = await receiptsOf(id)
    expect(more).toEqual([])
    expect(after).toMatchObject({ attempts: 2, status: 'processed' })
    expect(after?.last_seen_at.getTime()).toBeGreaterThan(before?.last_seen_at.getTime() ?? Infinity)
    expect(await eventsOf(id)).toEqual(['telephony.sms.received'])
  })

  it('has its effect once when fifty deliveries come at the same instant', async () => {
    const id = sid()
    const answers = await Promise.all(Array.from({ length: 50 }, () => postTwilio(engine, path, incoming(id))))
    const said = answers.map((answer) => answer.said).sort()
    expect(said).toEqual([...Array.from({ length: 49 }, () => 'duplicate_ignored'), 'processed'])
    expect(await receiptsOf(id)).toMatchObject([{ attempts: 50, status: 'processed' }])
    expect(await engine.admin('select from messages where external_id = $1', [id])).toHaveLength(1)
    expect(await eventsOf(id)).toEqual(['telephony.sms.received'])
  })

  it('with another status is another event, and a late one takes nothing back', async () => {
    const id = sid()
    for (const [word, more, then] of [
      ['queued', {}, 'queued'],
      ['delivered', {}, 'delivered'],
      ['sent', {}, 'delivered'],
    ] as const) {
      expect((await postTwilio(engine, path, status(id, word, more))).said).toBe('processed')
      expect(await row(id)).toMatchObject({ status: then })
    }
    expect(await eventsOf(id)).toEqual(['telephony.sms.status', 'telephony.sms.sent', 'telephony.sms.status'])
    const keys = (await receiptsOf(id)).map(({ delivery_key }) => delivery_key)
    expect(keys).toEqual(['queued', 'delivered', 'sent'].map((word) => `twilio/sms.status/${id}:${word}:-`))
  })

  it('is another event with another error', async () => {
    const id = sid()
    for (const ErrorCode of ['30003', '30005'])
      expect((await postTwilio(engine, path, status(id, 'undelivered', { ErrorCode }))).said).toBe('processed')
    expect(await row(id)).toMatchObject({ status: 'undelivered', error_code: '30005' })
  })
})

describe('a text message that is not authentic @integration', () => {
  it('is refused, and nothing is stored', async () => {
    const id = sid()
    const good = signedByTwilio(path, incoming(id))
    const body = new URLSearchParams(incoming(id)).toString()
    const forged = [
      { signature: null },
      { signature: '' },
      { signature: good.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')) },
      { signature: signedByTwilio(path, incoming(id), 'another-token') },
      { signature: signedByTwilio(path, incoming(id), '') },
      { signature: signedByTwilio(`${path}/`, incoming(id)) },
      { signature: good, body: body.replace('clock', 'clocl') },
      { signature: good, body: `${body}&x=` },
      { signature: good, body: body.replace('&FromCity=', '') },
    ]
    for (const one of forged) {
      const answer = await postTwilio(engine, path, incoming(id), one)
      expect([one, answer.status, answer.type]).toEqual([one, 401, 'application/problem+json'])
      expect(JSON.parse(answer.text)).toMatchObject({ code: 'webhook_not_authentic' })
    }
    expect(await receiptsOf(id)).toEqual([])
    expect(await row(id)).toBeUndefined()
    expect(await engine.metrics.exposition()).toMatch(/webhook_failures_total\{provider="twilio",tenant_id=""\} \d/)
    expect((await postTwilio(engine, path, incoming(id), { signature: good })).said).toBe('processed')
  })
})

describe('text messages of two companies @multitenant', () => {
  it('go to the company of our number, else to that of the account', async () => {
    const [one, two] = [sid(), sid()]
    await postTwilio(engine, path, incoming(one, { To: '+15005550006' }))
    await postTwilio(engine, path, incoming(two, { To: '+1 (500) 555-0007' }))
    expect([(await row(one))?.tenant_id, (await row(two))?.tenant_id]).toEqual([acme, borealis])
    const [receipt] = await receiptsOf(two)
    expect(receipt).toMatchObject({ tenant_id: borealis })
  })

  it('are parked when an event of one is about a message of the other', async () => {
    const id = sid()
    await postTwilio(engine, path, incoming(id))
    const answer = await postTwilio(engine, path, status(id, 'sent', { AccountSid: 'AC-none', From: '+15005550007' }))
    expect(answer).toEqual(answered('accepted'))
    expect(await receiptsOf(id)).toMatchObject([
      { status: 'processed' },
      { status: 'unmatched', error: 'the message is not the one of the company', error_side: 'theirs' },
    ])
    expect(await row(id)).toMatchObject({ tenant_id: acme, status: 'received' })
  })
})

describe('a text message of CallRail @integration', () => {
  it('is stored from whichever address it came to, and the query is neither read nor logged', async () => {
    const resource_id = `TXT${randomUUID()}`
    const body = JSON.stringify({
      resource_id,
      source_number: '+15005550010',
      destination_number: '+15005550006',
      content: 'Hi',
      message_type: 'sms',
      timestamp: '2026-11-21T04:25:00.000-05:00',
      company_resource_id: 'COM-acme',
    })
    const target = '/webhook/callrail/call-complete/?callernum=5005550099&datetime=2026'
    const first = await postSigned(engine, 'callrail', target, body)
    expect([first.status, JSON.parse(first.text)]).toMatchObject([200, { status: 'processed', provider: 'callrail' }])
    expect(await row(resource_id)).toMatchObject({
      tenant_id: acme,
      body: 'Hi',
      received_at: new Date('2026-11-21T09:25:00.000Z'),
    })
    const again = await postSigned(engine, 'callrail', target, body)
    expect(JSON.parse(again.text)).toMatchObject({ status: 'duplicate_ignored' })
    expect(engine.app.text() + JSON.stringify(engine.lines)).not.toContain('5005550099')
    expect((await postSigned(engine, 'callrail', target, `${body} `, 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=')).status).toBe(401)
  })
})
