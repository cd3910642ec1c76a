import request from 'supertest'
import { afterEach, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from './harness.js'

let app: TestApp
afterEach(() => app.stop())

const down = () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.5:5432'))
const up = () => Promise.resolve()
const hangs = () => new Promise<void>(() => undefined)

describe('GET /health', () => {
  it.each(['/health', '/livez'])('answers %s without asking anybody', async (path) => {
    app = await startApp({ services: { probes: { database: down, temporal: down, workers: down } } })
    const response = await request(app.url).get(path)
    expect([response.status, response.headers['cache-control']]).toEqual([200, 'no-store'])
    expect(response.body).toEqual({
      status: 'ok',
      service: 'parley-api',
      version: '1.2.3',
      trace_id: response.headers['x-trace-id'],
    })
  })
})

describe('GET /ready', () => {
  it.each(['/ready', '/readyz'])('answers %s with 200 when every part is there', async (path) => {
    app = await startApp()
    const response = await request(app.url).get(path)
    expect(response.status).toBe(200)
    expect(response.body).toMatchObject({
      ready: true,
      components: { database: 'up', temporal: 'up', workers: 'up' },
      service: 'parley-api',
    })
    expect(response.body.duration_ms).toBeTypeOf('number')
    expect(new Date(response.body.timestamp as string).toISOString()).toBe(response.body.timestamp)
  })

  it('answers 503 and says which part is away, and nothing of why', async () => {
    app = await startApp({ services: { probes: { database: down, temporal: up, workers: up } } })
    const response = await request(app.url).get('/ready')
    expect(response.status).toBe(503)
    expect(response.body).toMatchObject({
      ready: false,
      components: { database: 'down', temporal: 'up', workers: 'up' },
    })
    expect(response.text).not.toContain('10.0.0.5')
  })

  it('leaves no line of an error: whoever starts up is asked until it is ready', async () => {
    app = await startApp({ services: { probes: { database: up, temporal: down, workers: down } } })
    await request(app.url).get('/ready')
    const levels = app.lines.filter(({ route }) => route === '/ready').map(({ level }) => level)
    expect(levels).toEqual(['debug'])
  })

  it('does not wait for a part that hangs', async () => {
    app = await startApp({ services: { probes: { database: up, temporal: hangs, workers: up } } })
    const started = performance.now()
    const response = await request(app.url).get('/ready')
    expect([response.status, response.body.components.temporal]).toEqual([503, 'down'])
    expect(performance.now() - started).toBeLessThan(2500)
  })
})

describe('GET /internal/worker/heartbeat', () => {
  it('lists who polls', async () => {
    const workers = [{ identity: '7@host', task_queue: 'parley-sessions', last_poll: '2026-11-21T12:00:00.000Z' }]
    app = await startApp({ services: { workerHeartbeats: () => Promise.resolve(workers) } })
    expect((await request(app.url).get('/internal/worker/heartbeat')).body).toEqual({ workers })
  })

  it('answers 503 when the engine is away', async () => {
    app = await startApp({ services: { workerHeartbeats: () => Promise.reject(new Error('14 UNAVAILABLE')) } })
    const response = await request(app.url).get('/internal/worker/heartbeat')
    expect([response.status, response.body.code]).toEqual([503, 'engine_unavailable'])
  })
})
