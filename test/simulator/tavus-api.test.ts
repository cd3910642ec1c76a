import { describe, expect, it } from 'vitest'
import { cleanUpAfterEach, start } from './support.js'

cleanUpAfterEach()

const micros = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/

describe('POST /v2/conversations', () => {
  it('answers 200 with the conversation, its room and its time in microseconds', async () => {
    const { simulator, post } = await start()
    const { status, body } = await post('/v2/conversations', {
      conversation_name: 's-1',
      callback_url: 'http://127.0.0.1:9/x',
    })
    expect(status).toBe(200)
    expect(body).toEqual({
      conversation_id: expect.stringMatching(/^c[0-9a-f]{11}$/),
      conversation_name: 's-1',
      conversation_url: `${simulator.url}/room/${body.conversation_id}`,
      room_url: `${simulator.url}/hosted/${body.conversation_id}`,
      status: 'active',
      callback_url: 'http://127.0.0.1:9/x',
      created_at: expect.stringMatching(micros),
    })
  })

  it('names a conversation that was given no name, and the truth says that none was given', async () => {
    const { simulator, post } = await start()
    const { body } = await post('/v2/conversations', {})
    expect(body.conversation_name).toMatch(/^New Conversation \d+$/)
    expect(simulator.conversation(body.conversation_id)?.conversation_name).toBeNull()
  })

  it.each([{}, { 'x-api-key': 'wrong' }, { authorization: 'Bearer test-key', 'x-api-key': '' }])(
    'answers 401 when the key is not right: %j',
    async (headers) => {
      const { simulator, post } = await start({ apiKey: 'other' })
      const { status, body } = await post('/v2/conversations', {}, headers)
      expect([status, body]).toEqual([401, { message: 'Invalid access token' }])
      expect(simulator.conversations()).toEqual([])
    },
  )

  it('answers 400 at the limit of concurrent conversations, and creates again when one has ended', async () => {
    const { simulator, post, create } = await start({ timings: { max_concurrent: 1 } })
    const { conversation_id } = await create()
    const full = await post('/v2/conversations', {})
    expect([full.status, full.body]).toEqual([400, { message: 'User has reached maximum concurrent conversations' }])
    expect((await post('/v2/conversations', { test_mode: true })).status).toBe(200)
    await post(`/v2/conversations/${conversation_id}/end`)
    expect((await post('/v2/conversations', {})).status).toBe(200)
    expect(simulator.conversations()).toHaveLength(3)
  })

  it('answers 402 when the account is out of credits', async () => {
    const { post } = await start({ timings: { out_of_credits: true } })
    const { status, body } = await post('/v2/conversations', {})
    expect([status, body]).toEqual([402, { message: 'The user is out of conversational credits.' }])
  })

  it('creates an ended conversation in test mode, which nobody joins and nobody is told of', async () => {
    const { simulator, post, create, get } = await start({ timings: { join_delay_ms: 0 } })
    const { conversation_id } = await create({ test_mode: true, callback_url: 'http://127.0.0.1:9/' })
    await post(`/v2/conversations/${conversation_id}/end`)
    expect((await get(`/v2/conversations/${conversation_id}`)).body.status).toBe('ended')
    expect(simulator.conversation(conversation_id)).toMatchObject({ status: 'ended', joined_at: null, events: [] })
  })

  it.each([{ require_auth: true }, { properties: { require_auth: true } }])(
    'gives a meeting token to a private room: %j',
    async (given) => {
      const { post } = await start()
      const { body } = await post('/v2/conversations', {
        ...given,
        properties: { ...given.properties, participant_absent_timeout: 120 },
      })
      const claims = JSON.parse(Buffer.from(String(body.meeting_token).split('.')[1] ?? '', 'base64url').toString())
      expect(claims.exp - claims.iat).toBe(120)
      expect(claims.r).toBe(body.conversation_id)
    },
  )

  it('has no hosted page for an external meeting', async () => {
    const { post } = await start()
    expect((await post('/v2/conversations', { meeting_url: 'https://meet.example/x' })).body.room_url).toBeUndefined()
  })

  it.each([
    ['callback_url', { callback_url: 3 }],
    ['callback_url', { callback_url: 'not a url' }],
    ['conversation_name', { conversation_name: ['a'] }],
    ['test_mode', { test_mode: 'true' }],
    ['max_participants', { max_participants: 1 }],
    ['document_retrieval_strategy', { document_retrieval_strategy: 'best' }],
    ['properties.max_call_duration', { properties: { max_call_duration: '60' } }],
    ['properties.enable_recording', { properties: { enable_recording: 1 } }],
    ['properties.recording_storage.provider', { properties: { recording_storage: { provider: 'ftp' } } }],
  ])('answers 400 naming %s when its type is wrong', async (field, body) => {
    const { simulator, post } = await start()
    const answer = await post('/v2/conversations', body)
    expect(answer.status).toBe(400)
    expect(Object.keys(answer.body)).toEqual(['error'])
    expect(answer.body.error).toContain(field)
    expect(simulator.conversations()).toEqual([])
  })

  it('answers 400 to JSON that cannot be read, and 413 to a body that is too large', async () => {
    const { post } = await start()
    expect((await post('/v2/conversations', '{"a":')).status).toBe(400)
    expect((await post('/v2/conversations', { conversational_context: 'x'.repeat(1_100_000) })).status).toBe(413)
  })

  it('keeps the request as it was received', async () => {
    const { simulator, create } = await start()
    const body = {
      conversation_name: 'b',
      unknown: { z: 1 },
      callback_url: 'http://127.0.0.1:9/',
      properties: { language: 'english', x: [1] },
    }
    const { conversation_id } = await create(body)
    expect(JSON.stringify(simulator.conversation(conversation_id)?.request)).toBe(JSON.stringify(body))
  })
})

