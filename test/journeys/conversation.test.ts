import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { addFault, call, clearFaults, configureSimulator, eventually, login, truthOf } from '../support/client.js'
import { type Stack, startStack } from '../support/stack.js'

let stack: Stack
let token: string
let linesOfStart: string[]

beforeAll(async () => {
  stack = await startStack({
    env: {
      SESSION_RECONCILE_SECONDS: '1',
      SESSION_START_TIMEOUT_SECONDS: '4',
      TAVUS_REQUEST_TIMEOUT_SECONDS: '1',
      SESSION_ABANDON_SECONDS: '0.5',
      RATE_LIMIT_ANONYMOUS: '100000/minute',
      LOGIN_RATE_LIMIT: '1000/minute',
    },
  })
  linesOfStart = [...stack.logLines]
  token = await login(stack.url)
})
afterAll(() => stack?.stop())
beforeEach(async () => {
  await clearFaults(stack.simulator.url)
  await configureSimulator(stack.simulator.url, { join_delay_ms: [100, 200], transcript_delay_ms: 100 })
})

const start = (more: Parameters<typeof call>[1] = {}) => call(`${stack.url}/tavus/start`, { token, body: {}, ...more })
const end = (id: string, more: Parameters<typeof call>[1] = {}) =>
  call(`${stack.url}/tavus/end/${id}`, { token, ...more })
const row = async (conversationId: string) =>
  (await stack.rows('select * from conversations_users where external_conversation_id = $1', [conversationId]))[0]

describe('a start of everything', () => {
  it('logs nothing that looks like trouble', () => {
    expect(linesOfStart.length).toBeGreaterThan(0)
    expect(linesOfStart.filter((line) => !line.includes('"level":"info"'))).toEqual([])
  })
})

