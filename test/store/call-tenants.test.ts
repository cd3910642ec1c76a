import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CallFact } from '../../src/domain/call.js'
import type { CallEffect, TenantOf } from '../../src/domain/webhook.js'
import { createCallStore } from '../../src/store/calls.js'
import { left } from '../domain/call-facts.js'
import { aCall, apply, livekitEffect, pending } from './call-world.js'
import { acme, actors, borealis, createWorld, pageOf, type World } from './world.js'

let world: World
let calls: ReturnType<typeof createCallStore>
beforeAll(async () => {
  world = await createWorld()
  calls = createCallStore(world.database)
  await world.admin(
    `insert into integrations (tenant_id, provider, account) values ($1, 'twilio', 'ACacme'), ($2, 'twilio', 'ACborealis')`,
    [acme, borealis],
  )
})
afterAll(() => world.close())

const named = (account: string): TenantOf => ({ by: 'integration', provider: 'twilio', accounts: [account] })
const ended: CallFact = { type: 'end', outcome: 'completed', reason: 'completed', durationSeconds: 33 }
const secret: CallFact = { type: 'recording', url: 'https://api.twilio.com/acme-secret' }
const event = (externalId: string, account: string): Omit<CallEffect, 'target'> => ({
  provider: 'twilio',
  externalId,
  tenant: named(account),
  facts: [ended, secret],
})
const rows = (externalId: string) =>
  world.admin<{ tenant_id: string; outcome: string | null; recordingUrl: string | null }>(
    `select tenant_id, outcome, "recordingUrl" from call_logs where external_id = $1 order by tenant_id = $2 desc`,
    [externalId, acme],
  )
const claim = (actor: typeof actors.acmeRep, externalId: string, provider: 'twilio' | 'bland' | 'livekit' = 'twilio') =>
  calls.create(actor, aCall({ provider, externalId, userId: actor.userId }))

describe('an event of a call that names its company @integration @multitenant', () => {
  it('goes to that company’s call, and tells nothing to one that claims the same id', async () => {
    const id = `CA${randomUUID()}`
    await claim(actors.borealisLead, id)
    const [applied] = await apply(world, pending(event(id, 'ACacme')))
    expect(applied).toMatchObject({ state: 'applied', tenantId: acme })
    expect(await rows(id)).toEqual([
      { tenant_id: acme, outcome: 'completed', recordingUrl: 'https://api.twilio.com/acme-secret' },
      { tenant_id: borealis, outcome: null, recordingUrl: null },
    ])
    const seen = await calls.list(actors.borealisLead, pageOf({}, { limit: 100 }))
    expect(JSON.stringify(seen.items)).not.toContain('acme-secret')
  })

  it('leaves a call alone that another company has made known', async () => {
    const id = `CA${randomUUID()}`
    await claim(actors.acmeRep, id)
    await apply(world, pending(event(id, 'ACborealis')))
    expect(await rows(id)).toMatchObject([{ tenant_id: acme, outcome: null }, { tenant_id: borealis }])
  })

  it('keeps two companies apart within one batch, and a claim that comes later gets nothing', async () => {
    const id = `CA${randomUUID()}`
    const applied = await apply(world, pending(event(id, 'ACacme')), pending({ ...event(id, 'ACborealis'), facts: [] }))
    expect(applied).toMatchObject([{ tenantId: acme }, { tenantId: borealis }])
    expect(await rows(id)).toMatchObject([{ outcome: 'completed' }, { outcome: null, recordingUrl: null }])
    const other = `CA${randomUUID()}`
    await apply(world, pending(event(other, 'ACacme')))
    expect((await claim(actors.borealisLead, other)).row).toMatchObject({ outcome: null, recordingUrl: null })
  })

  it('waits while nobody has claimed the account, whoever made the call known', async () => {
    const id = `CA${randomUUID()}`
    await claim(actors.borealisLead, id)
    expect(await apply(world, pending(event(id, 'ACnobody')))).toEqual([
      { state: 'unknown', reason: 'no such company' },
    ])
    expect(await rows(id)).toMatchObject([{ tenant_id: borealis, outcome: null }])
  })

  it('is no match when our own id of the call is another company’s', async () => {
    const { row } = await claim(actors.acmeRep, randomUUID(), 'bland')
    const contradicting = { provider: 'bland', externalId: randomUUID(), callId: row.id, facts: [ended] } as const
    const ofCompany = (companyId: string) => ({ ...contradicting, tenant: { by: 'company', companyId } as const })
    const [no] = await apply(world, pending(ofCompany(borealis)))
    expect(no).toEqual({ state: 'mismatch', reason: 'the call is not the company’s' })
    expect(await calls.find(actors.acmeRep, row.id)).toMatchObject({ outcome: null })
    expect(await rows(contradicting.externalId)).toEqual([])
    expect((await apply(world, pending(ofCompany(acme))))[0]).toMatchObject({ state: 'applied', tenantId: acme })
    expect(await calls.find(actors.acmeRep, row.id)).toMatchObject({ outcome: 'completed' })
  })

  it('makes no row of a recording that is of no call, and finds one that is there', async () => {
    const id = `CF${randomUUID()}`
    const conference = { ...event(id, 'ACacme'), makesNone: true } as const
    await claim(actors.borealisLead, id)
    expect(await apply(world, pending(conference))).toEqual([{ state: 'unknown', reason: 'no such call' }])
    await claim(actors.acmeRep, id)
    expect(await apply(world, pending(conference))).toMatchObject([{ state: 'applied', tenantId: acme }])
  })
})

describe('an event of a call that names no company @integration @multitenant', () => {
  it('is of the call that was made known first', async () => {
    const id = randomUUID()
    await claim(actors.acmeRep, id, 'bland')
    await claim(actors.borealisLead, id, 'bland')
    const [applied] = await apply(world, pending({ provider: 'bland', externalId: id, facts: [ended] }))
    expect(applied).toMatchObject({ state: 'applied', tenantId: acme })
    expect(await rows(id)).toMatchObject([{ outcome: 'completed' }, { outcome: null }])
  })

  it('of LiveKit is of a room that no second company can claim', async () => {
    const room = `room-${randomUUID()}`
    await claim(actors.acmeRep, room, 'livekit')
    await expect(claim(actors.borealisLead, room, 'livekit')).rejects.toMatchObject({ code: 'call_conflict' })
    expect(await apply(world, pending(livekitEffect(room, [left(62)])))).toMatchObject([{ tenantId: acme }])
  })
})
