import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { actors } from '../store/world.js'
import { type FollowUpWorld, leads, phoneOf, startFollowUps, type Who } from './harness.js'

let world: FollowUpWorld
beforeAll(async () => {
  world = await startFollowUps({ worker: false, gapMs: 600_000 })
})
afterAll(() => world.close())
afterEach(() => world.admin('delete from follow_ups'))

const sms = { channel: 'sms', lead_id: leads.ofRep, message: 'Shall we talk on Thursday?' }
const rows = () => world.admin('select id from follow_ups')
const pointers = (body: { errors?: { pointer: string }[] }) => (body.errors ?? []).map(({ pointer }) => pointer).sort()

describe('POST /follow-ups @multitenant', () => {
  it.each([
    ['acmeRep2', leads.ofRep, 'another rep’s lead'],
    ['borealisLead', leads.ofRep, 'another company’s lead'],
    ['acmeLead', leads.ofBorealis, 'another company’s lead'],
    ['acmeLead', '0192a000-0000-7000-8000-00000000dead', 'a lead that nobody has'],
  ] as const)('of %s to %s, %s, is 404, and nothing is written or sent', async (who, lead_id, _whose) => {
    const { status, body } = await world.post(who, { ...sms, lead_id })
    expect([status, body.code, body.detail]).toEqual([404, 'not_found', 'no such lead'])
    expect(await rows()).toEqual([])
    expect(world.simulator.reached()).toEqual({ messages: [], calls: [] })
  })

  it('is open to a rep for the own leads, and to the office for all of the company', async () => {
    for (const [who, lead_id] of [
      ['acmeRep', leads.ofRep],
      ['acmeCsr', leads.ofRep2],
    ] as const)
      expect((await world.post(who, { ...sms, lead_id })).status).toBe(201)
  })

  it.each([
    ['no channel', { channel: undefined }, ['/channel']],
    ['another channel', { channel: 'fax' }, ['/channel']],
    ['a lead that is no id', { lead_id: 'x' }, ['/lead_id']],
    ['no message', { message: undefined }, ['/message']],
    ['an empty message', { message: ' ' }, ['/message']],
    ['a message and a draft', { draft: true }, ['/message']],
    ['too long a message', { message: 'a'.repeat(1601) }, ['/message']],
    ['a task for a message', { message: undefined, task: 'x' }, ['/message', '/task']],
    ['a time that is none', { not_before: 'tomorrow' }, ['/not_before']],
    ['a time beyond a year', { not_before: '2199-01-01T00:00:00Z' }, ['/not_before']],
    ['metadata that is a list', { metadata: [] }, ['/metadata']],
    ['too much metadata', { metadata: { a: 'x'.repeat(17_000) } }, ['/metadata']],
    ['a field that nobody knows', { number: '+1' }, ['/number']],
  ])('with %s is 422 and names the field', async (_what, change, expected) => {
    const { status, body } = await world.post('acmeRep', { ...sms, ...change })
    expect([status, pointers(body).filter((pointer) => expected.includes(pointer))]).toEqual([422, expected])
    expect(await rows()).toEqual([])
  })

  it('to a lead without a number is 422', async () => {
    const { status, body } = await world.post('acmeRep', { ...sms, lead_id: leads.withoutPhone })
    expect([status, pointers(body)]).toEqual([422, ['/lead_id']])
  })

  it('with a bad Idempotency-Key is 422', async () => {
    const { status, body } = await world.post('acmeRep', sms, { 'idempotency-key': 'a key' })
    expect([status, pointers(body)]).toEqual([422, ['headers/idempotency-key']])
  })

  it('for a draft while the flag is off is 404 feature_disabled, and nothing is written', async () => {
    const { status, body } = await world.post('acmeRep', { ...sms, message: undefined, draft: true })
    expect([status, body.code]).toEqual([404, 'feature_disabled'])
    expect(await rows()).toEqual([])
  })

  it('too near to another one to the same person by the same channel is 409', async () => {
    expect((await world.post('acmeRep', sms)).status).toBe(201)
    const second = await world.post('acmeLead', { ...sms, message: 'Once more' })
    expect([second.status, second.body.code]).toEqual([409, 'follow_up_too_soon'])
    const later = new Date(Date.now() + 11 * 60_000).toISOString()
    expect((await world.post('acmeLead', { ...sms, not_before: later })).status).toBe(201)
    expect((await world.post('acmeLead', { channel: 'call', lead_id: leads.ofRep, task: 'Ask' })).status).toBe(201)
    const many = await Promise.all(
      Array.from({ length: 5 }, () => world.post('acmeLead', { ...sms, lead_id: leads.ofRep2 })),
    )
    expect(many.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409])
    expect(await rows()).toHaveLength(4)
  })
})

