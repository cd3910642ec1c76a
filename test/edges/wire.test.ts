import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { route } from '../../src/http/route.js'
import { type EdgeServer, startEdge, statusesIn } from './wire.js'

const login = (body: string, headers = '') =>
  `POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`

describe('what smuggles a second request @integration', () => {
  let edge: EdgeServer
  beforeAll(async () => {
    edge = await startEdge()
  })
  afterAll(() => edge.stop())

  const hidden = 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'
  const head = 'POST /auth/logout HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
  it.each([
    ['a length and chunks', `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`],
    ['chunks and a length', `${head}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${hidden}`],
    ['two lengths', `${head}Content-Length: 0\r\nContent-Length: 40\r\n\r\n${hidden}`],
    ['a list of lengths', `${head}Content-Length: 0, 40\r\n\r\n${hidden}`],
    ['a negative length', `${head}Content-Length: -1\r\n\r\n${hidden}`],
    ['a length with a sign', `${head}Content-Length: +0\r\n\r\n${hidden}`],
    ['a hexadecimal length', `${head}Content-Length: 0x0\r\n\r\n${hidden}`],
    ['an endless length', `${head}Content-Length: 99999999999999999999999\r\n\r\n${hidden}`],
    ['an unknown encoding', `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`],
    ['chunked that is not last', `${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${hidden}`],
    ['a space before the colon', `${head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${hidden}`],
    ['a folded header', `${head}Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${hidden}`],
    [
      'a bare line feed in a header',
      `${head}X-A: b\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${hidden}`,
    ],
    ['a bare carriage return in a header', `${head}X-A: b\rX-B: c\r\nContent-Length: 0\r\n\r\n${hidden}`],
    ['a NUL in a header', `${head}X-A: b\0c\r\nContent-Length: 0\r\n\r\n${hidden}`],
    ['a chunk size with a sign', `${head}Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n${hidden}`],
    ['a chunk longer than said', `${head}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n${hidden}`],
  ])('by %s is refused, and the second is never answered', async (_, bytes) => {
    const text = await edge.send(bytes)
    expect(statusesIn(text).every((status) => status >= 400 && status < 500)).toBe(true)
    expect(statusesIn(text).length).toBeLessThanOrEqual(1)
    expect(text).not.toContain('http_requests_total{')
  })

  it('is told in a problem, with a trace id', async () => {
    const text = await edge.send(`${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`)
    const [headers = '', body = ''] = text.split('\r\n\r\n')
    expect(headers).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nContent-Type: application\/problem\+json/)
    const problem = JSON.parse(body) as { trace_id: string }
    expect(problem).toMatchObject({ status: 400, code: 'malformed_request', detail: 'the request could not be read' })
    expect(headers).toContain(`X-Trace-Id: ${problem.trace_id}`)
    expect(problem.trace_id).toMatch(/^[0-9a-f]{32}$/)
  })

  it('is not what pipelining is: each is answered, in order', async () => {
    const text = await edge.send(
      `GET /health HTTP/1.1\r\nHost: x\r\nX-Request-Id: one\r\n\r\n` +
        `GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Request-Id: two\r\n\r\n` +
        `GET /health HTTP/1.1\r\nHost: x\r\nX-Request-Id: three\r\nConnection: close\r\n\r\n`,
    )
    expect(statusesIn(text)).toEqual([200, 404, 200])
    expect([...text.matchAll(/X-Request-Id: (\w+)/g)].map(([, id]) => id)).toEqual(['one', 'two', 'three'])
  })

  it('is not left behind by a body that was refused unread', async () => {
    const inner = `GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n`
    const text = await edge.send(
      `POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
    )
    expect(statusesIn(text)).toEqual([415])
  })
})

describe('requests of odd shapes @integration', () => {
  let edge: EdgeServer
  beforeAll(async () => {
    edge = await startEdge({ env: { BODY_LIMIT_KB: '4' } })
  })
  afterAll(() => edge.stop())
  const get = (target: string, headers = '') =>
    edge.send(`GET ${target} HTTP/1.1\r\nHost: x\r\n${headers}Connection: close\r\n\r\n`)

  it('without a host are refused like everything else', async () => {
    const text = await edge.send('GET /health HTTP/1.1\r\nConnection: close\r\n\r\n')
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    expect(text).toContain('the Host header is missing')
    expect(statusesIn(await edge.send('GET /health HTTP/1.0\r\n\r\n'))).toEqual([200])
  })

  it.each(['http://evil.example/health', 'https://user:pass@evil.example:99/health'])(
    'with the whole address %s get an answer that names no host',
    async (target) => {
      const text = await get(target)
      expect(statusesIn(text)).toEqual([200])
      expect(text).not.toContain('evil')
    },
  )

  it.each([
    'http://[::bad/health',
    'http://x:99999999/health',
    '*',
    'evil.example:443',
    'ftp://x/health',
    '?x=1',
    'health',
  ])('for %s are malformed', async (target) => {
    expect(statusesIn(await get(target))).toEqual([400])
  })

  it.each(['evil.example', 'evil.example:1234', 'a b', '<script>', '127.0.0.1@evil.example', ''])(
    'for the host %s get an answer that names no host',
    async (host) => {
      for (const path of ['/', '/docs', '/redoc', '/nowhere', '/openapi.json']) {
        const text = await edge.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
        for (const status of statusesIn(text)) expect(status).toBeLessThan(500)
        if (host !== '') expect(text).not.toContain(host)
      }
    },
  )

  it('with forwarded hosts get an answer that names none', async () => {
    const forwarded = 'X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: gopher\r\nForwarded: host=evil.example\r\n'
    const override = 'X-Original-URL: /metrics\r\nX-Rewrite-URL: /metrics\r\nX-HTTP-Method-Override: DELETE\r\n'
    const text = await get('/redoc', forwarded + override)
    expect(statusesIn(text)).toEqual([302])
    expect(text).not.toContain('evil')
    expect(text).toContain('Location: /docs')
  })

  it('with two hosts are malformed: a proxy may have looked at the other one', async () => {
    const text = await edge.send('GET /health HTTP/1.1\r\nHost: x\r\nhost: evil.example\r\nConnection: close\r\n\r\n')
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    expect(text).toContain('there is more than one Host header')
  })

  it('that want a tunnel, or expect what nobody knows, are answered by problems', async () => {
    const tunnel = await edge.send('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n')
    expect(tunnel).toMatch(/^HTTP\/1\.1 405 [^]*Content-Type: application\/problem\+json/)
    expect(tunnel).not.toContain('evil')
    expect(statusesIn(await get('/health', 'Expect: the-unexpected\r\n'))).toEqual([200])
  })

  it('with an address that is too long are 431', async () => {
    expect(statusesIn(await get(`/${'a'.repeat(20_000)}`))).toEqual([431])
    expect(statusesIn(await get(`/health?${'a=1&'.repeat(3_000)}`))).toEqual([200])
  })

  it('with too many headers, or one too long, are 431', async () => {
    expect(statusesIn(await get('/health', 'X-A: b\r\n'.repeat(6_000)))).toEqual([431])
    expect(statusesIn(await get('/health', `X-A: ${'b'.repeat(17_000)}\r\n`))).toEqual([431])
  })

  it.each(['x: a\r\nX-Evil: 1', 'a%0d%0aX-Evil: 1', 'a\\r\\nX-Evil: 1', 'é', '\u0001'])(
    'with the request id %j put nothing into the answer’s headers',
    async (id) => {
      const text = await get('/nowhere', `X-Request-Id: ${id}\r\n`)
      expect(text).not.toContain('X-Evil')
      if (statusesIn(text)[0] === 404) expect(text).toMatch(/X-Request-Id: [0-9a-f-]{36}\r\n/)
    },
  )

  it.each(['TRACE', 'CONNECT', 'PROPFIND', 'SEARCH', 'get', 'FOO', 'DELETE'])(
    'by %s are answered, refused or hung up on, and echo nothing',
    async (method) => {
      const text = await edge.send(
        `${method} /health HTTP/1.1\r\nHost: x\r\nX-Secret: s3cret\r\nConnection: close\r\n\r\n`,
      )
      expect(text).not.toContain('s3cret')
      for (const status of statusesIn(text)) expect([400, 404, 405]).toContain(status)
    },
  )

  it('by HEAD have no body, and by OPTIONS are told what is allowed', async () => {
    const head = await edge.send('HEAD /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(head.split('\r\n\r\n')[1]).toBe('')
    const options = await edge.send('OPTIONS /auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(statusesIn(options)).toEqual([204])
    expect(options).toContain('Allow: OPTIONS, POST')
  })

  it('with a body that never ends are cut at the limit', async () => {
    const endless = 'x'.repeat(1000)
    const text = await edge.send(
      'POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n' +
        `3e8\r\n${endless}\r\n`.repeat(20),
    )
    expect(statusesIn(text)).toEqual([413])
  })

  it('with a body of another length than said are no failure of ours', async () => {
    const socket = edge.open()
    socket.write(
      'POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    )
    await sleep(100)
    socket.destroy()
    await sleep(200)
    expect(edge.app.lines.filter(({ level }) => level === 'error')).toEqual([])
    expect((await fetch(`${edge.http.url}/health`)).status).toBe(200)
  })

  it('with Expect and Upgrade headers are answered as without', async () => {
    expect(statusesIn(await get('/health', 'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n'))).toEqual([
      200,
    ])
    const text = await edge.send(login('{', 'Expect: 100-continue\r\nConnection: close\r\n'))
    expect(statusesIn(text).at(-1)).toBe(400)
  })
})

describe('clients that take nothing of an answer @integration', () => {
  let edge: EdgeServer
  afterEach(() => edge.stop())
  const large = 'x'.repeat(16 * 1024 * 1024)
  const routes = [
    route({
      method: 'get',
      path: '/large',
      operationId: 'large',
      summary: 'More than the network takes at once',
      tags: ['test'],
      auth: 'none',
      responses: { 200: { description: 'It', schema: z.string(), contentType: 'text/plain' } },
      handler: () => ({ status: 200, body: large }),
    }),
  ]
  const connections = () =>
    new Promise<number>((resolve) => edge.http.server.getConnections((_, count) => resolve(count)))
  const upgrade = 'Upgrade: websocket\r\nConnection: Upgrade\r\n'

  it.each([
    ['a request', ''],
    ['a request for a WebSocket', upgrade],
  ])('to %s are cut off', async (_, headers) => {
    edge = await startEdge({ env: { REQUEST_TIMEOUT_SECONDS: '1' }, routes })
    const sockets = Array.from({ length: 5 }, () => edge.open().pause())
    for (const socket of sockets) socket.write(`GET /large HTTP/1.1\r\nHost: x\r\n${headers}\r\n`)
    await expect.poll(connections, { timeout: 10_000 }).toBe(5)
    await expect.poll(connections, { timeout: 25_000 }).toBe(0)
    for (const socket of sockets) socket.destroy()
  })

  it('are not those who take it slowly', async () => {
    edge = await startEdge({ env: { REQUEST_TIMEOUT_SECONDS: '1' }, routes })
    const socket = edge.open()
    let bytes = 0
    socket.on('data', (chunk) => {
      bytes += chunk.length
      socket.pause()
      setTimeout(() => socket.resume(), 10)
    })
    socket.write('GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await once(socket, 'close')
    expect(bytes).toBeGreaterThan(large.length)
  })
})

describe('slow clients @integration', () => {
  let edge: EdgeServer
  afterEach(() => edge.stop())

  it.each([
    ['headers', 'POST /auth/login HTTP/1.1\r\nHost: x\r\n', 'X-A: b\r\n'],
    [
      'a body',
      'POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n',
      ' ',
    ],
    [
      'chunks',
      'POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
      '1\r\n \r\n',
    ],
  ])('that drip %s are all cut off, and hold up nobody', async (_, start, drop) => {
    edge = await startEdge({ env: { REQUEST_TIMEOUT_SECONDS: '2' } })
    let closed = 0
    const sockets = Array.from({ length: 300 }, () => edge.open().on('close', () => closed++))
    const texts = sockets.map(() => '')
    sockets.forEach((socket, index) => socket.on('data', (chunk) => (texts[index] += chunk.toString())))
    for (const socket of sockets) socket.write(start)
    const drip = setInterval(() => {
      for (const socket of sockets) if (socket.writable) socket.write(drop)
    }, 100)
    expect((await fetch(`${edge.http.url}/health`)).status).toBe(200)
    await expect.poll(() => closed, { timeout: 25_000 }).toBe(300)
    clearInterval(drip)
    const statuses = new Set(texts.flatMap(statusesIn))
    expect([...statuses].filter((status) => status !== 408 && status !== 400)).toEqual([])
    expect((await fetch(`${edge.http.url}/health`)).status).toBe(200)
  })
})
