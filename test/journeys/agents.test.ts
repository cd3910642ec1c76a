import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { addFault, call, clearFaults, configureSimulator, eventually, login } from '../support/client.js'
import { type Stack, startStack } from '../support/stack.js'

let stack: Stack
let token: string

beforeAll(async () => {
  stack = await startStack({
    env: {
      ELEVENLABS_ENABLE_RECORDING: 'true',
      SESSION_RECONCILE_SECONDS: '1',
      SESSION_START_TIMEOUT_SECONDS: '4',
      SESSION_ABANDON_SECONDS: '0.5',
      RATE_LIMIT_ANONYMOUS: '100000/minute',
      LOGIN_RATE_LIMIT: '1000/minute',
    },
  })
  token = await login(stack.url)
})
afterAll(() => stack?.stop())
beforeEach(async () => {
  await clearFaults(stack.simulator.url)
  await configureSimulator(stack.simulator.url, { agent_processing_ms: 100, agent_webhook_ms: [50, 300] })
})

type Options = Parameters<typeof call>[1]
const start = (more: Options = {}) => call(`${stack.url}/elevenlabs/start`, { token, body: {}, ...more })
const end = (id: string, more: Options = {}) => call(`${stack.url}/elevenlabs/end/${id}`, { token, ...more })
const session = (id: string) => call(`${stack.url}/sessions/${id}`, { method: 'GET', token })
const agents = (path: string, body?: object) =>
  call(`${stack.simulator.url}/__sim/agents${path}`, body ? { body } : { method: 'GET' })
const talks = async () => (await agents('')).body.conversations as Record<string, unknown>[]
const row = async (id: string) =>
  (await stack.rows('select * from conversations_users where external_conversation_id = $1', [id]))[0]

/** As the caller's page does with the answer: it opens the socket, and says who it is. */
async function connect(started: { body: { conversation_id: string } & Record<string, unknown> }, more: object = {}) {
  const { conversation_id: id, signed_url, conversation_initiation_client_data: data } = started.body
  const { dynamic_variables } = data as { dynamic_variables: object }
  const signature = new URL(String(signed_url)).searchParams.get('conversation_signature')
  const { status, body } = await agents(`/${id}/connect`, { signature, dynamic_variables, ...more })
  expect(status, JSON.stringify(body)).toBe(200)
  return id
}
const hangUp = (id: string, by = 'caller') => agents(`/${id}/end`, { by })

/** Until transcript and recording are in the row. */
const complete = (id: string) =>
  eventually(
    () => row(id),
    (found) => found?.transcript !== null && found?.recording_url !== null && found?.ended_at !== null,
    30_000,
  )

/** As the provider has it, within the rounding of whole seconds. */
async function expectTruth(id: string, found: Record<string, unknown> | undefined) {
  const { body: truth } = await agents(`/${id}`)
  expect(truth.status).toBe('ended')
  expect(Math.abs(Number(found?.duration_seconds) - truth.duration_seconds)).toBeLessThanOrEqual(1)
  expect(Math.abs(Number(found?.ended_at) - Date.parse(truth.ended_at))).toBeLessThanOrEqual(2000)
}

const namesOf = async (sessionId: string) =>
  (await stack.rows<{ event: string }>('select event from event_logs where session_id = $1', [sessionId]))
    .map(({ event }) => event)
    .filter((event) => event.startsWith('session.'))
    .sort()

const everything = ['session.ended', 'session.recording.ready', 'session.started', 'session.transcript.ready']