describe('GET /v2/conversations/:id', () => {
  it('spells persona and replica one way per conversation, and either way among many', async () => {
    const { create, get } = await start()
    const seen = new Set<string>()
    for (let count = 0; count < 20; count++) {
      const { conversation_id } = await create({ persona_id: 'p1', replica_id: 'r1' })
      const { body } = await get(`/v2/conversations/${conversation_id}`)
      const keys = ['persona_id', 'pal_id', 'replica_id', 'face_id'].filter((key) => key in body)
      expect([body.persona_id ?? body.pal_id, body.replica_id ?? body.face_id]).toEqual(['p1', 'r1'])
      seen.add(keys.join())
    }
    expect([...seen].sort()).toEqual(['pal_id,face_id', 'persona_id,replica_id'])
  })

  it('takes the new spelling of a request too, and has no events unless asked', async () => {
    const { create, get } = await start()
    const { conversation_id } = await create({ pal_id: 'p2', face_id: 'r2' })
    const { body } = await get(`/v2/conversations/${conversation_id}`)
    expect([body.persona_id ?? body.pal_id, body.replica_id ?? body.face_id]).toEqual(['p2', 'r2'])
    expect(body).not.toHaveProperty('events')
    expect(body.updated_at).toMatch(micros)
    expect((await get(`/v2/conversations/${conversation_id}?verbose=true`)).body.events).toEqual(expect.any(Array))
  })

  it.each([
    ['GET', '/v2/conversations/c00000000000'],
    ['GET', '/v2/conversations/c00000000000?verbose=true'],
    ['POST', '/v2/conversations/c00000000000/end'],
    ['DELETE', '/v2/conversations/c00000000000'],
  ])('answers 400 and not 404 to an unknown id: %s %s', async (method, path) => {
    const { call } = await start()
    const { status, body } = await call(method, path)
    expect([status, body]).toEqual([400, { error: 'Invalid conversation_id' }])
  })
})

