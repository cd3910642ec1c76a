import request from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ForbiddenError, ProviderError, UnavailableError } from '../../src/domain/errors.js'
import { route } from '../../src/http/route.js'
import { startApp, type TestApp } from './harness.js'

const fails = (path: string, error: () => unknown) =>
  route({
    method: 'get',
    path,
    operationId: `fail${path.replace(/\W/g, '_')}`,
    summary: 'Fails',
    tags: ['test'],
    auth: 'none',
    responses: { 200: { description: 'never' } },
    handler: () => {
      throw error()
    },
  })

const routes = [
  fails('/boom', () => new Error('select secret_column from users where password = hunter2')),
  fails('/thrown-text', () => 'not even an error'),
  fails('/forbidden', () => new ForbiddenError('not yours')),
  fails('/away', () => new UnavailableError('the database is not available', 'database_unavailable', 7)),
  fails(
    '/provider',
    () => new ProviderError('provider_rate_limited', 'slow down', 'tavus', 429, { retryAfterSeconds: 2.2 }),
  ),
  route({
    method: 'get',
    path: '/things/:id',
    operationId: 'thing',
    summary: 'A thing',
    tags: ['test'],
    auth: 'none',
    request: { params: z.object({ id: z.string() }) },
    responses: { 200: { description: 'It', schema: z.object({ id: z.string() }) } },
    handler: ({ params }) => ({ status: 200, body: { id: params.id } }),
  }),
  route({
    method: 'post',
    path: '/things/:id',
    operationId: 'changeThing',
    summary: 'A change',
    tags: ['test'],
    auth: 'none',
    responses: { 202: { description: 'Taken' } },
    handler: () => ({ status: 202 }),
  }),
]

let app: TestApp
beforeAll(async () => {
  app = await startApp({ routes })
})
afterAll(() => app.stop())

