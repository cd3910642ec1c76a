import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MessageEffect } from '../../src/domain/webhook.js'
import { applyToMessages } from '../../src/store/message-applier.js'
import type { Pending } from '../../src/store/receipt-applier.js'
import type { StoredReceipt } from '../../src/store/receipt-states.js'
import { acme, actors, borealis, createWorld, type World } from './world.js'

let world: World
beforeAll(async () => {
  world = await createWorld()
  await world.admin(
    `insert into integrations (tenant_id, provider, account) values ($1, 'twilio', 'AC-acme'), ($1, 'twilio', '+15005550006'),
       ($2, 'twilio', 'AC-borealis'), ($2, 'callrail', 'AC-acme')`,
    [acme, borealis],
  )
})
afterAll(() => world.close())

const from = (...accounts: string[]): MessageEffect['tenant'] => ({ by: 'integration', provider: 'twilio', accounts })
const sid = () => `SM${randomUUID()}`

function effect(externalId: string, changes: Partial<MessageEffect> = {}): MessageEffect {
  return {
    target: 'message',
    provider: 'twilio',
    externalId,
    tenant: from('AC-acme'),
    direction: 'outbound',
    from: '+15005550006',
    to: '+15005550010',
    status: 'queued',
    statusRank: 2,
    ...changes,
  }
}
const sent = { status: 'sent', statusRank: 4 }
const delivered = { status: 'delivered', statusRank: 5 }
const failed = { status: 'failed', statusRank: 5, errorCode: '30006' }
const incoming = { direction: 'inbound', status: 'received', statusRank: 5, body: 'Hi' } as const

let clock = Date.parse('2026-11-21T09:30:00.000Z')
function pending(one: MessageEffect): Pending<'message'> {
  clock += 1000
  const receipt = {
    id: randomUUID(),
    provider: one.provider,
    external_id: one.externalId,
    received_at: new Date(clock),
  }
  return { receipt: receipt as StoredReceipt, effect: one }
}

/** What became of them in one transaction. */
const apply = (effects: MessageEffect[], statements: string[] = []) =>
  world.database.withService(undefined, async (trx) => {
    const raw = (sql: string, bindings: Knex.RawBinding[]) => {
      statements.push(sql)
      return trx.raw(sql, bindings)
    }
    return await applyToMessages({ raw } as unknown as Knex.Transaction, effects.map(pending))
  })
const told = (applied: Awaited<ReturnType<typeof apply>>) =>
  applied.map((one) =>
    one.state === 'applied' ? one.events.map(({ event }) => event.slice('telephony.'.length)) : one.state,
  )
const row = async (externalId: string) =>
  (await world.admin<Record<string, unknown>>('select * from messages where external_id = $1', [externalId]))[0]

describe('text messages in the store @integration', () => {
  it('are stored as they came in, and received once', async () => {
    const id = sid()
    const media = [{ url: 'https://m.example.com/1', contentType: 'image/png' }]
    const [applied] = await apply([effect(id, { ...incoming, media, body: ' Grüße \0👍\ud800' })])
    const stored = await row(id)
    expect(stored).toMatchObject({
      tenant_id: acme,
      provider: 'twilio',
      direction: 'inbound',
      from_number: '+15005550006',
      to_number: '+15005550010',
      body: ' Grüße 👍\ufffd',
      media,
      status: 'received',
      status_rank: 5,
      sent_at: null,
      received_at: new Date(clock),
    })
    const data = {
      message_id: stored?.id,
      provider: 'twilio',
      external_id: id,
      direction: 'inbound',
      from: '+15005550006',
      to: '+15005550010',
      status: 'received',
    }
    expect(applied).toEqual({
      state: 'applied',
      tenantId: acme,
      leadId: undefined,
      events: [{ event: 'telephony.sms.received', tenantId: acme, leadId: undefined, data }],
    })
    expect(told(await apply([effect(id, incoming)]))).toEqual([[]])
  })

  it('are made by a status that comes before their text, which fills them in', async () => {
    const id = sid()
    expect(told(await apply([effect(id, sent)]))).toEqual([['sms.sent', 'sms.status']])
    expect(await row(id)).toMatchObject({ body: null, status: 'sent', sent_at: new Date(clock) })
    const leftAt = new Date(clock)
    expect(told(await apply([effect(id, { status: 'accepted', statusRank: 1, body: 'Hello' })]))).toEqual([[]])
    expect(await row(id)).toMatchObject({ body: 'Hello', status: 'sent', sent_at: leftAt })
  })

  it('never go back to a lower status, and are sent once', async () => {
    const id = sid()
    expect(told(await apply([effect(id)]))).toEqual([['sms.status']])
    expect(told(await apply([effect(id, delivered)]))).toEqual([['sms.sent', 'sms.status']])
    expect(told(await apply([effect(id, sent)]))).toEqual([[]])
    expect(await row(id)).toMatchObject({ status: 'delivered', status_rank: 5 })
    expect(told(await apply([effect(id, { status: 'read', statusRank: 6 })]))).toEqual([['sms.status']])
    expect(told(await apply([effect(id, { status: 'puzzled', statusRank: 0 })]))).toEqual([[]])
    expect(await row(id)).toMatchObject({ status: 'read' })
  })

  it('that fail were not sent, and say why', async () => {
    const id = sid()
    const [applied] = await apply([effect(id, failed)])
    expect(applied).toMatchObject({
      events: [{ event: 'telephony.sms.status', data: { status: 'failed', error_code: '30006' } }],
    })
    expect(await row(id)).toMatchObject({ sent_at: null, error_code: '30006' })
  })

  it('are told step by step when all comes at once', async () => {
    const id = sid()
    const all = [effect(id), effect(id, delivered), effect(id, sent), effect(id, delivered)]
    expect(told(await apply(all))).toEqual([['sms.status'], ['sms.sent', 'sms.status'], [], []])
    expect(await row(id)).toMatchObject({ status: 'delivered' })
    expect(await world.admin('select from messages where external_id = $1', [id])).toHaveLength(1)
  })

  it('of whom nobody knows wait, and take nothing with them', async () => {
    const [known, strange] = [sid(), sid()]
    const applied = await apply([effect(strange, { tenant: from('AC-nobody', '+1') }), effect(known, sent)])
    expect(applied[0]).toEqual({ state: 'unknown', reason: 'no such account or number' })
    expect(told(applied)[1]).toEqual(['sms.sent', 'sms.status'])
    expect(await row(strange)).toBeUndefined()
    // A row that is there says whose it is.
    expect(told(await apply([effect(known, { ...delivered, tenant: from() })]))).toEqual([['sms.status']])
  })

  it('take at most four statements, however many there are', async () => {
    const count = async (effects: MessageEffect[]) => {
      const statements: string[] = []
      await apply(effects, statements)
      return statements.length
    }
    const known = sid()
    await apply([effect(known, sent)])
    const many = Array.from({ length: 255 }, () => effect(sid(), incoming))
    const one = await count([effect(sid(), incoming)])
    expect(one).toBeLessThanOrEqual(4)
    expect(await count([...many, effect(known, delivered)])).toBeLessThanOrEqual(4)
    expect(
      await world.admin('select from messages where external_id = any($1)', [many.map(({ externalId }) => externalId)]),
    ).toHaveLength(255)
  })
})

