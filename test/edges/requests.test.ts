import request from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { route } from '../../src/http/route.js'
import { type EdgeServer, startEdge, statusesIn } from './wire.js'

const password = 'parley-demo'
const account = {
  id: '0199a3c2-6d1e-7000-8000-0000000000bb',
  email: 'lisa.k@acme.test',
  displayName: 'Lisa',
  companyId: '0199a3c2-6d1e-7000-8000-0000000000aa',
  role: 'rep' as const,
  disabledAt: null,
}

const body = z.strictObject({
  name: z.string().optional(),
  role: z.string().optional(),
  list: z.array(z.number()).optional(),
  data: z.record(z.string(), z.unknown()).optional(),
})
const routes = [
  route({
    method: 'post',
    path: '/things',
    operationId: 'things',
    summary: 'Answers the body',
    tags: ['test'],
    auth: 'none',
    request: { body },
    responses: { 200: { description: 'It', schema: body } },
    handler: ({ body: given }) => ({ status: 200, body: given }),
  }),
  route({
    method: 'post',
    path: '/things/recount',
    operationId: 'recount',
    summary: 'Does nothing',
    tags: ['test'],
    auth: 'none',
    responses: { 204: { description: 'Nothing' } },
    handler: () => ({ status: 204 }),
  }),
  route({
    method: 'get',
    path: '/things/:id',
    operationId: 'thing',
    summary: 'Answers the id',
    tags: ['test'],
    auth: 'none',
    request: { params: z.object({ id: z.string() }) },
    responses: { 200: { description: 'It', schema: z.object({ id: z.string() }) } },
    handler: ({ params }) => ({ status: 200, body: params }),
  }),
]

let edge: EdgeServer
beforeAll(async () => {
  const { hash } = await import('@node-rs/argon2')
  const passwordHash = await hash(password, { memoryCost: 1024, timeCost: 1, parallelism: 1 })
  const users = {
    // As the store has it: by the address in lower case.
    findForLogin: (email: string) =>
      Promise.resolve(email.toLowerCase() === account.email ? { ...account, passwordHash } : undefined),
    findById: () => Promise.resolve(account),
  }
  const refreshTokens = {
    issue: () => Promise.resolve({ token: 'refresh' }),
    rotate: () => Promise.resolve({ state: 'unknown' as const }),
    revokeByToken: () => Promise.resolve(),
  }
  edge = await startEdge({ routes, services: { users, refreshTokens }, env: { LOGIN_RATE_LIMIT: '10000/minute' } })
})
afterAll(() => edge.stop())

const post = (path: string, text: string | Buffer, type = 'application/json') =>
  request(edge.http.url)
    .post(path)
    .set('Content-Type', type)
    .serialize((given) => given as unknown as string)
    .send(text as never)
const isPolluted = () => ({}) as Record<string, unknown>