describe('a talk with an agent', () => {
  it('begins at a signed URL, is tracked as of type 2, and its row has the provider’s own times', async () => {
    const body = { conversational_context: 'Ask about Thursday', custom_greeting: 'Hello', language: 'en' }
    const started = await start({ body })
    expect(started.status).toBe(200)
    expect(started.headers.get('cache-control')).toBe('no-store')
    const { conversation_id: id, session_id: sessionId, debug } = started.body
    expect(started.body).toEqual({
      conversation_id: id,
      conversation_url: started.body.signed_url,
      signed_url: expect.stringMatching(/^ws:\/\/.*[?&]conversation_signature=/),
      status: 'active',
      session_id: expect.any(String),
      conversation_initiation_client_data: {
        type: 'conversation_initiation_client_data',
        conversation_config_override: { agent: { first_message: 'Hello', language: 'en' } },
        dynamic_variables: { parley_session_id: sessionId, conversational_context: 'Ask about Thursday' },
      },
      debug: {
        jwt_user_id: expect.any(String),
        jwt_email: 'lead@acme.test',
        prewarm: { skipped: true, reason: 'disabled' },
        elevenlabs_conversation_id: id,
        system_user_id: debug.jwt_user_id,
        db_tracking: 'success',
      },
    })
    expect(await row(id)).toMatchObject({
      session_id: sessionId,
      conversation_type_id: 2,
      tavus_conversation_id: null,
      status: 'active',
      joined_at: null,
      ended_at: null,
    })
    await connect(started)
    await eventually(
      () => row(id),
      (found) => found?.joined_at !== null,
    )
    await hangUp(id)
    const ended = await end(id)
    expect(ended.status).toBe(200)
    expect(ended.body).toMatchObject({ conversation_id: id, status: 'completed', end_reason: 'user' })
    const found = await complete(id)
    expect(found).toMatchObject({ status: 'completed', end_reason: 'user', metadata: { outcome: 'completed' } })
    await expectTruth(id, found)
    expect(await namesOf(sessionId)).toEqual(everything)
    const heard = await call(`${stack.url}/sessions/${sessionId}/transcript`, { method: 'GET', token })
    expect(heard.body.transcript[0]).toMatchObject({ role: 'assistant', content: 'Hello, shall we begin?' })
    const recording = await call(`${stack.url}/sessions/${sessionId}/recording/audio`, { method: 'GET', token })
    expect([recording.status, recording.headers.get('content-type')]).toEqual([200, 'audio/mpeg'])
    expect((await session(sessionId)).body).toMatchObject({ provider: 'elevenlabs', artifacts: { recording: true } })
  })

  it('that its caller leaves without a word is ended in the row by the webhook', async () => {
    const started = await start()
    const id = await connect(started)
    await hangUp(id)
    const found = await complete(id)
    expect(found).toMatchObject({ status: 'completed', end_reason: 'provider' })
    await expectTruth(id, found)
  })

  it('that runs on after its end was asked for counts from the asking, and then as the provider has it', async () => {
    const started = await start()
    const id = await connect(started)
    const ended = await end(id)
    expect(ended.body).toMatchObject({ status: 'completed', end_reason: 'user' })
    expect((await agents(`/${id}`)).body.status).toBe('active')
    // A second end is the same one.
    expect((await end(id)).body).toMatchObject({ session_id: started.body.session_id, end_reason: 'user' })
    await hangUp(id, 'agent')
    const found = await complete(id)
    expect(found?.end_reason).toBe('user')
    await expectTruth(id, found)
  })

  it('is ended by the agent’s own maximum', async () => {
    const started = await start()
    const id = await connect(started, { max_seconds: 1 })
    const found = await complete(id)
    expect((await agents(`/${id}`)).body.ended_by).toBe('max_duration')
    await expectTruth(id, found)
  })

  it('that the provider breaks off is a failed session', async () => {
    const id = await connect(await start())
    await hangUp(id, 'failure')
    const found = await eventually(
      () => row(id),
      (known) => known?.ended_at !== null && known?.transcript !== null,
    )
    expect(found).toMatchObject({ status: 'failed', end_reason: 'error', metadata: { error: { code: 1011 } } })
  })

  it('that never came about is a failed session, by the webhook that says so', async () => {
    const { conversation_id: id } = (await start()).body
    const life = { conversation_id: id, result: 'busy', phone: 'sip', span_ms: 100 }
    expect((await call(`${stack.simulator.url}/__sim/webhooks/elevenlabs`, { body: life })).status).toBe(202)
    const found = await eventually(
      () => row(id),
      (known) => known?.ended_at !== null,
    )
    expect(found).toMatchObject({ status: 'failed', end_reason: 'error', metadata: { outcome: 'busy' } })
  })

  it('works without a token, and is not tracked', async () => {
    const started = await start({ token: undefined })
    expect(started.body.debug).toMatchObject({ db_tracking: 'skipped: unauthenticated or missing data' })
    const id = await connect(started)
    await hangUp(id)
    const open = () =>
      stack.rows(
        `select conversation_type_id, duration_seconds from untracked_sessions
         where external_conversation_id = $1 and facts ? 'shutdownAt'`,
        [id],
      )
    expect(await eventually(open, (rows) => rows.length === 1)).toMatchObject([{ conversation_type_id: 2 }])
    expect((await end(id, { token: undefined })).status).toBe(200)
    expect(await row(id)).toBeUndefined()
  })
})

