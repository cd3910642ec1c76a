import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CallFact } from '../../src/domain/call.js'
import type { CallEffect, TenantOf } from '../../src/domain/webhook.js'
import type { Applied, Pending } from '../../src/store/receipt-applier.js'
import { createCallStore } from '../../src/store/calls.js'
import { at, left, person, room } from '../domain/call-facts.js'
import { aCall, apply, livekitEffect, pending } from './call-world.js'
import { acme, actors, createWorld, holdTransaction, type World, pageOf } from './world.js'

let world: World
let calls: ReturnType<typeof createCallStore>
const account = 'AC0000000000000000000000000000acme'
const ofAcme: TenantOf = { by: 'integration', provider: 'twilio', accounts: ['+15550199', account] }

beforeAll(async () => {
  world = await createWorld()
  calls = createCallStore(world.database)
  await world.admin(`insert into integrations (tenant_id, provider, account) values ($1, 'twilio', $2)`, [
    acme,
    account,
  ])
})
afterAll(() => world.close())

const sid = () => `CA${randomUUID().replaceAll('-', '')}`
const twilio = (externalId: string, ...facts: CallFact[]): Omit<CallEffect, 'target'> => ({
  provider: 'twilio',
  externalId,
  tenant: ofAcme,
  facts,
})
const rowOf = async (externalId: string) =>
  (await world.admin<Record<string, unknown>>('select * from call_logs where external_id = $1', [externalId]))[0]
const eventNames = (applied: Applied[]) =>
  applied.flatMap((one) => (one.state === 'applied' ? one.events.map(({ event }) => event) : [one.reason]))
const ringing: CallFact = { type: 'progress', status: 'ringing', at: at(1) }
const answered: CallFact = { type: 'progress', status: 'in_progress', at: at(4) }
const completed: CallFact = { type: 'end', outcome: 'completed', reason: 'completed', at: at(65), durationSeconds: 61 }
const inbound: CallFact = { type: 'details', at: at(0), direction: 'inbound', from: '+15550100', to: '+15550101' }

