import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { acme, actors } from '../store/world.js'
import { eventually } from '../webhooks/harness.js'
import { type FollowUpWorld, leads, ownNumber, phoneOf, startFollowUps } from './harness.js'

let world: FollowUpWorld
beforeAll(async () => {
  world = await startFollowUps()
})
afterAll(() => world.close())
afterEach(() => world.simulator.faults.clear())

/** Another text each time: an earlier test's message is not this one's. */
let texts = 0
const sms = { channel: 'sms', lead_id: leads.ofRep, message: '' }
beforeEach(() => void (sms.message = `Shall we talk on Thursday? ${++texts}`))
const phoneCall = { channel: 'call', lead_id: leads.ofRep, task: 'Ask whether Thursday is fine.' }
const messageOf = async (externalId: unknown) =>
  (await world.admin<Record<string, unknown>>('select * from messages where external_id = $1', [externalId]))[0]
const callOf = async (externalId: unknown) =>
  (await world.admin<Record<string, unknown>>('select * from call_logs where external_id = $1', [externalId]))[0]

describe('a text message to a lead @integration', () => {
  it('is sent once by Twilio, and delivered as its callbacks say', async () => {
    const sent = () =>
      world.engine.metrics.exposition().then((text) => Number(/^sms_sent_total (\d+)/m.exec(text)?.[1] ?? 0))
    const before = await sent()
    const { status, body, headers } = await world.post('acmeRep', { ...sms, metadata: { campaign: 'spring' } })
    expect([status, body.status, body.to, body.text]).toEqual([201, 'scheduled', phoneOf.ofRep, sms.message])
    expect(headers.get('location')).toBe(`/follow-ups/${body.id}`)
    const row = await world.until(body.id, ['completed', 'failed', 'unknown'])
    expect(row).toMatchObject({
      status: 'completed',
      reason: null,
      provider: 'twilio',
      attempts: 1,
      attempt_open: false,
    })
    const [message, ...others] = world.reachedFor(body.id)
    expect(others).toEqual([])
    expect(message).toMatchObject({ to: phoneOf.ofRep, from: ownNumber, body: sms.message, sid: row.external_id })
    expect(await messageOf(row.external_id)).toMatchObject({
      tenant_id: acme,
      lead_id: leads.ofRep,
      direction: 'outbound',
      from_number: ownNumber,
      to_number: phoneOf.ofRep,
      body: sms.message,
      status: 'delivered',
    })
    expect(await eventually(async () => ((await sent()) > before ? sent() : undefined))).toBe(before + 1)
    const told = await world.eventsOf(body.id)
    expect(told.map(({ event, data }) => [event, data.status])).toEqual([
      ['follow_up.created', 'scheduled'],
      ['follow_up.status', 'sent'],
      ['follow_up.status', 'completed'],
    ])
    expect(told.every(({ lead_id, tenant_id }) => lead_id === leads.ofRep && tenant_id === acme)).toBe(true)
    expect(JSON.stringify(told)).not.toContain(sms.message)
    const shown = await world.ask('acmeRep', 'GET', `/follow-ups/${body.id}`)
    expect(shown.body).toMatchObject({
      status: 'completed',
      external_id: row.external_id,
      metadata: { campaign: 'spring' },
    })
  })

  it.each([
    ['+15005550004', 'opted_out', '21610'],
    ['+15005550001', 'invalid_number', '21211'],
    ['+15005550003', 'not_permitted', '21408'],
  ])('to %s fails for good as %s', async (phone, reason, code) => {
    await world.admin('update leads set phone = $1 where id = $2', [phone, leads.ofRep2])
    const { body } = await world.post('acmeLead', { ...sms, lead_id: leads.ofRep2 })
    const row = await world.until(body.id, ['failed', 'completed', 'unknown'])
    await world.admin('update leads set phone = $1 where id = $2', [phoneOf.ofRep2, leads.ofRep2])
    expect(row).toMatchObject({ status: 'failed', reason, error_code: code, attempts: 1 })
    expect(world.reachedFor(body.id)).toEqual([])
  })

  it('that the carrier loses fails with the code of its callback', async () => {
    await fetch(`${world.simulator.url}/__sim/people`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ number: phoneOf.ofRep2, sms: 'undelivered' }),
    })
    const { body } = await world.post('acmeLead', { ...sms, lead_id: leads.ofRep2 })
    const row = await world.until(body.id, ['failed'])
    expect(row).toMatchObject({ reason: 'not_delivered', error_code: '30003' })
    expect(world.reachedFor(body.id)).toHaveLength(1)
  })

  it('is tried again after a 429, when its Retry-After is over, and not before it was refused', async () => {
    world.simulator.faults.add({ operation: 'sms_create', kind: 'status', status: 429, retry_after: 1, times: 2 })
    const { body } = await world.post('acmeRep', sms)
    expect(await world.until(body.id, ['completed'])).toMatchObject({ attempts: 3 })
    expect(world.reachedFor(body.id)).toHaveLength(1)
  })

  it('is tried again after a 503 once Twilio has shown that it did not take it', async () => {
    world.simulator.faults.add({ operation: 'sms_create', kind: 'status', status: 503, times: 1 })
    const { body } = await world.post('acmeRep', sms)
    expect(await world.until(body.id, ['completed'])).toMatchObject({ attempts: 2 })
    expect(world.reachedFor(body.id)).toHaveLength(1)
  })

  it.each(['lost_answer', 'latency'] as const)('is not sent again when the answer is lost (%s)', async (kind) => {
    world.simulator.faults.add({ operation: 'sms_create', kind, delay_ms: 1500, times: 1 })
    world.simulator.faults.add({ operation: 'webhook', kind: 'lost' })
    const { body } = await world.post('acmeRep', sms)
    const row = await world.until(body.id, ['sent', 'completed', 'unknown', 'failed'])
    expect(row).toMatchObject({ status: 'sent', attempts: 1 })
    expect(world.reachedFor(body.id)).toHaveLength(1)
    expect(await messageOf(row.external_id)).toMatchObject({ lead_id: leads.ofRep, body: sms.message })
  })

  it('whose provider cannot be asked afterwards ends as unknown, and is known again by its callback', async () => {
    const slow = await startFollowUps({ confirmMs: 500, giveUpMs: 1500 })
    try {
      slow.simulator.faults.add({ operation: 'sms_create', kind: 'lost_answer', times: 1 })
      slow.simulator.faults.add({ operation: 'sms_read', kind: 'status', status: 500 })
      slow.simulator.faults.add({ operation: 'webhook', kind: 'delay', delay_ms: 6000 })
      const { body } = await slow.post('acmeRep', sms)
      const row = await slow.until(body.id, ['unknown', 'completed', 'failed'])
      expect(row).toMatchObject({ status: 'unknown', reason: 'not_confirmed', attempts: 1 })
      expect(await slow.until(body.id, ['completed'])).toMatchObject({ attempts: 1, reason: null })
      expect(slow.reachedFor(body.id)).toHaveLength(1)
    } finally {
      await slow.close()
    }
  })
})