describe('follow-ups @multitenant', () => {
  it('are read and listed by whoever sees the lead, and by nobody else', async () => {
    const made = await world.post('acmeRep', sms)
    const other = await world.post('borealisLead', { ...sms, lead_id: leads.ofBorealis })
    expect([made.status, other.status]).toEqual([201, 201])
    const seen = async (who: Who) => {
      const one = await world.ask(who, 'GET', `/follow-ups/${made.body.id}`)
      const list = await world.ask(who, 'GET', '/follow-ups')
      return [one.status, list.body.items.map(({ id }: { id: string }) => id)]
    }
    for (const who of ['acmeRep', 'acmeCsr', 'acmeLead'] as const)
      expect(await seen(who)).toEqual([200, [made.body.id]])
    expect(await seen('acmeRep2')).toEqual([404, []])
    expect(await seen('borealisLead')).toEqual([404, [other.body.id]])
    const filtered = await world.ask('acmeLead', 'GET', `/follow-ups?status=sent&channel=sms&lead=${leads.ofRep}`)
    expect([filtered.status, filtered.body]).toEqual([200, { items: [], next_cursor: null }])
    expect((await world.ask('acmeLead', 'GET', '/follow-ups?status=gone')).status).toBe(422)
  })

  it('are called off while they wait, once and for all', async () => {
    const { body } = await world.post('acmeRep', sms)
    const path = `/follow-ups/${body.id}/cancel`
    expect((await world.ask('acmeRep2', 'POST', path)).status).toBe(404)
    expect((await world.ask('borealisLead', 'POST', path)).status).toBe(404)
    for (let again = 0; again < 2; again++) {
      const { status, body: now } = await world.ask('acmeCsr', 'POST', path)
      expect([status, now.status]).toEqual([200, 'cancelled'])
    }
    expect((await world.eventsOf(body.id)).map(({ data }) => data.status)).toEqual(['scheduled', 'cancelled'])
    await world.admin(`update follow_ups set status = 'sending' where id = $1`, [body.id])
    const late = await world.ask('acmeCsr', 'POST', path)
    expect([late.status, late.body.code]).toEqual([409, 'follow_up_sent'])
  })

  it('cannot be written under another lead by SQL under the application’s role', async () => {
    const insert = (lead: string) =>
      world.engine.database.withTenant(actors.acmeRep, (trx) =>
        trx.raw(
          `insert into follow_ups (id, tenant_id, lead_id, channel, to_number, body, request_hash, created_by)
           values (gen_random_uuid(), ?, ?, 'sms', '+14155550000', 'x', 'h', 'u')`,
          [actors.acmeRep.tenantId, lead],
        ),
      )
    await insert(leads.ofRep)
    await expect(insert(leads.ofRep2)).rejects.toThrow(/row-level security/)
    await expect(insert(leads.ofBorealis)).rejects.toThrow()
  })

  it('go with the lead that asks to be forgotten', async () => {
    const { body } = await world.post('borealisLead', { ...sms, lead_id: leads.ofBorealis })
    await world.admin('delete from leads where id = $1', [leads.ofBorealis])
    expect(await world.row(body.id)).toBeUndefined()
    await world.admin('insert into leads (id, tenant_id, name, phone) values ($1, $2, $3, $4)', [
      leads.ofBorealis,
      actors.borealisLead.tenantId,
      'Four',
      phoneOf.ofBorealis,
    ])
  })
})

