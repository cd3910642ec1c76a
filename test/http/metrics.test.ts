import request from 'supertest'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMetrics } from '../../src/observability/metrics.js'
import { startApp, type TestApp } from './harness.js'

let app: TestApp
beforeEach(async () => {
  app = await startApp()
})
afterEach(() => app.stop())

const linesOf = async (name: string) => {
  const { text } = await request(app.url).get('/metrics')
  return text.split('\n').filter((line) => line.startsWith(name))
}

describe('GET /metrics', () => {
  it('counts requests by the pattern of their route, and unknown paths as one', async () => {
    for (const path of ['/health', '/health/', '/nowhere/1', '/nowhere/2?x=1', '/assets/caller/none.js'])
      await request(app.url).get(path)
    await request(app.url).put('/health')
    expect(await linesOf('http_requests_total{')).toEqual([
      'http_requests_total{route="/health",method="GET",status="200"} 2',
      'http_requests_total{route="unmatched",method="GET",status="404"} 2',
      'http_requests_total{route="/assets/caller/*path",method="GET",status="404"} 1',
      'http_requests_total{route="unmatched",method="PUT",status="405"} 1',
    ])
  })

  it('times them', async () => {
    await request(app.url).get('/health')
    const lines = await linesOf('http_request_duration_ms')
    expect(lines).toContain('http_request_duration_ms_count{route="/health",method="GET",status="200"} 1')
  })

  it('answers in the text format, with the instruments of the specification', async () => {
    const response = await request(app.url).get('/metrics')
    expect(response.headers['content-type']).toMatch(/^text\/plain;.*version=0\.0\.4/)
    const names = [...response.text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name)
    expect(names).toEqual(
      expect.arrayContaining([
        'http_requests_total',
        'http_request_duration_ms',
        'worker_task_total',
        'worker_task_duration_ms',
        'webhook_processed_total',
        'webhook_duplicates_total',
        'webhook_failures_total',
        'webhook_ack_duration_ms',
        'webhook_idempotency_purged_total',
        'session_started_total',
        'session_ended_total',
        'session_active',
        'prewarm_duration_seconds',
        'provider_request_duration_ms',
        'rate_limit_hits_total',
        'process_resident_memory_bytes',
      ]),
    )
  })

  it('adds the text of other sources, and lives with one that fails', async () => {
    const { metrics } = app.services
    metrics.addSource(() => Promise.resolve('temporal_request_total 7\n'))
    metrics.addSource(() => Promise.reject(new Error('gone')))
    metrics.addCollector(() => metrics.sessionsActive.set(3))
    metrics.addCollector(() => {
      throw new Error('gone')
    })
    expect(await linesOf('temporal_request_total')).toEqual(['temporal_request_total 7'])
    expect(await linesOf('session_active ')).toEqual(['session_active 3'])
  })
})

describe('business events', () => {
  it('write their line and move their counter together', async () => {
    const { events } = app.services
    events.sessionStarted({ provider: 'tavus' })
    events.sessionEnded({ provider: 'tavus', reason: 'user', sessionId: 's-1' })
    events.prewarmSucceeded({ status: 200, durationSeconds: 3 })
    events.startResponded({ provider: 'tavus', sessionId: 's-1', conversationId: 'c-1' })
    expect(await linesOf('session_started_total{')).toEqual(['session_started_total{provider="tavus"} 1'])
    expect(await linesOf('session_ended_total{')).toEqual(['session_ended_total{provider="tavus",reason="user"} 1'])
    expect(await linesOf('prewarm_duration_seconds_sum')).toEqual(['prewarm_duration_seconds_sum 3'])
    expect(app.eventsNamed('custom_llm:prewarm:success')).toMatchObject([
      { provider_status: 200, duration_sec: 3, message: 'prewarm succeeded' },
    ])
    expect(app.eventsNamed('tavus:start:response')).toMatchObject([
      { provider: 'tavus', external_id: 'c-1', session_id: 's-1' },
    ])
  })
})

describe('two applications in one process', () => {
  it('do not count for each other', async () => {
    const [one, other] = [createMetrics(), createMetrics()]
    one.rateLimitHits.inc()
    expect(await one.exposition()).toContain('rate_limit_hits_total 1')
    expect(await other.exposition()).toContain('rate_limit_hits_total 0')
  })
})

describe('the access log', () => {
  it('has one line for each request, with its pattern and without its query', async () => {
    await request(app.url).get('/auth/me?email=anna@acme.test')
    const lines = app.lines.filter((line) => line.message === 'request completed')
    expect(lines).toMatchObject([
      { level: 'info', route: '/auth/me', method: 'GET', status: 401, service: 'parley-test' },
    ])
    expect(lines[0]).toHaveProperty('latency_ms')
    expect(app.text()).not.toContain('anna')
  })

  it('keeps the probes of machines to the debug level', async () => {
    await request(app.url).get('/health')
    expect(app.lines).toMatchObject([{ level: 'debug', route: '/health' }])
  })
})