describe('request and trace ids', () => {
  it('returns the id that came, and uses it in the log', async () => {
    const response = await request(app.url).get('/things/1').set('X-Request-Id', 'caller.id-1_A')
    expect(response.headers['x-request-id']).toBe('caller.id-1_A')
    expect(app.lines.some((line) => line.request_id === 'caller.id-1_A')).toBe(true)
  })

  it.each(['has space', 'x'.repeat(129), '"quoted"', '{}'])('replaces the malformed id %s', async (id) => {
    const response = await request(app.url).get('/things/1').set('X-Request-Id', id)
    expect(response.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('takes the trace id of a valid traceparent', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
    const response = await request(app.url).get('/nowhere').set('traceparent', `00-${trace}-00f067aa0ba902b7-01`)
    expect(response.headers['x-trace-id']).toBe(trace)
    expect(response.body).toMatchObject({ trace_id: trace })
  })

  it.each([
    'garbage',
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`,
    `ff-${'a'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${'A'.repeat(32)}-00f067aa0ba902b7-01`,
  ])('makes its own trace id for the traceparent %s', async (traceparent) => {
    const response = await request(app.url).get('/things/1').set('traceparent', traceparent)
    expect(response.headers['x-trace-id']).toMatch(/^[0-9a-f]{32}$/)
    expect(traceparent).not.toContain(response.headers['x-trace-id'])
  })
})

describe('problems', () => {
  it('answers an unexpected error with a bare 500 and logs it whole', async () => {
    const response = await request(app.url).get('/boom').query({ email: 'someone@example.org' })
    expect(response.status).toBe(500)
    expect(response.headers['content-type']).toBe('application/problem+json')
    expect(response.body).toEqual({
      type: 'https://parley.dev/problems/internal_error',
      title: 'Internal Server Error',
      status: 500,
      detail: 'an unexpected error occurred',
      instance: '/boom',
      code: 'internal_error',
      trace_id: response.headers['x-trace-id'],
    })
    const logged = app.lines.find((line) => line.message === 'request failed unexpectedly')
    expect(logged).toMatchObject({ level: 'error', route: '/boom', err: { type: 'Error' } })
    expect(JSON.stringify(logged)).toContain('secret_column')
    expect(app.text()).not.toContain('hunter2')
  })

  it('answers 500 when something that is no error was thrown', async () => {
    const response = await request(app.url).get('/thrown-text')
    expect(response.status).toBe(500)
    expect(response.text).not.toContain('not even')
  })

  it('answers an error of the domain with its code and detail', async () => {
    const response = await request(app.url).get('/forbidden')
    expect(response.status).toBe(403)
    expect(response.body).toMatchObject({ code: 'forbidden', title: 'Forbidden', detail: 'not yours' })
  })

  it('says when to try again', async () => {
    const away = await request(app.url).get('/away')
    expect([away.status, away.headers['retry-after'], away.body.retry_after]).toEqual([503, '7', 7])
    const provider = await request(app.url).get('/provider')
    expect([provider.status, provider.headers['retry-after']]).toEqual([429, '3'])
    expect(provider.body.type).toBe('https://parley.dev/problems/provider_rate_limited')
  })

  it('answers 404 for an unknown path, without the query', async () => {
    const response = await request(app.url).get('/nowhere/at/all?token=abc')
    expect(response.status).toBe(404)
    expect(response.body).toMatchObject({ code: 'not_found', instance: '/nowhere/at/all' })
  })

  it.each(['PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND'])(
    'answers %s with 405 and the allowed methods',
    async (method) => {
      const response = await fetchRaw(app.url, method, '/things/1')
      expect(response.status).toBe(405)
      expect(response.headers.allow).toBe('GET, HEAD, OPTIONS, POST')
      expect(response.problem).toMatchObject({ code: 'method_not_allowed', status: 405 })
    },
  )

  it('answers OPTIONS with the allowed methods', async () => {
    const response = await request(app.url).options('/things/1')
    expect([response.status, response.headers.allow]).toEqual([204, 'GET, HEAD, OPTIONS, POST'])
  })

  it.each(['/things/%00', '/things/%ff', '/things/%', '/things/1?q=%00', '/things/1?q=%c3%28'])(
    'refuses the address %s with 400',
    async (path) => {
      const response = await request(app.url).get(path)
      expect(response.status).toBe(400)
      expect(response.body).toMatchObject({ code: 'malformed_request' })
    },
  )
})

describe('routing', () => {
  it('accepts a trailing slash without a redirect', async () => {
    const response = await request(app.url).post('/things/1/').redirects(0)
    expect(response.status).toBe(202)
    expect(response.text).toBe('')
  })

  it('answers HEAD as GET, without a body', async () => {
    const response = await request(app.url).head('/things/1')
    expect([response.status, response.headers['content-length']]).toEqual([200, '10'])
    expect(response.text).toBeUndefined()
  })
})

describe('security headers', () => {
  it('allows nothing inline, nobody to frame us, and only rooms to be framed', async () => {
    const { headers } = await request(app.url).get('/things/1')
    const csp = String(headers['content-security-policy'])
    expect(csp).toContain("default-src 'self'")
    expect(csp).toContain("connect-src 'self'")
    expect(csp).toContain("frame-ancestors 'none'")
    expect(csp).toMatch(/frame-src https:\/\/\*\.daily\.co(;|$)/)
    expect(csp).not.toContain('unsafe-inline')
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(headers['x-frame-options']).toBe('DENY')
    expect(headers['x-powered-by']).toBeUndefined()
  })

  it('does not force https where it is served over http', async () => {
    const { headers } = await request(app.url).get('/boom')
    expect(headers['strict-transport-security']).toBeUndefined()
    expect(headers['content-security-policy']).not.toContain('upgrade-insecure-requests')
  })

  it('forces https where it is served over https, and frames the simulator where there is one', async () => {
    const other = await startApp({
      env: { PUBLIC_URL: 'https://parley.example.org', TAVUS_BASE_URL: 'http://127.0.0.1:9999/base' },
    })
    const { headers } = await request(other.url).get('/health')
    expect(headers['strict-transport-security']).toMatch(/max-age=/)
    expect(headers['content-security-policy']).toContain('upgrade-insecure-requests')
    expect(headers['content-security-policy']).toContain('frame-src https://*.daily.co http://127.0.0.1:9999;')
    await other.stop()
  })
})

describe('cross-origin requests', () => {
  let open: TestApp
  beforeAll(async () => {
    const env = {
      PUBLIC_URL: 'https://parley.example.org',
      CORS_ORIGINS: 'https://app.example.org',
      ALLOWED_ORIGINS: 'capacitor://*',
    }
    open = await startApp({ routes, env })
  })
  afterAll(() => open.stop())

  it.each(['https://app.example.org', 'capacitor://localhost', 'https://parley.example.org'])(
    'lets %s call',
    async (origin) => {
      const response = await request(open.url).get('/things/1').set('Origin', origin)
      expect(response.status).toBe(200)
      expect(response.headers['access-control-allow-origin']).toBe(origin)
      expect(response.headers.vary).toContain('Origin')
      expect(response.headers['access-control-expose-headers']).toContain('X-Trace-Id')
    },
  )

  it('lets a page of the host that it was loaded from call', async () => {
    const response = await request(open.url).get('/things/1').set('Origin', open.url)
    expect(response.status).toBe(200)
  })

  it.each([
    'https://evil.example.org',
    'https://app.example.org.evil.org',
    'http://app.example.org',
    'null',
    'xcapacitor://localhost',
    'https://',
  ])('refuses the origin %s with 403', async (origin) => {
    const response = await request(open.url).get('/health').set('Origin', origin)
    expect(response.status).toBe(403)
    expect(response.body).toMatchObject({ code: 'origin_not_allowed' })
    expect(response.headers['access-control-allow-origin']).toBeUndefined()
    expect(response.headers.vary).toContain('Origin')
  })

  it('answers a preflight, and refuses that of a stranger', async () => {
    const ask = (origin: string) =>
      request(open.url).options('/things/1').set({
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization',
      })
    const allowed = await ask('https://app.example.org')
    expect(allowed.status).toBe(204)
    expect(allowed.headers['access-control-allow-headers']).toBe('authorization')
    expect(allowed.headers['access-control-allow-methods']).toContain('POST')
    expect((await ask('https://evil.example.org')).status).toBe(403)
  })

  it('keeps the headers on a problem, so that a browser may read it', async () => {
    const response = await request(open.url).get('/boom').set('Origin', 'https://app.example.org')
    expect([response.status, response.headers['access-control-allow-origin']]).toEqual([500, 'https://app.example.org'])
  })
})

/** Methods that supertest does not know. */
async function fetchRaw(url: string, method: string, path: string) {
  const { request: send } = await import('node:http')
  return await new Promise<{ status: number | undefined; headers: Record<string, unknown>; problem: unknown }>(
    (resolve, reject) => {
      send(`${url}${path}`, { method }, (response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => (text += chunk.toString()))
        response.on('end', () =>
          resolve({ status: response.statusCode, headers: response.headers, problem: JSON.parse(text) }),
        )
      })
        .on('error', reject)
        .end()
    },
  )
}