describe('effects on calls @integration @idempotency', () => {
  it('make the row of a call of a known company, once, and fold what follows into it', async () => {
    const id = sid()
    expect(eventNames(await apply(world, pending(twilio(id, inbound, ringing))))).toEqual([
      'telephony.call.received',
      'telephony.call.status',
    ])
    expect(eventNames(await apply(world, pending(twilio(id, answered))))).toEqual(['telephony.call.status'])
    const [last] = await apply(world, pending(twilio(id, completed)))
    const row = await rowOf(id)
    expect(row).toMatchObject({
      company_id: acme,
      tenant_id: acme,
      user_id: null,
      provider: 'twilio',
      direction: 'inbound',
      from_number: '+15550100',
      to_number: '+15550101',
      status: 'ended',
      outcome: 'completed',
      ended_reason: 'completed',
      answered_at: new Date(at(4)),
      ended_at: new Date(at(65)),
      duration_seconds: 61,
      recordingUrl: null,
    })
    const data = {
      call_id: row?.id,
      provider: 'twilio',
      external_id: id,
      direction: 'inbound',
      status: 'ended',
      outcome: 'completed',
      ended_reason: 'completed',
      duration_seconds: 61,
      ended_at: at(65),
    }
    expect(last).toEqual({
      state: 'applied',
      tenantId: acme,
      userId: undefined,
      leadId: undefined,
      events: ['telephony.call.status', 'telephony.call.completed'].map((event) => ({
        event,
        tenantId: acme,
        userId: undefined,
        leadId: undefined,
        data,
      })),
    })
  })

  it('tell nothing twice, whatever comes late or again', async () => {
    const id = sid()
    const [one, two, three] = [[inbound, ringing], [answered], [completed]].map((facts) =>
      pending(twilio(id, ...facts)),
    )
    expect(eventNames(await apply(world, three as Pending<'call'>))).toEqual([
      'telephony.call.status',
      'telephony.call.completed',
    ])
    expect(eventNames(await apply(world, one as Pending<'call'>))).toEqual(['telephony.call.received'])
    const row = await rowOf(id)
    for (const again of [one, two, three, one])
      expect(eventNames(await apply(world, again as Pending<'call'>))).toEqual([])
    expect(await rowOf(id)).toMatchObject({ status: 'ended', outcome: 'completed', facts: expect.anything() })
    expect(Object.keys((await rowOf(id))?.facts as object)).toHaveLength(3)
    expect(row).toMatchObject({ status: 'ended', outcome: 'completed' })
  })

  it('give the same row in every order, alone or in one batch', async () => {
    const events = [
      [inbound, ringing],
      [answered],
      [completed],
      [{ type: 'recording', url: 'https://x/1.mp3' } as const],
    ]
    const orders = [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [2, 0, 3, 1],
    ]
    const rows = []
    for (const together of [true, false])
      for (const order of orders) {
        const id = sid()
        const batch = order.map((n) => pending(twilio(id, ...(events[n] as CallFact[])), `${id}/${n}`))
        if (together) await apply(world, ...batch)
        else for (const one of batch) await apply(world, one)
        const { id: _i, external_id: _e, facts: _f, created_at: _c, updated_at: _u, ...row } = (await rowOf(id)) ?? {}
        rows.push(row)
      }
    for (const row of rows) expect(row).toEqual(rows[0])
    expect(rows[0]).toMatchObject({ status: 'ended', recordingUrl: 'https://x/1.mp3', announced: { completed: true } })
  })

  it('fold several events of one call in one batch, beside calls that are new, known and nobody’s', async () => {
    const [fresh, known, alien] = [sid(), sid(), sid()]
    await apply(world, pending(twilio(known, ringing)))
    const nobody: TenantOf = { by: 'integration', provider: 'twilio', accounts: ['ACunknown'] }
    const applied = await apply(
      world,
      pending(twilio(fresh, inbound)),
      pending({ ...twilio(alien, ringing), tenant: nobody }),
      pending(twilio(known, answered)),
      pending(twilio(fresh, completed)),
      pending(livekitEffect('no-such-room', [left(20)])),
    )
    expect(applied.map(({ state }) => state)).toEqual(['applied', 'unknown', 'applied', 'applied', 'unknown'])
    expect(eventNames(applied)).toEqual([
      'telephony.call.received',
      'telephony.call.status',
      'telephony.call.completed',
      'no such company',
      'telephony.call.status',
      'no such call',
    ])
    expect(await rowOf(fresh)).toMatchObject({ status: 'ended', direction: 'inbound' })
    expect(await rowOf(known)).toMatchObject({ status: 'in_progress' })
    expect(await rowOf(alien)).toBeUndefined()
  })

  it('make one row when two transactions make it at the same instant', async () => {
    const id = sid()
    const release = await holdTransaction(world.database, async (trx) => {
      const { applyToCalls } = await import('../../src/store/call-applier.js')
      await applyToCalls(trx, [pending(twilio(id, inbound, ringing))])
    })
    const second = apply(world, pending(twilio(id, completed)), pending(twilio(sid(), ringing)))
    await new Promise((resolve) => setTimeout(resolve, 100))
    await release()
    expect(eventNames(await second)).toEqual([
      'telephony.call.status',
      'telephony.call.completed',
      'telephony.call.status',
    ])
    expect(await world.admin('select from call_logs where external_id = $1', [id])).toHaveLength(1)
    expect(await rowOf(id)).toMatchObject({ status: 'ended', direction: 'inbound', announced: { received: true } })
  })

  it('of two hundred and fifty-six events are one set: four statements, whatever their number', async () => {
    const known = Array.from({ length: 64 }, sid)
    await apply(world, ...known.map((id) => pending(twilio(id, ringing))))
    const batch = [...known, ...Array.from({ length: 64 }, sid)].flatMap((id) => [
      pending(twilio(id, answered)),
      pending(twilio(id, completed)),
    ])
    let statements = 0
    const applied = await world.database.withService(undefined, async (trx) => {
      const { applyToCalls } = await import('../../src/store/call-applier.js')
      const counting = Object.assign((table: string) => trx(table), trx, {
        raw: (...args: Parameters<typeof trx.raw>) => {
          statements++
          return trx.raw(...args) as unknown
        },
      })
      return await applyToCalls(counting, batch)
    })
    expect(applied.every(({ state }) => state === 'applied')).toBe(true)
    expect(statements).toBe(4)
    const [ended] = await world.admin<{ n: number }>(
      `select count(*)::int as n from call_logs where external_id = any($1) and status = 'ended'`,
      [batch.map(({ effect }) => effect.externalId)],
    )
    expect(ended?.n).toBe(128)
  })
})