describe('bodies that attack @integration', () => {
  it.each([
    ['arrays', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['objects', '{"a":'.repeat(40_000) + '1' + '}'.repeat(40_000)],
    ['a field', `{"data":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`],
    ['arrays without end', '['.repeat(200_000)],
  ])('nested in %s are refused before they are read', async (_, text) => {
    const { status, body: problem } = await post('/things', text)
    expect([status, problem.detail]).toEqual([400, 'the body is nested deeper than 64 levels'])
  })

  it.each([
    ['a string of escaped quotes without end', '"' + '\\"'.repeat(130_000)],
    ['a string of backslashes without end', '"' + '\\'.repeat(260_000)],
    ['half surrogates', `"${'\\ud800'.repeat(40_000)}"`],
    ['quotes', '"'.repeat(260_000)],
    ['spaces', ' '.repeat(260_000) + 'x'],
    ['digits', '1'.repeat(260_000)],
    ['an exponent', '1e' + '9'.repeat(260_000)],
  ])('made of %s cost no more than their length', async (_, text) => {
    const began = performance.now()
    expect((await post('/things', text)).status).toBeGreaterThanOrEqual(400)
    // A pattern that looks again from every character takes minutes; nothing here measures speed.
    expect(performance.now() - began).toBeLessThan(10_000)
  })

  it('with a huge array get a short answer', async () => {
    const response = await post('/things', `{"list":[${'"x",'.repeat(50_000)}1]}`)
    expect(response.status).toBe(422)
    expect(response.body.errors).toHaveLength(100)
    expect(response.text.length).toBeLessThan(20_000)
    expect(response.body.detail).toBe('50000 fields are not valid')
  })

  it('with thousands of unknown fields get a short answer', async () => {
    const fields = Array.from({ length: 10_000 }, (_, i) => `"f${i}":1`).join(',')
    const response = await post('/things', `{${fields}}`)
    expect(response.status).toBe(422)
    expect(response.text.length).toBeLessThan(20_000)
  })

  it.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'])(
    'with the field %s change nothing but what is theirs',
    async (name) => {
      const poison = `{"${name}":{"polluted":true,"prototype":{"polluted":true}}}`
      expect((await post('/things', poison)).status).toBe(422)
      expect((await post('/things', `{"data":${poison}}`)).status).toBe(200)
      expect((await post('/things', `{"data":{"${name}":{"__proto__":{"polluted":true}}}}`)).status).toBe(200)
      expect(isPolluted().polluted).toBeUndefined()
      expect((await post('/things', '{}')).text).toBe('{}')
    },
  )

  it('with a name twice are taken by the last one, checked like any', async () => {
    expect((await post('/things', '{"role":"rep","role":"leadership"}')).body).toEqual({ role: 'leadership' })
    expect((await post('/things', '{"list":[1],"list":"x"}')).status).toBe(422)
    expect((await post('/things', '{"role":"a","\\u0072ole":"b"}')).body).toEqual({ role: 'b' })
  })

  it.each([
    ['a byte-order mark', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from('{"name":"a"}')]), 200],
    ['UTF-16', Buffer.from('\ufeff{"name":"a"}', 'utf16le'), 400],
    ['a byte that is no UTF-8', Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]), 400],
    ['an overlong slash', Buffer.from([0x22, 0xe0, 0x80, 0xaf, 0x22]), 400],
    ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 400],
    ['a truncated character', Buffer.from([0x22, 0xf0, 0x9f, 0x98, 0x22]), 400],
  ])('with %s', async (_, bytes, status) => {
    expect((await post('/things', bytes)).status).toBe(status)
  })

  it.each([
    '',
    'text/plain',
    'application/json-patch',
    'application/xml',
    'multipart/form-data',
    'application/x-www-form-urlencoded',
    'text/html; application/json',
    'application/json/evil',
    'garbage',
  ])('of the type "%s" are not read', async (type) => {
    const headers = type === '' ? '' : `Content-Type: ${type}\r\n`
    const text = await edge.send(
      `POST /things HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: 2\r\nConnection: close\r\n\r\n{}`,
    )
    expect(statusesIn(text)).toEqual([415])
  })

  it.each(['gzip', 'br', 'deflate', 'zstd', 'gzip, gzip'])('compressed by %s are not unpacked', async (encoding) => {
    const response = await request(edge.http.url)
      .post('/things')
      .set({ 'Content-Type': 'application/json', 'Content-Encoding': encoding })
      .send('{}')
    expect(response.status).toBe(415)
  })
})

