import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addFault, call, configureSimulator, eventually, login } from '../support/client.js'
import { type Stack, startStack } from '../support/stack.js'

let stack: Stack
beforeAll(async () => {
  stack = await startStack({
    env: {
      ANONYMOUS_MAX_ACTIVE: '2',
      SESSION_RECONCILE_SECONDS: '1',
      TAVUS_CUSTOM_LLM_ENABLE: 'true',
      CUSTOM_LLM_WARM_SECONDS: '600',
      CUSTOM_LLM_PERSONA_ID: 'p-custom-llm',
      RATE_LIMIT_ANONYMOUS: '100000/minute',
    },
  })
  await configureSimulator(stack.simulator.url, { llm_cold_ms: 1500 })
})
afterAll(() => stack?.stop())

const start = (token?: string) => call(`${stack.url}/tavus/start`, { token, body: {} })

describe('the prewarm', () => {
  it('of a cold model is waited for once by starts that come together, and a warm model is left alone', async () => {
    const token = await login(stack.url)
    const [first, second] = await Promise.all([start(token), start(token)])
    for (const { body } of [first, second])
      expect(body.debug.prewarm).toEqual({ success: true, status: 200, duration_sec: expect.any(Number) })
    expect(first.body.debug.prewarm.duration_sec).toBeGreaterThanOrEqual(1.5)
    const third = await start(token)
    expect(third.body.debug.prewarm).toEqual({ skipped: true, reason: 'warm' })
    const requests = (await call(`${stack.simulator.url}/__sim/requests?limit=200`, { method: 'GET' })).body.requests
    expect(requests.filter(({ path }: { path: string }) => path.includes('/healthz'))).toHaveLength(1)
    const truth = (
      await call(`${stack.simulator.url}/__sim/conversations/${third.body.conversation_id}`, { method: 'GET' })
    ).body
    expect(truth.request.persona_id).toBe('p-custom-llm')
    for (const { body } of [first, second, third])
      await call(`${stack.url}/tavus/end/${body.conversation_id}`, { token })
  })
})

describe('anonymous starts', () => {
  it('beyond the limit are answered 429 until one has ended', async () => {
    const [first, second] = [await start(), await start()]
    const third = await start()
    expect(third.status).toBe(429)
    expect(third.body.code).toBe('anonymous_limit')
    expect(third.headers.get('retry-after')).toEqual(expect.any(String))
    await call(`${stack.url}/tavus/end/${first.body.conversation_id}`)
    const fourth = await start()
    expect(fourth.status).toBe(200)
    for (const { body } of [second, fourth]) await call(`${stack.url}/tavus/end/${body.conversation_id}`)
  })

  it('that fail give their place back', async () => {
    await addFault(stack.simulator.url, {
      operation: 'create',
      kind: 'status',
      status: 400,
      body: { error: 'no' },
      times: 3,
    })
    for (let n = 0; n < 3; n++) expect((await start()).status).toBe(400)
    const started = await eventually(
      () => start(),
      ({ status }) => status === 200,
    )
    await call(`${stack.url}/tavus/end/${started.body.conversation_id}`)
  })

  it('are ended in their own table when the provider ends them', async () => {
    const started = await eventually(
      () => start(),
      ({ status }) => status === 200,
    )
    const id = started.body.conversation_id
    await call(`${stack.simulator.url}/__sim/conversations/${id}/shutdown`, {
      body: { reason: 'participant_absent_timeout' },
    })
    const [row] = await eventually(
      () => stack.rows('select * from untracked_sessions where external_conversation_id = $1', [id]),
      ([found]) => found?.ended_at !== null,
    )
    expect(row).toMatchObject({ owner_user_id: null, status: 'completed', end_reason: 'participant_left' })
  })
})