describe('quiet hours @multitenant', () => {
  it('are leadership’s to see and to set, each company’s own', async () => {
    await world.admin('delete from quiet_hours')
    const get = (who: Who) => world.ask(who, 'GET', '/quiet-hours')
    const usual = await get('acmeLead')
    expect(usual.body).toEqual({
      timezone: null,
      from: '21:00',
      to: '08:00',
      effective_timezone: 'UTC',
      updated_at: null,
    })
    for (const who of ['acmeCsr', 'acmeRep'] as const) expect((await get(who)).status).toBe(403)
    const wanted = { timezone: 'America/New_York', from: '20:30', to: '09:15' }
    const put = (who: Who, body: object, etag?: string) =>
      world.ask(who, 'PUT', '/quiet-hours', body, etag === undefined ? {} : { 'if-match': etag })
    expect((await put('acmeLead', wanted)).status).toBe(428)
    expect((await put('acmeCsr', wanted, '*')).status).toBe(403)
    const etag = usual.headers.get('etag') ?? ''
    const set = await put('acmeLead', wanted, etag)
    expect([set.status, set.body.effective_timezone, set.body.from]).toEqual([200, 'America/New_York', '20:30'])
    expect((await put('acmeLead', wanted, etag)).status).toBe(412)
    expect((await get('borealisLead')).body).toMatchObject({ timezone: null, updated_at: null })
    const none = await put('acmeLead', { timezone: null, from: null, to: null }, '*')
    expect([none.status, none.body.from, none.body.to]).toEqual([200, null, null])
    await world.admin('delete from quiet_hours; insert into quiet_hours (tenant_id) select id from companies')
  })

  it.each([
    [{ timezone: 'Mars/Olympus', from: '21:00', to: '08:00' }, ['/timezone']],
    [{ timezone: null, from: '24:00', to: '08:00' }, ['/from']],
    [{ timezone: null, from: '9:00', to: '8' }, ['/from', '/to']],
    [{ timezone: null, from: '21:00', to: null }, ['/to']],
    [{ timezone: null, from: '21:00', to: '21:00' }, ['/to']],
    [{ from: '21:00', to: '08:00' }, ['/timezone']],
    [{ timezone: null, from: '21:00', to: '08:00', days: 7 }, ['/days']],
  ])('as %j are 422 and name the field', async (body, expected) => {
    const answer = await world.ask('acmeLead', 'PUT', '/quiet-hours', body, { 'if-match': '*' })
    expect([answer.status, pointers(answer.body)]).toEqual([422, expected])
  })
})

describe('a channel without its provider @integration', () => {
  it('is 503 provider_not_configured in production, and nothing is written', async () => {
    const bare = await startFollowUps({
      worker: false,
      env: { TWILIO_FROM_NUMBER: '', BLAND_API_KEY: '' },
    })
    try {
      const text = await bare.post('acmeRep', sms)
      const ring = await bare.post('acmeRep', { channel: 'call', lead_id: leads.ofRep, task: 'Ask' })
      for (const { status, body } of [text, ring]) expect([status, body.code]).toEqual([503, 'provider_not_configured'])
      expect(await bare.admin('select id from follow_ups')).toEqual([])
      // A number that the operator has confirmed as the company's own is enough.
      await bare.admin(
        `insert into integrations (tenant_id, provider, account, standing) values ($1, 'twilio', '+15005550123', 'confirmed')`,
        [actors.acmeRep.tenantId],
      )
      expect((await bare.post('acmeRep', sms)).status).toBe(201)
      expect((await bare.post('borealisLead', { ...sms, lead_id: leads.ofBorealis })).status).toBe(503)
    } finally {
      await bare.close()
    }
  })
})