describe('paths that attack @integration', () => {
  const get = (target: string) => edge.send(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)

  it.each([
    '//things/1',
    '/./things/1',
    '/x/../things/1',
    '/%2e/things/1',
    '/x/%2e%2e/things/1',
    '/things/1/..',
    '/things\\1',
    '/things%5c1',
    '/things/1;x=1/y',
    '/things/1/extra',
    '/%74hings%2f1',
    '/things/',
    '/things//1',
  ])('%s is nothing here', async (target) => {
    const text = await get(target)
    // Only POST is at /things itself.
    expect([404, 405]).toContain(statusesIn(text)[0])
  })

  it.each([
    ['/things/..%2f..%2fetc%2fpasswd', '../../etc/passwd'],
    ['/things/%2e%2e', '..'],
    ['/things/%5c..%5c', '\\..\\'],
    ['/things/a%2fb', 'a/b'],
    ['/things/%25%32%66', '%2f'],
    ['/THINGS/1', '1'],
    ['/things/1/', '1'],
    ['/%74hings/1', undefined],
  ])('%s is a plain value, or nothing', async (target, id) => {
    const text = await get(target)
    if (statusesIn(text)[0] === 404) return
    expect(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).toEqual({ id: id ?? '1' })
  })

  it.each(['/things/%00', '/things/a%00b', '/things/%c0%af', '/things/%e0%80%af', '/things/%ed%a0%80', '/things/%zz'])(
    '%s is malformed',
    async (target) => {
      expect(statusesIn(await get(target))).toEqual([400])
    },
  )

  it.each(['/things/recount', '/things/recount/', '/THINGS/Recount'])(
    '%s is another route’s, and no value of ours',
    async (target) => {
      const text = await get(target)
      expect(statusesIn(text)).toEqual([405])
      expect(text).toContain('Allow: OPTIONS, POST')
      expect((await request(edge.http.url).post(target)).status).toBe(204)
    },
  )

  it.each([
    '/assets/caller/../../server.js',
    '/assets/caller/%2e%2e/%2e%2e/server.js',
    '/assets/caller/..%2f..%2fserver.js',
    '/assets/caller/%2e%2e%2f%2e%2e%2fpackage.json',
    '/assets/caller/..\\..\\package.json',
    '/assets/caller/..%5c..%5cpackage.json',
    '/assets/caller//etc/passwd',
    '/assets/caller/%2fetc%2fpasswd',
    '/assets/caller/.%00./x',
    '/docs/../package.json',
    '/docs/%2e%2e/package.json',
    '/docs/..%2fpackage.json',
  ])('%s leads to no file', async (target) => {
    const text = await get(target)
    expect([400, 404]).toContain(statusesIn(text)[0])
    expect(text).not.toMatch(/root:|"dependencies"|import /)
  })

  it.each([
    '//health',
    '/./health',
    '/health/..',
    '/health%2f..',
    '/health%00',
    '/%2fhealth',
    '/health;/../x',
    '/docs/x',
  ])('%s is not exempt from limits', async (target) => {
    const text = await get(target)
    if (statusesIn(text)[0] === 404) expect(text).toContain('RateLimit: "anonymous"')
    else expect(statusesIn(text)).toEqual([400])
  })
})

describe('addresses of email that look like another @integration', () => {
  const login = (email: string) => post('/auth/login', JSON.stringify({ email, password }))

  it('are not that account', async () => {
    for (const email of [
      'lisa.k@\u0430cme.test',
      'l\u0456sa.k@acme.test',
      'li\u017fa.k@acme.test',
      'lisa.k@acme\u3002test',
      'lisa.k@acme.test\u200b',
      'lisa\u200d.k@acme.test',
      'lisa.k@acme.te\u00adst',
      'l\u0131sa.k@acme.test',
      'l\u0130sa.k@acme.test',
      'l\u0069\u0307sa.k@acme.test',
      '\uff4cisa.k@acme.test',
      'lisa.k@acme.test\u0000',
      'lisa.k@acme.test@evil.example',
      '\u202elisa.k@acme.test',
      'lisa.k+x@acme.test',
    ])
      expect([400, 401, 422], email).toContain((await login(email)).status)
  })

  it('are that account in another case, or with white space around', async () => {
    for (const email of ['LISA.K@ACME.TEST', ' lisa.k@acme.test\n', '\ufefflisa.k@acme.test'])
      expect((await login(email)).status, email).toBe(200)
  })
})

