import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { replayWorkflowId } from '../../workflows/messages.js'
import { borealis } from '../store/world.js'
import { eventually } from './harness.js'
import { type Repair, startRepair } from './repair-harness.js'

let repair: Repair
beforeAll(async () => {
  repair = await startRepair()
})
afterAll(() => repair.close())
beforeEach(async () => {
  await repair.admin('delete from webhook_receipts')
  repair.failing.clear()
})

const failed = async (count: number, tenantId?: string) => {
  const made = []
  for (let n = 0; n < count; n++) made.push(await repair.failed(tenantId))
  return made
}
/** One that has failed, and so many more of its session; none of them fails any more. */
async function many(more: number): Promise<void> {
  const [first] = await failed(1)
  await repair.admin(
    `insert into webhook_receipts (delivery_key, provider, kind, external_id, tenant_id, session_id, status, payload, received_at)
     select delivery_key || n, provider, kind, external_id, tenant_id, session_id, 'failed', payload, received_at + n * interval '1 microsecond'
     from webhook_receipts, generate_series(1, $2) n where id = $1`,
    [first?.id, more],
  )
  repair.failing.clear()
}
const count = (filter: object = {}, as?: string) => post({ filter, dry_run: true }, as)
const post = (body: object, as = 'acmeLead') => repair.ask(as, 'POST', '/replays', body)
const progress = async (id: string) => (await repair.ask('acmeLead', 'GET', `/replays/${id}`)).body
const begin = async (filter: object = {}) => {
  const { confirmation } = (await count(filter)).body as { confirmation: string }
  return { confirmation, begun: await post({ filter, dry_run: false, confirmation }) }
}
const finished = (id: string) =>
  eventually(async () => {
    const now = await progress(id)
    return now.state !== 'running' && now
  })
const statuses = async () => (await repair.receipts()).map(({ status }) => status)

describe('POST /webhooks/deliveries/replays @integration', () => {
  it('counts first, and changes nothing', async () => {
    await failed(2)
    const counted = await count()
    expect(counted).toMatchObject({ status: 200, body: { dry_run: true, count: 2, superseded: 0 } })
    expect((await count({ status: 'waiting' })).body.count).toBe(0)
    expect((await count({ provider: 'twilio' })).body.count).toBe(0)
    expect((await count({ from: '2099-01-01T00:00:00Z' })).body.count).toBe(0)
    expect(await statuses()).toEqual(['failed', 'failed'])
  })

  it('takes what was counted again by itself, and tells how far it is', async () => {
    const made = await failed(5)
    const still = made[3]?.session.conversationId ?? ''
    repair.failing.clear()
    repair.failing.set(still, () => new RangeError('still'))
    const { begun } = await begin()
    expect(begun).toMatchObject({ status: 202, body: { total: 5 } })
    expect(begun.headers.get('location')).toBe(`/webhooks/deliveries/replays/${begun.body.id}`)
    expect(await finished(begun.body.id as string)).toEqual({
      id: begun.body.id,
      state: 'completed',
      total: 5,
      done: 5,
      processed: 4,
      failed: 1,
      waiting: 0,
      unmatched: 0,
      superseded: 0,
      postponed: 0,
    })
    expect((await statuses()).sort()).toEqual(['failed', 'processed', 'processed', 'processed', 'processed'])
    for (const { session } of made.filter(({ session: { conversationId } }) => conversationId !== still))
      expect(await repair.logOf(session.sessionId)).toEqual(['session.ended', 'system.webhook.processed'])
    expect(repair.signals.map(({ sessionId }) => sessionId)).toEqual(
      expect.arrayContaining([made[0]?.session.sessionId]),
    )
  })

  it('goes on in bounded batches', async () => {
    await many(120)
    const { begun } = await begin()
    expect(await finished(begun.body.id as string)).toMatchObject({ total: 121, done: 121, processed: 121 })
    const { events } = await repair.client.workflow.getHandle(replayWorkflowId(begun.body.id as string)).fetchHistory()
    expect(events?.filter((event) => event.activityTaskScheduledEventAttributes)).toHaveLength(3)
  })

  it('leaves out what was received after the count', async () => {
    await failed(1)
    const { confirmation } = (await count()).body
    const [later] = await failed(1)
    repair.failing.clear()
    const begun = await post({ dry_run: false, confirmation })
    expect(await finished(begun.body.id as string)).toMatchObject({ total: 1, done: 1, processed: 1 })
    expect(await repair.rowOf(later?.id ?? '')).toMatchObject({ status: 'failed' })
  })

  it('refuses what is not what was counted', async () => {
    const [one] = await failed(2)
    const { confirmation } = (await count()).body
    repair.failing.clear()
    await repair.ask('acmeLead', 'POST', `/${one?.id}/replay`)
    expect(await post({ dry_run: false, confirmation })).toMatchObject({
      status: 409,
      body: { code: 'replay_changed', detail: '2 deliveries were counted, and now there are 1: count again' },
    })
  })

  it.each([
    ['none', {}],
    ['garbage', { confirmation: 'x.y' }],
    ['a claim without its signature', { confirmation: Buffer.from('{"count":0}').toString('base64url') }],
  ])('needs the confirmation of a dry run: %s', async (_, body) => {
    expect(await post({ dry_run: false, ...body })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/confirmation' }] },
    })
  })

  it('takes a confirmation for its own filter only', async () => {
    await failed(1)
    const { confirmation } = (await count()).body
    expect((await post({ filter: { status: 'failed' }, dry_run: false, confirmation })).status).toBe(422)
  })

  it('can be cancelled: the batch that runs is finished, and the rest stays as it was', async () => {
    await many(120)
    const { begun } = await holding(repair, async () => {
      const started = await begin()
      const id = started.begun.body.id as string
      expect(await progress(id)).toMatchObject({ state: 'running', done: 0, total: 121 })
      expect((await repair.ask('acmeLead', 'POST', `/replays/${id}/cancel`)).status).toBe(202)
      return started
    })
    const id = begun.body.id as string
    expect(await finished(id)).toMatchObject({ state: 'cancelled', total: 121, done: 50, processed: 50 })
    expect((await statuses()).filter((status) => status === 'failed')).toHaveLength(71)
    expect((await repair.ask('acmeLead', 'POST', `/replays/${id}/cancel`)).status).toBe(202)
    expect((await progress(id)).state).toBe('cancelled')
  })
})