describe('a video call', () => {
  it('is started, tracked, ended at the provider, and its row has the provider’s duration', async () => {
    const started = await start()
    expect(started.status).toBe(200)
    expect(started.headers.get('cache-control')).toBe('no-store')
    const { conversation_id: id, debug } = started.body
    expect(started.body).toMatchObject({ conversation_url: `${stack.simulator.url}/room/${id}`, status: 'active' })
    expect(debug).toEqual({
      jwt_user_id: expect.any(String),
      jwt_email: 'lead@acme.test',
      prewarm: { skipped: true, reason: 'disabled' },
      tavus_conversation_id: id,
      system_user_id: debug.jwt_user_id,
      db_tracking: 'success',
    })
    expect(await row(id)).toMatchObject({
      session_id: started.body.session_id,
      user_id: debug.jwt_user_id,
      conversation_type_id: 1,
      tavus_conversation_id: id,
      status: 'active',
      ended_at: null,
    })
    await eventually(
      () => row(id),
      (found) => found?.joined_at !== null,
    )
    const ended = await end(id)
    expect(ended.status).toBe(200)
    expect(ended.body).toMatchObject({
      conversation_id: id,
      status: 'completed',
      end_reason: 'user',
      db_tracking: 'success',
    })
    const truth = await eventually(
      () => truthOf(stack.simulator.url, id),
      (known) => known.status === 'ended',
    )
    const final = await eventually(
      () => row(id),
      (found) => found?.transcript !== null,
    )
    expect(final).toMatchObject({ status: 'completed', end_reason: 'user' })
    expect(Math.abs(final!.duration_seconds - truth.duration_seconds)).toBeLessThanOrEqual(1)
    expect(JSON.stringify(final!.transcript)).not.toContain('"system"')
    const events = await stack.rows('select event from event_logs where session_id = $1 order by id', [
      final!.session_id,
    ])
    expect(
      events
        .map(({ event }) => event)
        .filter((event) => event.startsWith('session.'))
        .sort(),
    ).toEqual(['session.ended', 'session.started', 'session.transcript.ready'])
  })

  it('gives the same answer to a second end, also after everything has closed', async () => {
    const { conversation_id: id, session_id: sessionId } = (await start()).body
    const first = await end(id)
    await eventually(
      () => call(`${stack.url}/sessions/${sessionId}`, { method: 'GET', token }),
      ({ body }) => body.artifacts.transcript,
    )
    const second = await end(id)
    expect(second.status).toBe(200)
    expect(second.body).toMatchObject({ session_id: first.body.session_id, status: 'completed', end_reason: 'user' })
    expect((await truthOf(stack.simulator.url, id)).end_calls).toBe(1)
  })

  it('is one call for one Idempotency-Key, and another body under it is refused by name', async () => {
    const key = randomUUID()
    const headers = { 'idempotency-key': key }
    const [first, second] = await Promise.all([start({ headers }), start({ headers })])
    expect(second.body.conversation_id).toBe(first.body.conversation_id)
    expect([first, second].filter(({ headers: got }) => got.get('idempotent-replayed') === 'true')).toHaveLength(1)
    const other = await start({ headers, body: { language: 'german' } })
    expect(other.status).toBe(422)
    expect(other.body.errors).toEqual([{ pointer: 'header/idempotency-key', detail: expect.any(String) }])
    await end(first.body.conversation_id)
  })

  it('is created once when the provider’s answer is lost after its effect', async () => {
    await addFault(stack.simulator.url, { operation: 'create', kind: 'lost_answer', times: 1 })
    const started = await start()
    expect(started.status).toBe(200)
    const truth = await call(`${stack.simulator.url}/__sim/conversations?name_contains=${started.body.session_id}`, {
      method: 'GET',
    })
    expect(truth.body.conversations).toHaveLength(1)
    await end(started.body.conversation_id)
  })

  it('is known to have ended although every callback was lost', async () => {
    await addFault(stack.simulator.url, { operation: 'callback', kind: 'lost' })
    const { conversation_id: id } = (await start()).body
    await call(`${stack.simulator.url}/__sim/conversations/${id}/shutdown`, {
      body: { reason: 'participant_left_timeout' },
    })
    const found = await eventually(
      () => row(id),
      (known) => known?.ended_at !== null,
    )
    expect(found).toMatchObject({ status: 'completed', end_reason: 'participant_left' })
  })

  it('that nobody joined says so beside its end reason, also to whoever ends it again', async () => {
    const { conversation_id: id, session_id: sessionId } = (await start()).body
    await call(`${stack.simulator.url}/__sim/conversations/${id}/shutdown`, {
      body: { reason: 'participant_absent_timeout' },
    })
    const nobody = { end_reason: 'participant_left', shutdown_reason: 'participant_absent_timeout' }
    const session = await eventually(
      () => call(`${stack.url}/sessions/${sessionId}`, { method: 'GET', token }),
      ({ body }) => body.artifacts.transcript && body.shutdown_reason !== null,
    )
    expect(session.body).toMatchObject(nobody)
    expect((await end(id)).body).toMatchObject(nobody)
    const { body } = await call(`${stack.url}/sessions/${sessionId}/transcript`, { method: 'GET', token })
    expect(body.transcript.map(({ role }: { role: string }) => role)).not.toContain('user')
  })

  it('that the provider ends is ended in the row, and not by an end call of ours', async () => {
    const { conversation_id: id } = (await start()).body
    await call(`${stack.simulator.url}/__sim/conversations/${id}/shutdown`, { body: { reason: 'max_call_duration' } })
    const found = await eventually(
      () => row(id),
      (known) => known?.ended_at !== null,
    )
    expect(found).toMatchObject({ status: 'completed', end_reason: 'max_duration' })
    expect((await truthOf(stack.simulator.url, id)).end_calls).toBe(0)
  })

  it('whose caller hung up before the answer is ended', async () => {
    await addFault(stack.simulator.url, { operation: 'create', kind: 'latency', delay_ms: 600, times: 1 })
    const name = `hung-up-${randomUUID()}`
    await expect(start({ body: { conversation_name: name }, signal: AbortSignal.timeout(250) })).rejects.toThrow()
    const truth = await eventually(
      () => call(`${stack.simulator.url}/__sim/conversations?name_contains=${name}`, { method: 'GET' }),
      ({ body }) => body.conversations[0]?.status === 'ended',
    )
    expect(truth.body.conversations).toHaveLength(1)
  })

  it('that carries our name and belongs to no session is ended by the sweep', async () => {
    const { conversation_id: ours, session_id: sessionId } = (await start()).body
    const { conversation_name: name } = await truthOf(stack.simulator.url, ours)
    const orphan = await call(`${stack.simulator.url}/v2/conversations`, {
      headers: { 'x-api-key': 'sim-tavus-key' },
      body: { replica_id: 'r1', persona_id: 'p1', conversation_name: name.replace(sessionId, randomUUID()) },
    })
    const stranger = await call(`${stack.simulator.url}/v2/conversations`, {
      headers: { 'x-api-key': 'sim-tavus-key' },
      body: { replica_id: 'r1', persona_id: 'p1', conversation_name: 'somebody else' },
    })
    await eventually(
      () => truthOf(stack.simulator.url, orphan.body.conversation_id),
      (known) => known.status === 'ended',
    )
    expect((await truthOf(stack.simulator.url, stranger.body.conversation_id)).status).toBe('active')
    expect((await truthOf(stack.simulator.url, ours)).status).toBe('active')
    await end(ours)
  })
})