describe('GET /v2/conversations', () => {
  it('pages the newest first, ten at a time, with the count of all', async () => {
    const { create, get } = await start()
    const ids: string[] = []
    for (let count = 0; count < 12; count++) ids.unshift((await create()).conversation_id)
    const idsOf = async (path: string) =>
      ((await get(path)).body.data as { conversation_id: string }[]).map((row) => row.conversation_id)
    expect(await idsOf('/v2/conversations')).toEqual(ids.slice(0, 10))
    expect(await idsOf('/v2/conversations?page=2')).toEqual(ids.slice(10))
    expect(await idsOf('/v2/conversations?limit=5&page=3')).toEqual(ids.slice(10))
    expect(await idsOf('/v2/conversations?page=9')).toEqual([])
    expect((await get('/v2/conversations?limit=1')).body.total_count).toBe(12)
  })

  it('filters by status, and forgets what was deleted', async () => {
    const { call, create, get, post } = await start()
    const [active, ended, deleted] = [await create(), await create(), await create()]
    await post(`/v2/conversations/${ended.conversation_id}/end`)
    await call('DELETE', `/v2/conversations/${deleted.conversation_id}`)
    const rows = async (status: string) => {
      const { data, total_count } = (await get(`/v2/conversations?status=${status}`)).body
      return [(data as { conversation_id: string }[]).map((row) => row.conversation_id), total_count]
    }
    expect(await rows('active')).toEqual([[active.conversation_id], 1])
    expect(await rows('ended')).toEqual([[ended.conversation_id], 1])
    expect((await get('/v2/conversations')).body.total_count).toBe(2)
  })

  it.each(['limit=0', 'limit=x', 'page=0', 'page=1.5', 'status=gone'])('answers 400 to %s', async (query) => {
    const { get } = await start()
    expect((await get(`/v2/conversations?${query}`)).status).toBe(400)
  })
})

describe('ending and deleting', () => {
  it('ends with 200 and an empty body, the second time too, with one shutdown', async () => {
    const { simulator, create, get, post } = await start({ timings: { join_delay_ms: 5000 } })
    const { conversation_id: id } = await create()
    for (let count = 0; count < 2; count++) {
      const { status, text } = await post(`/v2/conversations/${id}/end`)
      expect([status, text]).toEqual([200, ''])
    }
    await expect
      .poll(async () => (await get(`/v2/conversations/${id}?verbose=true`)).body.shutdown_reason)
      .toBe('end_conversation_endpoint_hit')
    await expect.poll(() => simulator.conversation(id)?.events.length).toBe(2)
    expect(simulator.conversation(id)?.events.filter((event) => event.event_type === 'system.shutdown')).toHaveLength(1)
    expect(simulator.conversation(id)?.end_calls).toBe(2)
  })

  it('deletes with 204 and knows the conversation no more, while the truth remembers', async () => {
    const { simulator, call, create, get } = await start()
    const { conversation_id: id } = await create()
    const { status, text } = await call('DELETE', `/v2/conversations/${id}?hard=true`)
    expect([status, text]).toEqual([204, ''])
    expect((await get(`/v2/conversations/${id}`)).status).toBe(400)
    expect(simulator.conversation(id)).toMatchObject({
      status: 'ended',
      shutdown_reason: 'daily_room_has_been_deleted',
      deleted_at: expect.any(String),
    })
  })
})

describe('anything else', () => {
  it('is answered 404 or 405 in JSON', async () => {
    const { call, get } = await start()
    expect([(await get('/v2/replicas')).status, (await get('/nowhere')).body]).toEqual([
      404,
      { error: 'Not Found', path: '/nowhere' },
    ])
    const refused = await call('PATCH', '/v2/conversations')
    expect([refused.status, refused.body, refused.headers.get('allow')]).toEqual([
      405,
      { error: 'Method Not Allowed' },
      expect.stringContaining('POST'),
    ])
  })
})
