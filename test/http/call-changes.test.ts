import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { left } from '../domain/call-facts.js'
import { apply, livekitEffect, pending } from '../store/call-world.js'
import { acme, actors } from '../store/world.js'
import { pointersOf, type Resources, startResources, type Who } from './resource-harness.js'

let api: Resources
beforeAll(async () => (api = await startResources()))
afterAll(() => api.stop())
beforeEach(async () => void (await api.events()))

const { acmeRep, acmeRep2, acmeLead, borealisLead } = actors
const make = async (who: Who = 'acmeRep', changes: object = {}) => {
  const body = {
    provider: 'livekit',
    external_id: `room-${randomUUID()}`,
    direction: 'outbound',
    from: '+15550100',
    to: '+15550101',
    metadata: { campaign: 'spring' },
    ...changes,
  }
  return (await api.post(who, '/calls', body)).body as { id: string; external_id: string; lead_id: string | null }
}
const aLead = async (who: Who, changes: object = {}) =>
  (await api.post(who, '/leads', { name: 'A', ...changes })).body as { id: string }

describe('PATCH /calls/:call_id @integration', () => {
  it('says about which lead a call is, and what else is known of it', async () => {
    const call = await make()
    const lead = await aLead('acmeRep')
    await api.events()
    const path = `/calls/${call.id}`
    const etag = api.etagOf(await api.get('acmeRep', path))
    expect((await api.get('acmeRep', path, { 'if-none-match': etag })).status).toBe(304)
    const change = { lead_id: lead.id, metadata: { note: 'call again' } }
    expect((await api.ask('acmeRep', 'PATCH', path, change)).status).toBe(428)
    const changed = await api.patch('acmeRep', path, change, etag)
    expect([changed.status, changed.body]).toMatchObject([200, change])
    expect((changed.body as { metadata: object }).metadata).toEqual({ note: 'call again' })
    expect((await api.patch('acmeRep', path, change, etag)).status).toBe(412)
    expect(await api.events()).toEqual([
      {
        event: 'telephony.call.updated',
        tenant_id: acme,
        user_id: acmeRep.userId,
        lead_id: lead.id,
        trace_id: expect.any(String),
        data: {
          call_id: call.id,
          provider: 'livekit',
          external_id: call.external_id,
          direction: 'outbound',
          status: 'queued',
          outcome: null,
          by: acmeRep.userId,
          changes: ['lead_id', 'metadata'],
        },
      },
    ])
  })

  it('keeps what the company said when the provider tells more, and tells it of the lead', async () => {
    const call = await make()
    const lead = await aLead('acmeRep')
    await api.patch('acmeRep', `/calls/${call.id}`, { lead_id: lead.id, metadata: { note: 'x' } })
    const [applied] = await apply(api.world, pending(livekitEffect(call.external_id, [left(62)])))
    expect(applied).toMatchObject({ state: 'applied', leadId: lead.id })
    const { body } = await api.get('acmeRep', `/calls/${call.id}`)
    expect(body).toMatchObject({ lead_id: lead.id, status: 'ended', outcome: 'completed', metadata: { note: 'x' } })
    const cleared = await api.patch('acmeRep', `/calls/${call.id}`, { metadata: {}, lead_id: null })
    expect(cleared.body).toMatchObject({ lead_id: null, metadata: { livekit: { outcome_rule: 'talked' } } })
    expect(cleared.body.metadata).not.toHaveProperty('note')
  })

  it('lets leadership and csr say whose it is, and a rep not @multitenant', async () => {
    const { id } = await make('acmeRep')
    const path = `/calls/${id}`
    expect((await api.patch('acmeRep', path, { user_id: acmeRep2.userId })).status).toBe(403)
    expect((await api.patch('acmeRep2', path, { metadata: {} }, '*')).status).toBe(404)
    expect((await api.patch('borealisLead', path, { metadata: {} }, '*')).status).toBe(404)
    expect((await api.patch('acmeCsr', path, { user_id: acmeRep2.userId })).body).toMatchObject({
      user_id: acmeRep2.userId,
    })
    expect((await api.get('acmeRep', path)).status).toBe(404)
    const stranger = await api.patch('acmeLead', path, { user_id: borealisLead.userId })
    expect([stranger.status, pointersOf(stranger)]).toEqual([422, ['/user_id']])
  })

  it('names a lead that is another’s, and changes nothing then @multitenant', async () => {
    const { id } = await make('acmeRep')
    const theirs = await aLead('borealisLead')
    const colleagues = await aLead('acmeRep2')
    await api.events()
    for (const lead of [theirs.id, colleagues.id, randomUUID()]) {
      const answer = await api.patch('acmeRep', `/calls/${id}`, { lead_id: lead, metadata: { x: 1 } })
      expect([answer.status, pointersOf(answer)]).toEqual([422, ['/lead_id']])
    }
    expect((await api.get('acmeRep', `/calls/${id}`)).body).toMatchObject({ metadata: { campaign: 'spring' } })
    expect(await api.events()).toEqual([])
  })

  it.each([
    [{}, ''],
    [{ status: 'ended' }, '/status'],
    [{ lead_id: 'crm-1' }, '/lead_id'],
    [{ metadata: 7 }, '/metadata'],
  ])('answers 422 for %j, naming %s', async (change, pointer) => {
    const { id } = await make()
    const answer = await api.patch('acmeRep', `/calls/${id}`, change)
    expect([answer.status, pointersOf(answer)]).toEqual([422, [pointer]])
  })

  it('lets one of two changes win', async () => {
    const { id } = await make()
    const etag = api.etagOf(await api.get('acmeRep', `/calls/${id}`))
    const both = await Promise.all([1, 2].map((n) => api.patch('acmeRep', `/calls/${id}`, { metadata: { n } }, etag)))
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412])
  })
})

