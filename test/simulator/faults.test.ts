import { describe, expect, it } from 'vitest'
import { forgedUrl } from '../../src/simulator/callbacks.js'
import { cleanUpAfterEach, receiver, start, wait } from './support.js'

cleanUpAfterEach()

describe('faults of the API', () => {
  it.each(['status', 'reset'])('strike before any effect: %s', async (kind) => {
    const { simulator, create, fault, post } = await start()
    const { conversation_id: id } = await create()
    await fault({ operation: 'any', kind })
    const tries = ['/v2/conversations', `/v2/conversations/${id}/end`].map((path) =>
      post(path, {}).then(
        ({ status }) => status,
        () => 0,
      ),
    )
    expect(await Promise.all(tries)).toEqual(kind === 'status' ? [503, 503] : [0, 0])
    expect(simulator.conversations()).toMatchObject([{ status: 'active', end_calls: 0 }])
  })

  it('lose an answer after its effect', async () => {
    const { simulator, create, fault, post } = await start()
    await fault({ operation: 'create', kind: 'lost_answer', times: 1 })
    await expect(post('/v2/conversations', { conversation_name: 'lost' })).rejects.toThrow()
    expect(simulator.conversations()).toMatchObject([{ conversation_name: 'lost', status: 'active' }])
    const { conversation_id: id } = await create({ conversation_name: 'told' })
    await fault({ operation: 'end', kind: 'lost_answer', times: 1 })
    await expect(post(`/v2/conversations/${id}/end`)).rejects.toThrow()
    expect(simulator.conversation(id)?.status).toBe('ended')
    expect(simulator.requests()[0]).toMatchObject({ status: 0, fault: expect.stringContaining('lost_answer') })
  })

  it('let the answer wait, with the effect already there', async () => {
    const { simulator, fault, post } = await start()
    await fault({ operation: 'create', kind: 'latency', delay_ms: 300 })
    const began = Date.now()
    const answer = post('/v2/conversations', {})
    await expect.poll(() => simulator.conversations().length, { timeout: 250 }).toBe(1)
    expect((await answer).status).toBe(200)
    expect(Date.now() - began).toBeGreaterThanOrEqual(295)
  })

  it('answer the status, the body and the Retry-After that were asked for', async () => {
    const { fault, get, post } = await start()
    await fault({ operation: 'create', kind: 'status', status: 429, retry_after: 7 })
    await fault({ operation: 'list', kind: 'status', status: 500, body: { message: 'tired' } })
    const limited = await post('/v2/conversations', {})
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7'])
    const failed = await get('/v2/conversations')
    expect([failed.status, failed.body]).toEqual([500, { message: 'tired' }])
  })

  it('strike so many times and no more, and only their operation', async () => {
    const { call, create, fault, get, post } = await start()
    const { conversation_id: id } = await create()
    for (const operation of ['get', 'list', 'end', 'delete', 'llm'])
      await fault({ operation, kind: 'status', times: 1 })
    const once = async () => [
      (await get(`/v2/conversations/${id}`)).status,
      (await get('/v2/conversations')).status,
      (await post(`/v2/conversations/${id}/end`)).status,
      (await call('DELETE', `/v2/conversations/${id}`)).status,
      (await get('/llm/healthz')).status,
    ]
    expect((await post('/v2/conversations', {})).status).toBe(200)
    expect(await once()).toEqual([503, 503, 503, 503, 503])
    expect(await once()).toEqual([200, 200, 200, 204, 200])
    expect((await get('/__sim/faults')).body).toEqual({ faults: [] })
  })

  it('strike by rate, the same requests for the same seed', async () => {
    const run = async (seed: number) => {
      const { fault, get } = await start({ seed })
      await fault({ operation: 'list', kind: 'status', rate: 0.3 })
      const statuses: number[] = []
      for (let count = 0; count < 60; count++) statuses.push((await get('/v2/conversations')).status)
      return statuses
    }
    const [first, second, other] = [await run(5), await run(5), await run(6)]
    expect(first).toEqual(second)
    expect(first).not.toEqual(other)
    const struck = first.filter((status) => status === 503).length
    expect(struck).toBeGreaterThan(6)
    expect(struck).toBeLessThan(32)
  })

  it('can be listed, taken back one by one, and cleared', async () => {
    const { call, fault, get } = await start()
    const { id } = await fault({ operation: 'list', kind: 'status' })
    await fault({ operation: 'callback', kind: 'lost', rate: 0.5 })
    expect((await get('/__sim/faults')).body.faults).toHaveLength(2)
    expect((await call('DELETE', `/__sim/faults/${id}`)).status).toBe(204)
    expect((await call('DELETE', `/__sim/faults/${id}`)).status).toBe(404)
    expect((await get('/v2/conversations')).status).toBe(200)
    expect((await call('DELETE', '/__sim/faults')).status).toBe(204)
    expect((await get('/__sim/faults')).body.faults).toEqual([])
  })

  it.each([
    ['operation', { operation: 'sing', kind: 'status' }],
    ['operation', { kind: 'status' }],
    ['kind', { operation: 'create', kind: 'lost' }],
    ['kind', { operation: 'callback', kind: 'status' }],
    ['rate', { operation: 'create', kind: 'status', rate: 2 }],
    ['times', { operation: 'create', kind: 'status', times: 0 }],
    ['status', { operation: 'create', kind: 'status', status: 200 }],
    ['delay_ms', { operation: 'callback', kind: 'delay', delay_ms: '5' }],
    ['rat', { operation: 'create', kind: 'status', rat: 0.5 }],
  ])('are refused with the name of the field %s when they make no sense', async (field, body) => {
    const { get, post } = await start()
    const answer = await post('/__sim/faults', body)
    expect([answer.status, answer.body.field]).toEqual([400, field])
    expect(answer.body.error).toContain(field)
    expect((await get('/__sim/faults')).body.faults).toEqual([])
  })
})