describe('a LiveKit event @integration', () => {
  const made = async (changes: Parameters<typeof aCall>[0] = {}) => {
    const call = aCall(changes)
    const { row } = await calls.create(actors.acmeRep, call)
    return { ...call, id: row.id }
  }
  const kept = (roomName: string) =>
    world.admin<Record<string, unknown>>('select * from livekit_call_events where room_name = $1', [roomName])

  it('finds its call by the room’s name, and is kept as its own row', async () => {
    const call = await made({ leadId: 'lead-1' })
    const effect = livekitEffect(call.externalId, [room(), left(62)])
    const [applied] = await apply(world, pending(effect))
    expect(applied).toMatchObject({ state: 'applied', tenantId: acme, userId: actors.acmeRep.userId, leadId: 'lead-1' })
    expect(await rowOf(call.externalId)).toMatchObject({
      status: 'ended',
      outcome: 'completed',
      duration_seconds: 60,
      metadata: { livekit: { outcome_rule: 'talked', disconnect_reason: 'CLIENT_INITIATED' } },
    })
    expect(await kept(call.externalId)).toMatchObject([
      {
        eventId: effect.livekit?.eventId,
        event: 'participant_left',
        room_sid: `RM_${call.externalId}`,
        participant_identity: 'ada',
        processed: true,
        call_id: call.id,
        tenant_id: acme,
        createdAt: new Date('2026-03-01T10:00:00Z'),
        payload: { facts: [room(), left(62)] },
      },
    ])
  })

  it('finds its call by our own id, whatever the room is called, but only a LiveKit call', async () => {
    const call = await made()
    const other = await made({ provider: 'bland' })
    const roomName = `other-${randomUUID()}`
    const [applied, refused] = await apply(
      world,
      pending(livekitEffect(roomName, [left(62)], { callId: call.id })),
      pending(livekitEffect(`x-${roomName}`, [left(62)], { callId: other.id })),
    )
    expect(applied).toMatchObject({ state: 'applied', tenantId: acme })
    expect(refused).toEqual({ state: 'unknown', reason: 'no such call' })
    expect(await rowOf(call.externalId)).toMatchObject({ outcome: 'completed' })
  })

  it('without the call’s id finds it by the room that an earlier event had', async () => {
    const call = await made()
    const roomName = `other-${randomUUID()}`
    const recording: CallFact = { type: 'recording', url: 'https://bucket/rec.mp4', durationSeconds: 41 }
    const egress = pending(livekitEffect(roomName, [recording]))
    expect(await apply(world, egress)).toEqual([{ state: 'unknown', reason: 'no such call' }])
    await apply(world, pending(livekitEffect(roomName, [person()], { callId: call.id })))
    expect(await apply(world, egress)).toMatchObject([{ state: 'applied' }])
    expect(await rowOf(call.externalId)).toMatchObject({ recordingUrl: 'https://bucket/rec.mp4' })
  })

  it('that comes before its call stands there unprocessed, which no company sees', async () => {
    const call = aCall()
    const early = pending(livekitEffect(call.externalId, [left(62)]))
    expect(await apply(world, early)).toEqual([{ state: 'unknown', reason: 'no such call' }])
    expect(await kept(call.externalId)).toMatchObject([{ processed: false, call_id: null, tenant_id: null }])
    const seen = await world.database.withTenant(actors.acmeLead, (trx) =>
      trx('livekit_call_events').where({ room_name: call.externalId }),
    )
    expect(seen).toEqual([])
    await calls.create(actors.acmeRep, call)
    expect(eventNames(await apply(world, early))).toEqual(['telephony.call.status', 'telephony.call.completed'])
    expect(await kept(call.externalId)).toMatchObject([{ processed: true, tenant_id: acme }])
    expect(eventNames(await apply(world, early))).toEqual([])
    expect(await kept(call.externalId)).toHaveLength(1)
  })
})