describe('a call that is made', () => {
  it('is logged once, to whose it is', async () => {
    const call = await make('acmeLead', { user_id: acmeRep.userId })
    await api.post('acmeLead', '/calls', { ...call, external_id: call.external_id, provider: 'livekit' })
    expect(await api.events()).toMatchObject([
      { event: 'telephony.call.created', user_id: acmeRep.userId, data: { call_id: call.id, by: acmeLead.userId } },
    ])
  })

  it('is that of the lead with the number, unless it names one', async () => {
    const lead = await aLead('acmeLead', { phone: '+1 415 555 2671' })
    expect((await make('acmeRep', { to: '+14155552671' })).lead_id).toBe(lead.id)
    expect((await make('acmeRep', { to: '+14155552671', lead_id: 'crm-9' })).lead_id).toBe('crm-9')
    expect((await make('acmeRep', { direction: 'inbound', from: '+14155552671' })).lead_id).toBe(lead.id)
    expect((await make('acmeRep', { from: '+14155552671' })).lead_id).toBeNull()
    expect((await make('borealisLead', { to: '+14155552671' })).lead_id).toBeNull()
  })

  it('is listed by direction and by when it started, those that have not last', async () => {
    const ids: string[] = []
    for (const started of ['2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z', null]) {
      const { id } = await make('borealisLead', { direction: 'inbound', metadata: undefined })
      await api.world.admin('update call_logs set started_at = $2 where id = $1', [id, started])
      ids.push(id)
    }
    const listed = async (query: string) =>
      (
        (await api.get('borealisLead', `/calls?direction=inbound&${query}`)).body as { items: { id: string }[] }
      ).items.map(({ id }) => id)
    const [second, first, third] = ids
    expect(await listed('sort=started_at')).toEqual([first, second, third])
    expect(await listed('sort=-started_at')).toEqual([third, second, first])
    const page = (await api.get('borealisLead', '/calls?sort=-started_at&limit=1')).body as { next_cursor: string }
    expect(
      (
        (await api.get('borealisLead', `/calls?sort=-started_at&limit=9&cursor=${page.next_cursor}`)).body as {
          items: { id: string }[]
        }
      ).items.map(({ id }) => id),
    ).toContain(first)
  })
})