describe('faults of callbacks', () => {
  it('lose a callback on its way, while the verbose answer has it', async () => {
    const { simulator, create, fault, get } = await start()
    const hook = await receiver()
    await fault({ operation: 'callback', kind: 'lost', event_type: 'system.replica_joined' })
    const { conversation_id: id } = await create({ callback_url: hook.url })
    await expect.poll(() => simulator.conversation(id)?.deliveries.length).toBe(2)
    expect(hook.types()).toEqual(['system.pal_joined'])
    const { events } = (await get(`/v2/conversations/${id}?verbose=true`)).body
    expect((events as { event_type: string }[]).map((event) => event.event_type)).toEqual([
      'system.replica_joined',
      'system.pal_joined',
    ])
    expect(simulator.conversation(id)?.deliveries.find(({ lost }) => lost)).toMatchObject({
      event_type: 'system.replica_joined',
      attempts: 0,
      status: null,
    })
  })

  it('send a callback twice, word for word', async () => {
    const { simulator, create, fault } = await start()
    const hook = await receiver()
    await fault({ operation: 'callback', kind: 'duplicate', event_type: 'system.pal_joined', delay_ms: 50 })
    const { conversation_id: id } = await create({ callback_url: hook.url })
    await expect.poll(hook.types).toHaveLength(3)
    const [first, second] = hook.of('system.pal_joined')
    expect(first?.body).toEqual(second?.body)
    await expect
      .poll(() => simulator.conversation(id)?.deliveries.filter(({ duplicated }) => duplicated).length)
      .toBe(1)
  })

  it('send a callback a second time with another proof', async () => {
    const { simulator, create, fault } = await start()
    const hook = await receiver(({ url }) => (url.includes('token=abcdef') ? 200 : 401))
    await fault({ operation: 'callback', kind: 'forged_token', times: 1, event_type: 'system.replica_joined' })
    const { conversation_id: id } = await create({ callback_url: hook.url })
    await expect.poll(() => simulator.conversation(id)?.deliveries.length).toBe(3)
    const urls = hook.of('system.replica_joined').map(({ url }) => url)
    expect(urls.sort()).toEqual(['/hook?session=s1&token=Abcdef', '/hook?session=s1&token=abcdef'])
    expect(simulator.conversation(id)?.deliveries.find(({ forged }) => forged)?.status).toBe(401)
  })

  it('let a callback wait, so that later ones overtake it', async () => {
    const { create, fault } = await start()
    const hook = await receiver()
    await fault({ operation: 'callback', kind: 'delay', delay_ms: 200, event_type: 'system.replica_joined' })
    await create({ callback_url: hook.url })
    await expect.poll(hook.types).toEqual(['system.pal_joined', 'system.replica_joined'])
  })

  it('bring callbacks out of order', async () => {
    const { simulator, create, fault } = await start()
    const hook = await receiver()
    await fault({ operation: 'callback', kind: 'reorder', delay_ms: 200 })
    for (let count = 0; count < 8; count++) await create({ callback_url: hook.url })
    await expect.poll(hook.types).toHaveLength(16)
    const delays = simulator.conversations().flatMap((row) => row.deliveries.map((delivery) => delivery.delayed_ms))
    expect(new Set(delays).size).toBeGreaterThan(5)
    const times = hook.received.map(({ body }) => body.timestamp)
    expect(times).not.toEqual([...times].sort())
  })

  it.each([
    ['http://h/p?token=abc', 'http://h/p?token=Abc'],
    ['http://h/p?token=Abc', 'http://h/p?token=Bbc'],
    ['http://h/p?k=xyz', 'http://h/p?k=Ayz'],
    ['http://h/p', 'http://h/p?token=forged'],
  ])('make a wrong proof of a right one: %s', (url, forged) => {
    expect(forgedUrl(url)).toBe(forged)
  })

  it('leave alone what was sent on demand', async () => {
    const { create, fault, post, simulator } = await start()
    const hook = await receiver()
    const { conversation_id: id } = await create({ callback_url: hook.url })
    await expect.poll(hook.types).toHaveLength(2)
    await fault({ operation: 'callback', kind: 'lost' })
    expect((await post(`/__sim/conversations/${id}/redeliver`, {})).body).toEqual({ redelivered: 2 })
    await expect.poll(hook.types).toHaveLength(4)
    await post(`/__sim/conversations/${id}/redeliver`, { event_type: 'system.pal_joined' })
    await expect.poll(hook.types).toHaveLength(5)
    await wait(50)
    expect(simulator.conversation(id)?.events).toHaveLength(2)
    expect(
      hook
        .of('system.pal_joined')
        .map(({ body }) => JSON.stringify(body))
        .every((text, _, all) => text === all[0]),
    ).toBe(true)
  })
})