describe('@idempotency webhooks of a talk', () => {
  it.each([
    ['lost', [{ kind: 'lost' }]],
    ['late', [{ kind: 'delay', delay_ms: 2500 }]],
    ['duplicated', [{ kind: 'duplicate', delay_ms: 500 }]],
    ['reordered', [{ kind: 'reorder', delay_ms: 1500 }]],
    ['beside forged ones', [{ kind: 'bad_signature' }]],
    [
      'duplicated, late and reordered at once',
      [
        { kind: 'duplicate', delay_ms: 800 },
        { kind: 'reorder', delay_ms: 1500 },
        { kind: 'delay', delay_ms: 200 },
      ],
    ],
  ])('that are %s tell the truth, once', async (_how, faults) => {
    for (const fault of faults)
      await addFault(stack.simulator.url, { operation: 'webhook', provider: 'elevenlabs', ...fault })
    const started = await start()
    const id = await connect(started)
    await hangUp(id)
    await end(id)
    const found = await complete(id)
    await expectTruth(id, found)
    expect(found?.metadata).toMatchObject({ outcome: 'completed' })
    // Whatever is still on its way changes nothing.
    const settled = async () => {
      const path = `/__sim/webhooks?provider=elevenlabs&external_id=${id}`
      return (await call(`${stack.simulator.url}${path}`, { method: 'GET' })).body.webhooks as { pending: boolean }[]
    }
    await eventually(settled, (all) => all.length === 2 && all.every(({ pending }) => !pending), 20_000)
    expect(await namesOf(started.body.session_id)).toEqual(everything)
    const again = await row(id)
    expect([again?.duration_seconds, again?.ended_at]).toEqual([found?.duration_seconds, found?.ended_at])
    const receipts = await stack.rows('select kind, status from webhook_receipts where external_id = $1', [id])
    expect(receipts.map(({ kind, status }) => `${kind} ${status}`).sort()).toEqual([
      'post_call_audio processed',
      'post_call_transcription processed',
    ])
  })

  it('that come once the session has closed are taken in all the same', async () => {
    await addFault(stack.simulator.url, { operation: 'webhook', provider: 'elevenlabs', kind: 'lost' })
    const started = await start()
    const id = await connect(started)
    await hangUp(id)
    await complete(id)
    const open = () => call(`${stack.simulator.url}/__sim/webhooks?external_id=${id}`, { method: 'GET' })
    const { webhooks } = (await eventually(open, ({ body }) => body.webhooks.length === 2)).body
    await clearFaults(stack.simulator.url)
    for (const { seq } of webhooks) await call(`${stack.simulator.url}/__sim/webhooks/${seq}/redeliver`, { body: {} })
    const told = await eventually(open, ({ body }) =>
      body.webhooks.every(({ delivered }: { delivered: boolean }) => delivered),
    )
    const answers = told.body.webhooks.flatMap(({ deliveries }: { deliveries: { attempts: { answer: string }[] }[] }) =>
      deliveries.flatMap(({ attempts }) => attempts.map(({ answer }) => answer)),
    )
    expect(answers).toEqual(['duplicate_ignored', 'duplicate_ignored'])
    expect(await namesOf(started.body.session_id)).toEqual(everything)
  })

  it('that are lost while the provider’s API fails delay the truth and do not hide it', async () => {
    await addFault(stack.simulator.url, { operation: 'webhook', provider: 'elevenlabs', kind: 'lost' })
    const id = await connect(await start())
    await addFault(stack.simulator.url, { operation: 'elevenlabs', kind: 'status', status: 500, times: 1 })
    await addFault(stack.simulator.url, { operation: 'elevenlabs', kind: 'lost_answer', times: 1 })
    await addFault(stack.simulator.url, {
      operation: 'elevenlabs',
      kind: 'status',
      status: 429,
      retry_after: 1,
      times: 1,
    })
    await hangUp(id)
    await end(id)
    await expectTruth(id, await complete(id))
  })
})