describe('text messages told twice at once @idempotency', () => {
  it('are one message, received and sent once each', async () => {
    const ids = Array.from({ length: 8 }, sid)
    const batches = await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        const order = index % 2 ? ids : [...ids].reverse()
        return await apply(order.map((id) => effect(id, index % 3 ? sent : delivered)))
      }),
    )
    const events = batches.flat().flatMap((one) => (one.state === 'applied' ? one.events : []))
    expect(batches.flat().every(({ state }) => state === 'applied')).toBe(true)
    expect(events.filter(({ event }) => event === 'telephony.sms.sent')).toHaveLength(ids.length)
    const rows = await world.admin('select status from messages where external_id = any($1)', [ids])
    expect(rows).toEqual(ids.map(() => ({ status: 'delivered' })))
  })
})

describe('text messages of two companies @multitenant', () => {
  it('go to the company of the account, else of the number', async () => {
    const ids = [sid(), sid(), sid()]
    await apply([
      effect(ids[0] ?? '', { tenant: from('AC-borealis', '+15005550006') }),
      effect(ids[1] ?? '', { tenant: from('AC-nobody', '+15005550006') }),
      effect(ids[2] ?? '', {
        provider: 'callrail',
        tenant: { ...from('AC-acme'), provider: 'callrail' } as MessageEffect['tenant'],
      }),
    ])
    const tenants = []
    for (const id of ids) tenants.push((await row(id))?.tenant_id)
    expect(tenants).toEqual([borealis, acme, borealis])
  })

  it('are changed by nobody else’s events', async () => {
    const id = sid()
    await apply([effect(id, sent)])
    const applied = await apply([effect(id, { ...delivered, tenant: from('AC-borealis') }), effect(id, failed)])
    expect(applied[0]).toEqual({ state: 'mismatch', reason: 'the message is not the one of the company' })
    expect(await row(id)).toMatchObject({ tenant_id: acme, status: 'failed' })
  })

  it('are seen by the office of their company, by the rep of their lead, and by nobody of the other', async () => {
    const id = sid()
    await apply([effect(id, incoming)])
    const seen = (actor: (typeof actors)['acmeRep']) =>
      world.database.withTenant(actor, async (trx) => {
        const { rows } = await trx.raw<{ rows: unknown[] }>('select body from messages where external_id = ?', [id])
        return rows
      })
    for (const actor of [actors.acmeLead, actors.acmeCsr]) expect(await seen(actor)).toEqual([{ body: 'Hi' }])
    expect(await seen(actors.acmeRep)).toEqual([])
    await world.admin(
      `with lead as (insert into leads (tenant_id, name, owner_user_id) values ($1, 'A', $2) returning id)
       update messages set lead_id = lead.id from lead where external_id = $3`,
      [acme, actors.acmeRep.userId, id],
    )
    expect(await seen(actors.acmeRep)).toEqual([{ body: 'Hi' }])
    expect(await seen(actors.acmeRep2)).toEqual([])
    expect(await seen(actors.borealisLead)).toEqual([])
    const stolen = world.database.withTenant(actors.borealisLead, (trx) =>
      trx.raw(
        `insert into messages (tenant_id, provider, external_id, direction, from_number, to_number, status, status_rank)
         values (?, 'twilio', ?, 'inbound', '', '', 'received', 5)`,
        [acme, sid()],
      ),
    )
    await expect(stolen).rejects.toThrow(/row-level security/)
  })
})
