import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { acme, borealis, createWorld, type World } from './world.js'
import { insertMessages } from '../../src/store/message-rows.js'

let world: World
beforeAll(async () => (world = await createWorld()))
afterAll(() => world.close())

const state = (direction: 'inbound' | 'outbound', from: string, to: string) => ({
  direction,
  from,
  to,
  body: 'hello',
  media: [],
  status: 'received',
  statusRank: 5,
  errorCode: null,
  sentAt: null,
  receivedAt: null,
})

describe('a text message @integration @multitenant', () => {
  it('is that of the newest lead of its company that has the number', async () => {
    const [ours, theirs] = ['+15005550006', '+14155552671']
    const lead = async (tenant: string, at: string) =>
      (
        await world.admin<{ id: string }>(
          'insert into leads (tenant_id, name, phone, created_at) values ($1, $2, $3, $4) returning id',
          [tenant, 'A', theirs, at],
        )
      )[0]?.id
    await lead(acme, '2026-01-01')
    const newest = await lead(acme, '2026-01-02')
    await lead(borealis, '2026-01-03')
    const leadsOf = (messages: ReturnType<typeof state>[]) =>
      world.database.withService(undefined, async (trx) => {
        const rows = await insertMessages(
          trx,
          messages.map((one) => ({ provider: 'twilio', externalId: randomUUID(), tenantId: acme, state: one })),
        )
        return rows.map(({ leadId }) => leadId)
      })
    expect(
      await leadsOf([
        state('inbound', theirs, ours),
        state('outbound', ours, theirs),
        state('outbound', theirs, ours),
        state('inbound', '+14155550000', ours),
      ]),
    ).toEqual([newest, newest, null, null])
  })
})
