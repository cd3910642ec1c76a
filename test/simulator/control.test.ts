import { describe, expect, it } from 'vitest'
import { cleanUpAfterEach, receiver, start } from './support.js'

cleanUpAfterEach()

describe('the truth', () => {
  it('counts what was created, runs and has ended, and names what was created twice', async () => {
    const { create, get, post } = await start()
    const { conversation_id } = await create({ conversation_name: 'twice' })
    await create({ conversation_name: 'twice' })
    await create({ conversation_name: 'once' })
    await create()
    await create()
    await post(`/v2/conversations/${conversation_id}/end`)
    const { counts } = (await get('/__sim/conversations?summary=true')).body
    expect(counts).toEqual({
      created: 5,
      running: 4,
      ended: 1,
      created_twice: [{ conversation_name: 'twice', count: 2 }],
    })
  })

  it('can be narrowed by name and status, and comes in short and in full', async () => {
    const { create, get, post } = await start()
    const { conversation_id } = await create({ conversation_name: 'blue whale' })
    await create({ conversation_name: 'red fox' })
    await post(`/v2/conversations/${conversation_id}/end`)
    const names = async (query: string) =>
      ((await get(`/__sim/conversations?${query}`)).body.conversations as { conversation_name: string }[]).map(
        (row) => row.conversation_name,
      )
    expect(await names('name_contains=whale')).toEqual(['blue whale'])
    expect(await names('status=ended')).toEqual(['blue whale'])
    expect(await names('status=running&summary=true')).toEqual(['red fox'])
    expect(await names('status=active&name_contains=whale')).toEqual([])
    const [full] = (await get('/__sim/conversations')).body.conversations
    const [short] = (await get('/__sim/conversations?summary=true')).body.conversations
    expect(Object.keys(full).filter((key) => !(key in short))).toEqual(['request', 'events', 'deliveries'])
    expect((await get('/__sim/conversations?summry=true')).status).toBe(400)
  })

  it('knows one conversation, also by its duration without a joining', async () => {
    const { create, get, post } = await start({ timings: { join_delay_ms: 5000 } })
    const { conversation_id: id } = await create()
    await post(`/v2/conversations/${id}/end`)
    const { body } = await get(`/__sim/conversations/${id}`)
    expect(body).toMatchObject({ joined_at: null, human_joined_at: null, end_calls: 1 })
    expect(
      Math.abs(body.duration_seconds - (Date.parse(body.ended_at) - Date.parse(body.created_at)) / 1000),
    ).toBeLessThan(0.002)
    expect((await get('/__sim/conversations/c0')).status).toBe(404)
  })
})

describe('what can be made to happen', () => {
  it('is an end by the provider, for any reason, once', async () => {
    const { create, post } = await start()
    const { conversation_id: id } = await create()
    const first = await post(`/__sim/conversations/${id}/shutdown`, { reason: 'internal error occurred at step 3' })
    expect(first.body).toMatchObject({
      status: 'ended',
      shutdown_reason: 'internal error occurred at step 3',
      end_calls: 0,
    })
    const second = await post(`/__sim/conversations/${id}/shutdown`, { reason: 'max_call_duration' })
    expect([second.status, second.body.ended_at, second.body.shutdown_reason]).toEqual([
      200,
      first.body.ended_at,
      first.body.shutdown_reason,
    ])
    expect((await post(`/__sim/conversations/${id}/shutdown`, { reason: 7 })).body.field).toBe('reason')
  })

  it('is a callback of any kind', async () => {
    const { create, post } = await start()
    const hook = await receiver()
    const { conversation_id: id } = await create({ callback_url: hook.url })
    const body = { event_type: 'application.recording_copy_failed', properties: { error_message: 'denied' } }
    expect((await post(`/__sim/conversations/${id}/events`, body)).status).toBe(202)
    await expect.poll(hook.types).toContain('application.recording_copy_failed')
    expect(hook.of(body.event_type)[0]?.body).toMatchObject({
      message_type: 'application',
      properties: { error_message: 'denied' },
    })
    expect((await post(`/__sim/conversations/${id}/events`, { event_type: 'x' })).body.field).toBe('event_type')
  })

  it('is another setting, which is checked', async () => {
    const { get, post } = await start()
    expect(
      (await post('/__sim/config', { join_delay_ms: [1, 2], transcript_delay_ms: 300, max_concurrent: 3 })).body,
    ).toMatchObject({
      join_delay_ms: [1, 2],
      transcript_delay_ms: [300, 300],
      max_concurrent: 3,
    })
    for (const [field, value] of [
      ['join_delay_ms', [5, 1]],
      ['join_delay_ms', 'soon'],
      ['perception_rate', 1.5],
      ['api_key', ''],
      ['speed', 1],
    ] as const) {
      const refused = await post('/__sim/config', { [field]: value })
      expect([refused.status, refused.body.field]).toEqual([400, field])
    }
    expect((await get('/__sim/config')).body).toMatchObject({ join_delay_ms: [1, 2], max_concurrent: 3 })
    await post('/__sim/config', { api_key: 'new-key' })
    expect((await get('/v2/conversations')).status).toBe(401)
    expect((await get('/v2/conversations', { 'x-api-key': 'new-key' })).status).toBe(200)
  })

  it('is a reset to the first minute', async () => {
    const { simulator, create, fault, get, post } = await start()
    await create({ conversation_name: 'gone' })
    await fault({ operation: 'any', kind: 'status' })
    await post('/__sim/config', { max_concurrent: 0 })
    expect((await post('/__sim/reset')).status).toBe(200)
    expect((await get('/__sim/conversations')).body).toEqual({
      conversations: [],
      counts: { created: 0, running: 0, ended: 0, created_twice: [] },
    })
    expect((await get('/v2/conversations')).body).toEqual({ data: [], total_count: 0 })
    expect((await get('/__sim/config')).body.max_concurrent).toBeNull()
    expect(simulator.requests()).toHaveLength(1)
  })
})

describe('the request log', () => {
  it('has the last requests of the API, the newest first, without their keys', async () => {
    const { create, get, post, simulator } = await start()
    await create()
    await get('/v2/conversations?limit=3', { authorization: 'Bearer abc' })
    await post('/v2/conversations', '{')
    await get('/__sim/health')
    const { requests } = (await get('/__sim/requests?limit=2')).body
    expect(requests).toMatchObject([
      { method: 'POST', path: '/v2/conversations', status: 400, fault: null, duration_ms: expect.any(Number) },
      { method: 'GET', path: '/v2/conversations', query: 'limit=3', status: 200, time: expect.any(String) },
    ])
    expect(JSON.stringify(simulator.requests())).not.toMatch(/test-key|Bearer abc/)
    expect(requests[1].headers).toMatchObject({ 'x-api-key': '[secret]', authorization: '[secret]' })
    expect((await get('/__sim/requests?limit=0')).status).toBe(400)
  })
})
