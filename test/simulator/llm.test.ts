import { describe, expect, it } from 'vitest'
import { cleanUpAfterEach, start } from './support.js'

cleanUpAfterEach()

const talk = {
  model: 'm',
  messages: [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: 'Is it late?' },
  ],
}

describe('GET /llm/healthz', () => {
  it('lets the first wait until the model is loaded, and nobody after', async () => {
    const { get } = await start({ timings: { llm_cold_ms: 250 } })
    const began = Date.now()
    const answers = await Promise.all([get('/llm/healthz'), get('/llm/healthz')])
    expect(Date.now() - began).toBeGreaterThanOrEqual(245)
    expect(answers.map(({ status, body }) => [status, body.found])).toEqual([
      [200, 'cold'],
      [200, 'cold'],
    ])
    const warm = await get('/llm/healthz')
    expect(warm.body).toMatchObject({ status: 'ok', found: 'warm' })
    expect(warm.body.waited_ms).toBeLessThan(100)
    expect((await get('/__sim/llm')).body).toMatchObject({ state: 'warm', loads: 1 })
  })

  it('is cold again after a while, and when it is cooled', async () => {
    const { get, post } = await start({ timings: { llm_cold_ms: 50, llm_warm_seconds: 0.1 } })
    await get('/llm/healthz')
    await expect.poll(async () => (await get('/__sim/llm')).body.state).toBe('cold')
    await post('/__sim/config', { llm_warm_seconds: 60 })
    await get('/llm/healthz')
    expect((await post('/__sim/llm/cool')).body.state).toBe('cold')
    expect((await get('/llm/healthz')).body.found).toBe('cold')
  })

  it('goes on loading when the one who asked hangs up', async () => {
    const { get, simulator } = await start({ timings: { llm_cold_ms: 200 } })
    await expect(fetch(`${simulator.url}/llm/healthz`, { signal: AbortSignal.timeout(50) })).rejects.toThrow()
    await expect.poll(async () => (await get('/__sim/llm')).body.state).toBe('warm')
  })

  it('answers 401 without the key, when there is one', async () => {
    const { get } = await start({ timings: { llm_api_key: 'llm-key', llm_cold_ms: 0 } })
    expect((await get('/llm/healthz')).status).toBe(401)
    expect((await get('/llm/healthz', { authorization: 'Bearer no' })).body.error.code).toBe('invalid_api_key')
    expect((await get('/llm/healthz', { authorization: 'Bearer llm-key' })).status).toBe(200)
  })
})

describe('POST /llm/chat/completions', () => {
  it('streams chunks in the form of OpenAI, and [DONE]', async () => {
    const { post } = await start({ timings: { llm_cold_ms: 0 } })
    const { status, text, headers } = await post('/llm/chat/completions', { ...talk, stream: true })
    expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8'])
    const lines = text.trimEnd().split('\n\n')
    expect(lines.pop()).toBe('data: [DONE]')
    const chunks = lines.map((line) => JSON.parse(line.slice('data: '.length)))
    expect(chunks[0]).toMatchObject({
      object: 'chat.completion.chunk',
      model: 'm',
      choices: [{ index: 0, delta: { role: 'assistant' }, finish_reason: null }],
    })
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1)
    expect(chunks.at(-1).choices[0]).toEqual({ index: 0, delta: {}, finish_reason: 'stop' })
    expect(chunks.map((chunk) => chunk.choices[0].delta.content ?? '').join('')).toContain('Is it late?')
  })

  it('stops when the socket closes', async () => {
    const { get, simulator } = await start({ timings: { llm_cold_ms: 0, llm_token_ms: 50 } })
    const hangUp = new AbortController()
    const response = await fetch(`${simulator.url}/llm/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...talk, stream: true }),
      signal: hangUp.signal,
    })
    await response.body?.getReader().read()
    expect((await get('/__sim/llm')).body.running).toBe(1)
    hangUp.abort()
    await expect
      .poll(async () => (await get('/__sim/llm')).body)
      .toMatchObject({ running: 0, aborted: 1, completions: 0 })
  })

  it('answers at once without streaming, and 400 to what is no conversation', async () => {
    const { post } = await start({ timings: { llm_cold_ms: 0 } })
    const { body } = await post('/llm/chat/completions', talk)
    expect(body).toMatchObject({
      object: 'chat.completion',
      choices: [{ message: { role: 'assistant' }, finish_reason: 'stop' }],
    })
    const refused = await post('/llm/chat/completions', { messages: [] })
    expect([refused.status, refused.body.error.type]).toEqual([400, 'invalid_request_error'])
  })
})