/** While every receipt of the table is locked. */
async function holding<T>(engine: Repair, work: () => Promise<T>): Promise<T> {
  await engine.admin('begin')
  await engine.admin('select from webhook_receipts for update')
  try {
    return await work()
  } finally {
    await engine.admin('commit')
  }
}

describe('a bulk replay @idempotency', () => {
  it('is begun once by one confirmation, however often it is sent', async () => {
    const [one] = await failed(1)
    repair.failing.clear()
    const { begun, confirmation } = await begin()
    const again = await post({ dry_run: false, confirmation })
    expect([again.status, again.body]).toEqual([202, begun.body])
    await finished(begun.body.id as string)
    expect((await post({ dry_run: false, confirmation })).body).toEqual(begun.body)
    expect(await repair.logOf(one?.session.sessionId ?? '')).toEqual(['session.ended', 'system.webhook.processed'])
  })

  it('reports what another delivery has superseded, and makes no second effect', async () => {
    const [one] = await failed(1)
    repair.failing.clear()
    await eventually(
      async () =>
        (await repair.post(one!.session.sessionId, one!.event)).body.status === 'processed' ||
        (await statuses()).includes('processed'),
    )
    expect((await count()).body).toMatchObject({ count: 1, superseded: 1 })
    const { begun } = await begin()
    expect(await finished(begun.body.id as string)).toMatchObject({ done: 1, processed: 0, superseded: 1 })
    expect((await statuses()).sort()).toEqual(['failed', 'processed'])
    expect(await repair.logOf(one!.session.sessionId)).toEqual(['session.ended', 'system.webhook.processed'])
  })

  it('takes one of several failed deliveries of an event', async () => {
    const [one] = await failed(1)
    await repair.admin(
      `insert into webhook_receipts (delivery_key, provider, kind, external_id, tenant_id, session_id, status, payload)
       select delivery_key, provider, kind, external_id, tenant_id, session_id, 'failed', payload from webhook_receipts`,
    )
    repair.failing.clear()
    const { begun } = await begin()
    expect(await finished(begun.body.id as string)).toMatchObject({ done: 2, processed: 1, superseded: 1 })
    expect(await repair.logOf(one!.session.sessionId)).toEqual(['session.ended', 'system.webhook.processed'])
  })
})

describe('a bulk replay @multitenant', () => {
  it('counts and takes the own company’s, and is nobody else’s to see or cancel', async () => {
    // Theirs are the older ones: a batch that did not ask whose they are would begin with them.
    const [theirs] = await failed(1, borealis)
    await repair.admin(
      `insert into webhook_receipts (delivery_key, provider, kind, external_id, status, payload)
       values ('tavus/nobodys', 'tavus', 'x', 'c', 'failed', '{}')`,
    )
    const [mine] = await failed(1)
    repair.failing.clear()
    const { begun, confirmation } = await begin()
    const id = begun.body.id as string
    expect(await finished(id)).toMatchObject({ total: 1, processed: 1 })
    expect(await repair.rowOf(mine!.id)).toMatchObject({ status: 'processed' })
    expect(await repair.rowOf(theirs!.id)).toMatchObject({ status: 'failed' })
    expect(await repair.receipts(`delivery_key = 'tavus/nobodys'`)).toMatchObject([{ status: 'failed' }])
    expect((await repair.ask('borealisLead', 'GET', `/replays/${id}`)).status).toBe(404)
    expect((await repair.ask('borealisLead', 'POST', `/replays/${id}/cancel`)).status).toBe(404)
    expect((await post({ dry_run: false, confirmation }, 'borealisLead')).status).toBe(422)
    expect((await repair.ask('acmeLead', 'GET', `/replays/${randomUUID()}`)).status).toBe(404)
  })
})