describe('a provider’s refusal', () => {
  it.each([
    [400, { error: 'There was an error creating the conversation' }, 400, 'provider_rejected'],
    [400, { message: 'User has reached maximum concurrent conversations' }, 429, 'provider_at_capacity'],
    [401, { message: 'Invalid access token' }, 502, 'provider_credentials'],
    [402, { message: 'The user is out of conversational credits.' }, 402, 'provider_out_of_credits'],
  ])('%i %j is answered %i %s after one try', async (status, body, answered, code) => {
    await addFault(stack.simulator.url, { operation: 'create', kind: 'status', status, body, times: 1 })
    const answer = await start()
    expect(answer.status).toBe(answered)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    expect(answer.body).toMatchObject({
      code,
      status: answered,
      detail: expect.stringContaining(Object.values(body)[0] as string),
    })
  })

  it('429 is waited out as it asks', async () => {
    await addFault(stack.simulator.url, { operation: 'create', kind: 'status', status: 429, retry_after: 1, times: 1 })
    const began = Date.now()
    const answer = await start()
    expect(answer.status).toBe(200)
    expect(Date.now() - began).toBeGreaterThanOrEqual(1000)
    await end(answer.body.conversation_id)
  })

  it('429 that outlasts the start is answered 429 with Retry-After', async () => {
    await addFault(stack.simulator.url, { operation: 'create', kind: 'status', status: 429, retry_after: 30 })
    const answer = await start()
    expect(answer.status).toBe(429)
    expect(answer.headers.get('retry-after')).toBe('30')
    expect(answer.body.code).toBe('provider_rate_limited')
  })

  it.each([
    ['5xx', { kind: 'status', status: 500 }, 502, 'provider_failed'],
    ['a reset', { kind: 'reset' }, 503, 'provider_unreachable'],
    ['no answer', { operation: 'any', kind: 'latency', delay_ms: 5000 }, 503, 'provider_timeout'],
  ])('%s that lasts is answered in the end, and nothing is left running', async (_what, fault, status, code) => {
    await addFault(stack.simulator.url, { operation: 'create', ...fault })
    const name = `failing-${randomUUID()}`
    const answer = await start({ body: { conversation_name: name } })
    expect(answer.status).toBe(status)
    expect(answer.body.code).toBe(code)
    await clearFaults(stack.simulator.url)
    await eventually(
      () => call(`${stack.simulator.url}/__sim/conversations?name_contains=${name}`, { method: 'GET' }),
      ({ body }) => body.conversations.every((known: { status: string }) => known.status === 'ended'),
    )
    expect(await stack.rows('select 1 from conversations_users where metadata::text like $1', [`%${name}%`])).toEqual(
      [],
    )
  })
})
