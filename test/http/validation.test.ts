import { request as send } from 'node:http'
import fc from 'fast-check'
import request from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { route } from '../../src/http/route.js'
import { startApp, type TestApp } from './harness.js'

const bodySchema = z.strictObject({
  title: z.string().max(20),
  count: z.int().min(1).optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  items: z.array(z.strictObject({ 'a/b~c': z.boolean() })).optional(),
})
const base = { tags: ['test'], auth: 'none' } as const

const routes = [
  route({
    ...base,
    method: 'post',
    path: ['/echo', '/echo/alias'],
    operationId: 'echo',
    summary: 'Answers the body',
    request: { body: bodySchema },
    responses: { 200: { description: 'It', schema: bodySchema } },
    handler: ({ body }) => ({ status: 200, body }),
  }),
  route({
    ...base,
    method: 'post',
    path: '/lenient',
    operationId: 'lenient',
    summary: 'Needs nothing',
    request: { body: z.strictObject({ title: z.string().default('none') }) },
    responses: { 200: { description: 'It', schema: z.object({ title: z.string() }) } },
    handler: ({ body }) => ({ status: 200, body }),
  }),
  route({
    ...base,
    method: 'get',
    path: '/parts/:number',
    operationId: 'parts',
    summary: 'Every part',
    request: {
      params: z.object({ number: z.coerce.number().int() }),
      query: z.strictObject({ limit: z.coerce.number().int().max(100).default(20) }),
      headers: z.object({ 'x-kind': z.enum(['a', 'b']) }),
    },
    responses: { 200: { description: 'It', schema: z.object({ sum: z.number(), kind: z.string() }) } },
    handler: ({ params, query, headers }) => ({
      status: 200,
      body: { sum: params.number + query.limit, kind: headers['x-kind'] },
    }),
  }),
  route({
    ...base,
    method: 'post',
    path: '/raw',
    operationId: 'raw',
    summary: 'The bytes',
    request: { raw: { limitBytes: 8 } },
    responses: { 200: { description: 'Their digits', schema: z.object({ hex: z.string() }) } },
    handler: ({ raw }) => ({ status: 200, body: { hex: raw.toString('hex') } }),
  }),
  route({
    ...base,
    method: 'get',
    path: '/slow',
    operationId: 'slow',
    summary: 'Answers when the client has hung up',
    responses: { 200: { description: 'never' } },
    handler: async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      hungUp.push(signal.aborted)
      return { status: 200 }
    },
  }),
]
const hungUp: boolean[] = []

let app: TestApp
beforeAll(async () => {
  app = await startApp({ routes, env: { BODY_LIMIT_KB: '4' } })
})
afterAll(() => app.stop())

const post = (path: string, body: string | Buffer, type = 'application/json') =>
  request(app.url)
    .post(path)
    .set('Content-Type', type)
    .serialize((given) => given as unknown as string)
    .send(body as never)