describe('making a call @integration @multitenant', () => {
  it('is once per provider’s id, and says nothing of another company’s', async () => {
    const call = aCall()
    const first = await calls.create(actors.acmeRep, call)
    expect(first).toMatchObject({ created: true, row: { status: 'queued', userId: actors.acmeRep.userId } })
    const again = await calls.create(actors.acmeRep, { ...call, from: 'other' })
    expect(again).toEqual({ created: false, row: first.row })
    await expect(
      calls.create(actors.borealisLead, { ...call, userId: actors.borealisLead.userId }),
    ).rejects.toMatchObject({ code: 'call_conflict', message: 'the provider’s id stands for another call' })
    await expect(calls.create(actors.acmeRep2, { ...call, userId: actors.acmeRep2.userId })).rejects.toMatchObject({
      code: 'call_conflict',
    })
    const seen = await calls.create(actors.acmeLead, { ...call, userId: actors.acmeLead.userId })
    expect(seen).toEqual({ created: false, row: first.row })
  })

  it('makes a row that webhooks had made the user’s', async () => {
    const id = sid()
    await apply(world, pending(twilio(id, ringing)))
    const { row, created } = await calls.create(
      actors.acmeRep,
      aCall({ provider: 'twilio', externalId: id, leadId: 'l' }),
    )
    expect(created).toBe(false)
    expect(row).toMatchObject({ userId: actors.acmeRep.userId, leadId: 'l', status: 'ringing', from: '+15550100' })
    expect(eventNames(await apply(world, pending(twilio(id, ringing))))).toEqual([])
  })

  it('for a colleague needs one of the company', async () => {
    const { row } = await calls.create(actors.acmeLead, aCall())
    expect(row.userId).toBe(actors.acmeRep.userId)
    for (const userId of [actors.borealisLead.userId, 'nobody'])
      await expect(calls.create(actors.acmeLead, aCall({ userId }))).rejects.toMatchObject({
        errors: [{ pointer: '/user_id' }],
      })
  })

  it('is refused to a company that is none', async () => {
    await expect(calls.create({ ...actors.acmeLead, tenantId: 'x' }, aCall())).rejects.toMatchObject({ status: 403 })
  })
})

describe('reading calls @integration @multitenant', () => {
  it('a rep has the own ones, leadership and csr the company’s, and nobody another company’s', async () => {
    const own = (await calls.create(actors.acmeRep, aCall())).row
    const { revision: _, ...listed } = own
    const csr = { ...actors.acmeLead, role: 'csr' as const, userId: randomUUID() }
    for (const actor of [actors.acmeRep, actors.acmeLead, csr]) {
      expect(await calls.find(actor, own.id)).toEqual(own)
      expect((await calls.list(actor, pageOf({}))).items).toContainEqual(listed)
    }
    for (const actor of [actors.acmeRep2, actors.borealisLead]) {
      expect(await calls.find(actor, own.id)).toBeUndefined()
      expect((await calls.list(actor, pageOf({}))).items).not.toContainEqual(listed)
    }
    expect(await calls.find(actors.acmeLead, own.id, actors.acmeRep.userId)).toEqual(own)
    expect(await calls.find(actors.acmeLead, own.id, actors.acmeRep2.userId)).toBeUndefined()
    expect(await calls.find(actors.acmeLead, 'no-uuid')).toBeUndefined()
  })

  it('goes page by page, newest first, without a gap or a repeat', async () => {
    const made = []
    for (let n = 0; n < 5; n++)
      made.push((await calls.create(actors.borealisLead, aCall({ userId: actors.borealisLead.userId }))).row.id)
    const seen: string[] = []
    for (let cursor: string | undefined, first = true; first || cursor; first = false) {
      const page = await calls.list(actors.borealisLead, pageOf({}, { limit: 2, cursor }))
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.nextCursor
    }
    expect(seen).toEqual([...made].reverse())
    await expect(calls.list(actors.borealisLead, pageOf({}, { cursor: 'x' }))).rejects.toMatchObject({ status: 422 })
    const filter = {
      provider: 'livekit',
      status: 'queued',
      outcome: 'busy',
      direction: 'inbound',
      user: 'u',
      lead: 'l',
      from: '1970-01-01T00:00:00.000Z',
      to: new Date().toISOString(),
    }
    const filtered = await calls.list(actors.borealisLead, pageOf(filter))
    expect(filtered).toEqual({ items: [], nextCursor: undefined })
  })

  it('finds what is open and old enough, for the comparison with the provider', async () => {
    const call = aCall()
    const { row } = await calls.create(actors.acmeRep, call)
    await world.admin(`update call_logs set created_at = now() - interval '1 hour' where id = $1`, [row.id])
    const open = { olderThanSeconds: 600, youngerThanSeconds: 86_400, limit: 10 }
    expect(await calls.listOpen('livekit', open)).toEqual([
      { id: row.id, externalId: call.externalId, facts: expect.anything() },
    ])
    await apply(world, pending(livekitEffect(call.externalId, [left(62)])))
    expect(await calls.listOpen('livekit', open)).toEqual([])
  })
})