describe('a start', () => {
  it('is one talk for one Idempotency-Key, and another body under it is refused by name', async () => {
    const headers = { 'idempotency-key': randomUUID() }
    const [first, second] = await Promise.all([start({ headers }), start({ headers })])
    expect(second.body).toMatchObject({
      conversation_id: first.body.conversation_id,
      signed_url: first.body.signed_url,
      conversation_initiation_client_data: first.body.conversation_initiation_client_data,
    })
    const other = await start({ headers, body: { language: 'de' } })
    expect([other.status, other.body.errors?.[0]?.pointer]).toEqual([422, 'header/idempotency-key'])
  })

  it('goes on after an answer of the provider that was lost', async () => {
    await addFault(stack.simulator.url, { operation: 'signed_url', kind: 'lost_answer', times: 1 })
    const started = await start()
    expect(started.status).toBe(200)
    const id = await connect(started)
    await hangUp(id)
    await complete(id)
  })

  it('goes through POST /sessions too, and by its agent', async () => {
    await configureSimulator(stack.simulator.url, { elevenlabs_agents: ['agent_other'] })
    const body = { provider: 'elevenlabs', agent_id: 'agent_other', metadata: { a: 1 } }
    const started = await call(`${stack.url}/sessions`, { token, body })
    expect(started.status).toBe(201)
    const id = await connect(started)
    expect((await agents(`/${id}`)).body.agent_id).toBe('agent_other')
    expect((await call(`${stack.url}/sessions/${started.body.session_id}/end`, { token })).body).toMatchObject({
      conversation_id: id,
      end_reason: 'user',
    })
  })

  it('with Prefer: respond-async is read at its Location', async () => {
    const options = { token, headers: { prefer: 'respond-async' }, body: { provider: 'elevenlabs' } }
    const { status, headers } = await call(`${stack.url}/sessions`, options)
    expect(status).toBe(202)
    const found = await eventually(
      () => call(`${stack.url}${headers.get('location')}`, { method: 'GET', token }),
      ({ body }) => body.status === 'active',
    )
    expect(found.body).toMatchObject({ provider: 'elevenlabs', conversation_url: expect.stringMatching(/^ws:/) })
  })

  it('by GET begins one as well, and HEAD and prefetches begin nothing', async () => {
    const before = (await talks()).length
    const url = `${stack.url}/elevenlabs/start`
    const speculative: Options[] = [
      { method: 'HEAD' },
      { method: 'GET', headers: { 'sec-purpose': 'prefetch' } },
      { method: 'GET', headers: { purpose: 'prefetch' } },
    ]
    for (const options of speculative) {
      const answer = await call(url, { token, ...options })
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([204, 'no-store'])
    }
    expect(await talks()).toHaveLength(before)
    expect((await call(url, { method: 'GET', token })).status).toBe(200)
    expect(await talks()).toHaveLength(before + 1)
  })

  it.each([
    ['/persona_id', { provider: 'elevenlabs', persona_id: 'p1' }],
    ['/replica_id', { provider: 'elevenlabs', replica_id: 'r1' }],
    ['/agent_id', { provider: 'tavus', agent_id: 'agent_1' }],
    ['/provider', { provider: 'somebody' }],
  ])('that asks for what is another provider’s is refused at %s', async (pointer, body) => {
    const answer = await call(`${stack.url}/sessions`, { token, body })
    expect([answer.status, answer.body.errors[0].pointer]).toEqual([422, pointer])
  })

  it('of an agent that nobody has is 404, in the provider’s words', async () => {
    const answer = await start({ body: { agent_id: 'agent_of_nobody' } })
    expect(answer.status).toBe(404)
    expect(answer.body).toMatchObject({
      code: 'provider_not_found',
      detail: expect.stringContaining('agent_of_nobody'),
    })
  })

  it.each([
    [400, { detail: { status: 'bad', message: 'no such voice' } }, 400, 'provider_rejected', 'no such voice'],
    [422, { detail: [{ loc: ['query', 'x'], msg: 'wrong' }] }, 400, 'provider_rejected', 'query/x wrong'],
    [401, { detail: { status: 'invalid_api_key', message: 'Invalid' } }, 502, 'provider_credentials', 'Invalid'],
    [401, { detail: { status: 'quota_exceeded', message: 'used up' } }, 402, 'provider_out_of_credits', 'used up'],
    [429, { detail: { code: 'concurrent_limit_exceeded', message: 'busy' } }, 429, 'provider_at_capacity', 'busy'],
  ])('that the provider answers %i %j is answered %i %s after one try', async (status, body, answered, code, said) => {
    await addFault(stack.simulator.url, { operation: 'signed_url', kind: 'status', status, body, times: 1 })
    const answer = await start()
    expect(answer.status).toBe(answered)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    expect(answer.body).toMatchObject({ code, status: answered, detail: expect.stringContaining(said) })
  })

  it('waits 429 out as it asks', async () => {
    await addFault(stack.simulator.url, {
      operation: 'signed_url',
      kind: 'status',
      status: 429,
      retry_after: 1,
      times: 1,
    })
    expect((await start()).status).toBe(200)
  })

  it.each([
    ['5xx', { kind: 'status', status: 500 }, 502, 'provider_failed'],
    ['a reset', { kind: 'reset' }, 503, 'provider_unreachable'],
    ['no answer', { kind: 'latency', delay_ms: 9000 }, 503, 'provider_timeout'],
  ])('that meets %s to the end of its time is answered so, and leaves no row', async (_what, fault, status, code) => {
    await addFault(stack.simulator.url, { operation: 'signed_url', ...fault })
    const answer = await start({ body: { metadata: { mark: code } } })
    expect([answer.status, answer.body.code]).toEqual([status, code])
    expect(await stack.rows('select 1 from conversations_users where metadata @> $1', [{ mark: code }])).toEqual([])
  })
})

describe('@multitenant an end', () => {
  it('by another user is 404 and ends nothing, and so is that of an id of another provider', async () => {
    const { conversation_id: id, session_id: sessionId } = (await start()).body
    const others = [
      await login(stack.url, 'lead@borealis.test'),
      await login(stack.url, 'rep@acme.test'),
      undefined,
      'not.a.token',
    ]
    for (const other of others) expect((await end(id, { token: other })).status).toBe(404)
    expect((await call(`${stack.url}/tavus/end/${id}`, { token })).status).toBe(404)
    expect((await end('conv_of_nobody')).status).toBe(404)
    expect(await row(id)).toMatchObject({ status: 'active', ended_at: null })
    const stranger = await login(stack.url, 'lead@borealis.test')
    const seen = await call(`${stack.url}/sessions/${sessionId}`, { method: 'GET', token: stranger })
    expect(seen.status).toBe(404)
    expect((await end(id)).status).toBe(200)
  })
})