describe('a caller that says it is somebody else @integration', () => {
  const headers = [
    'X-Forwarded-For',
    'X-Real-IP',
    'X-Client-IP',
    'CF-Connecting-IP',
    'True-Client-IP',
    'X-Cluster-Client-IP',
    'X-Originating-IP',
    'Fastly-Client-IP',
  ]

  it('is counted by the address of its connection', async () => {
    const limited = await startEdge({ env: { RATE_LIMIT_ANONYMOUS: '3/minute' } })
    const statuses = []
    for (const [index, name] of headers.entries())
      statuses.push((await fetch(`${limited.http.url}/nowhere`, { headers: { [name]: `192.0.2.${index}` } })).status)
    await limited.stop()
    expect(statuses).toEqual([404, 404, 404, 429, 429, 429, 429, 429])
  })

  it('behind a trusted proxy is counted by the last address, however many it writes before it', async () => {
    const limited = await startEdge({ env: { RATE_LIMIT_ANONYMOUS: '2/minute', TRUST_PROXY: 'true' } })
    const ask = async (forwarded: string) =>
      statusesIn(await limited.send(`GET /nowhere HTTP/1.1\r\nHost: x\r\n${forwarded}Connection: close\r\n\r\n`))[0]
    expect(await ask('X-Forwarded-For: 198.51.100.1, 192.0.2.1\r\n')).toBe(404)
    expect(await ask('X-Forwarded-For: 198.51.100.2\r\nX-Forwarded-For: 192.0.2.1\r\n')).toBe(404)
    expect(await ask(`X-Forwarded-For: ${'198.51.100.3, '.repeat(500)}192.0.2.1\r\n`)).toBe(429)
    expect(await ask('X-Forwarded-For: 198.51.100.4, 192.0.2.1\r\nX-Real-IP: 203.0.113.9\r\n')).toBe(429)
    expect(await ask('X-Forwarded-For: 192.0.2.2\r\n')).toBe(404)
    await limited.stop()
  })
})

describe('origins that are not ours @integration', () => {
  const allowed = 'https://app.example.org'
  let open: EdgeServer
  beforeAll(async () => {
    open = await startEdge({ routes, env: { CORS_ORIGINS: `${allowed},https://App2.Example.ORG:8443,capacitor://*` } })
  })
  afterAll(() => open.stop())

  const refused = [
    'null',
    'https://app.example.org.evil.example',
    'https://evil-app.example.org',
    'https://evilapp.example.org',
    'https://app.example.org:443',
    'https://app.example.org:8443',
    'https://app2.example.org',
    'http://app.example.org',
    'https://app.example.org/',
    'https://app.example.org@evil.example',
    'https://app.example.org%00.evil.example',
    'https://app.example.org#.evil.example',
    'https://app.example.org, https://evil.example',
    'HTTPS://APP.EXAMPLE.ORG',
    'https://App.example.org',
    'https://app.example.org.',
    'https://app.example.\u006frg ',
    'capacitor:/localhost',
    'xcapacitor://localhost',
    'file://',
    'chrome-extension://abc',
    'https://*',
    '*',
  ]

  it.each(refused)('%s is refused everywhere, in a preflight too', async (origin) => {
    // Node's client trims what stands at the ends.
    const sent = origin.trim()
    if (sent === allowed) return
    for (const path of ['/health', '/things', '/nowhere', '/docs', '/', '/metrics', '/auth/login'])
      for (const method of ['get', 'post', 'options'] as const) {
        const agent = request(open.http.url)
        const response = await agent[method](path).set({ Origin: sent, 'Access-Control-Request-Method': 'POST' })
        expect([path, method, response.status, response.headers['access-control-allow-origin']]).toEqual([
          path,
          method,
          403,
          undefined,
        ])
      }
  })

  it.each([allowed, 'https://app2.example.org:8443', 'capacitor://localhost'])('%s is let in', async (origin) => {
    const response = await request(open.http.url).get('/health').set('Origin', origin)
    expect([response.status, response.headers['access-control-allow-origin']]).toEqual([200, origin])
    expect(response.headers['access-control-allow-credentials']).toBeUndefined()
  })
})