describe('a JSON body', () => {
  it('is handed over as the schema has it, under every alias', async () => {
    for (const path of ['/echo', '/echo/alias']) {
      const response = await post(path, '{"title":"hi","metadata":{"deep":[1,{"x":null}]}}')
      expect([response.status, response.body]).toEqual([200, { title: 'hi', metadata: { deep: [1, { x: null }] } }])
    }
  })

  it.each(['{', '{"title":}', 'nope', "{'title':1}", '{"title":"a"} {}', '{"title":"a",}'])(
    'that is malformed, %s, is 400',
    async (body) => {
      const response = await post('/echo', body)
      expect(response.status).toBe(400)
      expect(response.body).toMatchObject({ code: 'malformed_request', detail: 'the body is not valid JSON' })
    },
  )

  it('that is invalid is 422 and names every field', async () => {
    const response = await post('/echo', '{"title":5,"count":0,"items":[{"a/b~c":1}]}')
    expect(response.status).toBe(422)
    const errors = response.body.errors as { pointer: string; detail: string }[]
    expect(errors.map((error) => error.pointer)).toEqual(['/title', '/count', '/items/0/a~1b~0c'])
    expect(response.body.code).toBe('invalid_request')
  })

  it('with unknown fields is 422 and names them', async () => {
    const response = await post('/echo', '{"title":"a","tilte":1,"items":[{"a/b~c":true,"z":1}],"__proto__":{"x":1}}')
    const errors = response.body.errors as { pointer: string; detail: string }[]
    expect(errors).toContainEqual({ pointer: '/tilte', detail: 'unknown field' })
    expect(errors).toContainEqual({ pointer: '/items/0/z', detail: 'unknown field' })
    expect(errors).toContainEqual({ pointer: '/__proto__', detail: 'unknown field' })
  })

  it('that lacks a field says that it is required', async () => {
    const response = await post('/echo', '{}')
    expect(response.body.errors).toEqual([{ pointer: '/title', detail: 'is required' }])
  })

  it.each(['[]', '"text"', '7', 'null', 'true'])('that is %s and no object is 422', async (body) => {
    const response = await post('/echo', body)
    expect([response.status, response.body.detail]).toEqual([422, 'the body must be an object'])
  })

  it('that is wrong is told in plain words', async () => {
    const response = await post('/echo', JSON.stringify({ title: 'x'.repeat(21), count: 0, metadata: 1, items: {} }))
    expect(response.body.errors).toEqual([
      { pointer: '/title', detail: 'must have at most 20 characters' },
      { pointer: '/count', detail: 'must be at least 1' },
      { pointer: '/metadata', detail: 'must be an object' },
      { pointer: '/items', detail: 'must be a list' },
    ])
  })

  it('may be missing where every field is optional', async () => {
    for (const response of [
      await request(app.url).post('/lenient'),
      await post('/lenient', ''),
      await post('/lenient', '  '),
      await post('/lenient', '{}'),
    ])
      expect([response.status, response.body]).toEqual([200, { title: 'none' }])
    expect((await request(app.url).post('/echo')).status).toBe(422)
  })

  it('larger than the limit is 413, whether its length was announced or not', async () => {
    const big = JSON.stringify({ title: 'x'.repeat(5000) })
    const announced = await post('/echo', big)
    expect([announced.status, announced.body.code]).toEqual([413, 'body_too_large'])
    expect(await chunked('/echo', [big.slice(0, 3000), big.slice(3000)])).toBe(413)
  })

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/xml'])(
    'sent as %s is 415',
    async (type) => {
      const response = await post('/echo', '{"title":"a"}', type)
      expect([response.status, response.body.code]).toEqual([415, 'unsupported_media_type'])
    },
  )

  it('that is compressed is 415', async () => {
    const response = await request(app.url)
      .post('/echo')
      .set({ 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' })
      .send('{}')
    expect(response.status).toBe(415)
  })

  it.each(['application/json; charset=utf-8', 'application/vnd.api+json'])('sent as %s is taken', async (type) => {
    expect((await post('/echo', '{"title":"a"}', type)).status).toBe(200)
  })

  it.each([
    ['NUL, escaped', Buffer.from('{"title":"a\\u0000b"}')],
    ['NUL in a name', Buffer.from('{"title":"a","metadata":{"\\u0000":1}}')],
    ['NUL, raw', Buffer.from('{"title":"a\0b"}')],
    ['half a surrogate pair', Buffer.from('{"title":"\\ud800"}')],
    ['the other half', Buffer.from('{"title":"\\udc00 \\ud83d"}')],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
  ])('with %s is 400', async (_, body) => {
    expect((await post('/echo', body)).status).toBe(400)
  })

  it('may hold whole surrogate pairs, and backslashes before u0000', async () => {
    const body = { title: '😀 \\u0000 \\\\ud800' }
    const response = await post('/echo', JSON.stringify(body))
    expect([response.status, response.body]).toEqual([200, body])
    expect((await post('/echo', '{"title":"\\ud83d\\ude00"}')).body).toEqual({ title: '😀' })
  })

  it('that is nested without end is 400', async () => {
    const response = await post('/echo', `{"title":"a","metadata":{"m":${'['.repeat(1500)}${']'.repeat(1500)}}}`)
    expect([response.status, response.body.detail]).toEqual([400, 'the body is nested deeper than 64 levels'])
    expect((await post('/echo', `{"title":"${'['.repeat(19)}"}`)).status).toBe(200)
  })

  it('never gives a 5xx, whatever JSON it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json({ maxDepth: 6 }), async (body) => {
        for (const path of ['/echo', '/auth/refresh']) expect((await post(path, body)).status).toBeLessThan(500)
      }),
      { numRuns: 150 },
    )
  })

  it('never gives a 5xx, whatever bytes it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
        expect((await post('/echo', Buffer.from(bytes))).status).toBeLessThan(500)
      }),
      { numRuns: 100 },
    )
  })
})

describe('parameters, query and headers', () => {
  it('are handed over as the schemas have them', async () => {
    const response = await request(app.url).get('/parts/22').set('X-Kind', 'a')
    expect([response.status, response.body]).toEqual([200, { sum: 42, kind: 'a' }])
  })

  it('are all checked at once and named in front of the pointer', async () => {
    const response = await request(app.url).get('/parts/x?limit=101&limt=3').set('X-Kind', 'c')
    expect(response.status).toBe(422)
    const pointers = (response.body.errors as { pointer: string }[]).map((error) => error.pointer)
    expect(pointers).toEqual(['params/number', 'query/limit', 'query/limt', 'headers/x-kind'])
  })

  it('that come twice where one is meant are 422', async () => {
    const response = await request(app.url).get('/parts/1?limit=1&limit=2').set('X-Kind', 'a')
    expect(response.status).toBe(422)
  })
})

describe('a raw body', () => {
  it('arrives byte for byte, whatever its type', async () => {
    const response = await post('/raw', Buffer.from([0xff, 0x00, 0xfe]), 'application/webhook+json')
    expect(response.body).toEqual({ hex: 'ff00fe' })
  })

  it('larger than its own limit is 413', async () => {
    expect((await post('/raw', Buffer.alloc(9))).status).toBe(413)
  })
})

describe('a client that hangs up', () => {
  it('aborts the signal of the handler, and is counted as 499', async () => {
    const outgoing = send(`${app.url}/slow`).on('error', () => undefined)
    outgoing.end()
    setTimeout(() => outgoing.destroy(), 100)
    await expect.poll(() => hungUp).toEqual([true])
    await expect.poll(() => app.lines.find((line) => line.route === '/slow' && line.status === 499)).toBeDefined()
  })
})

/** A body without a Content-Length. */
async function chunked(path: string, parts: string[]): Promise<number | undefined> {
  return await new Promise((resolve, reject) => {
    const outgoing = send(
      `${app.url}${path}`,
      { method: 'POST', headers: { 'Content-Type': 'application/json' } },
      (response) => {
        response.resume()
        resolve(response.statusCode)
      },
    ).on('error', reject)
    for (const part of parts) outgoing.write(part)
    outgoing.end()
  })
}