describe('a call to a lead @integration', () => {
  it('is placed once by Bland, and its outcome comes by the webhook', async () => {
    const { status, body } = await world.post('acmeCsr', phoneCall)
    expect(status).toBe(201)
    const row = await world.until(body.id, ['completed', 'failed', 'unknown'])
    expect(row).toMatchObject({ status: 'completed', provider: 'bland', attempts: 1 })
    expect(world.reachedFor(body.id)).toMatchObject([
      { to: phoneOf.ofRep, task: phoneCall.task, callId: row.external_id },
    ])
    expect(await callOf(row.external_id)).toMatchObject({
      tenant_id: acme,
      lead_id: leads.ofRep,
      user_id: actors.acmeCsr.userId,
      direction: 'outbound',
      to_number: phoneOf.ofRep,
      status: 'ended',
      outcome: 'completed',
      duration_seconds: 61,
    })
  })

  it('that nobody answers fails as no_answer', async () => {
    await fetch(`${world.simulator.url}/__sim/people`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ number: phoneOf.ofRep2, call: 'no-answer' }),
    })
    const { body } = await world.post('acmeLead', { ...phoneCall, lead_id: leads.ofRep2 })
    expect(await world.until(body.id, ['failed', 'completed'])).toMatchObject({ status: 'failed', reason: 'no_answer' })
  })

  it('is not placed again when the answer is lost: Bland is asked by metadata', async () => {
    world.simulator.faults.add({ operation: 'call_create', kind: 'lost_answer', times: 1 })
    world.simulator.faults.add({ operation: 'webhook', kind: 'lost' })
    const { body } = await world.post('acmeRep', phoneCall)
    expect(await world.until(body.id, ['sent', 'failed', 'unknown'])).toMatchObject({ status: 'sent', attempts: 1 })
    expect(world.reachedFor(body.id)).toHaveLength(1)
  })
})

describe('what no webhook tells @integration', () => {
  it('is asked for, and counted as the callback would have been', async () => {
    const quick = await startFollowUps({ resultMs: 700 })
    try {
      quick.simulator.faults.add({ operation: 'webhook', kind: 'lost' })
      const text = await quick.post('acmeRep', sms)
      const ring = await quick.post('acmeRep', phoneCall)
      expect(await quick.until(text.body.id, ['completed'])).toMatchObject({ attempts: 1 })
      expect(await quick.until(ring.body.id, ['completed'])).toMatchObject({ attempts: 1 })
      expect(await quick.engine.metrics.exposition()).toMatch(/^sms_sent_total 1$/m)
    } finally {
      await quick.close()
    }
  })
})
