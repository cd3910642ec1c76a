import request from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { route } from '../../src/http/route.js'
import { startApp, type TestApp } from './harness.js'

const sample = route({
  method: 'post',
  path: ['/samples/:id/run', '/samples/:id/go'],
  operationId: 'runSample',
  summary: 'Runs',
  description: 'At length.',
  tags: ['test'],
  auth: 'optional',
  request: {
    params: z.object({ id: z.string() }),
    query: z.strictObject({ dry: z.stringbool().optional() }),
    headers: z.object({ 'idempotency-key': z.string().optional() }),
    body: z.strictObject({ note: z.string().optional() }),
  },
  responses: {
    201: { description: 'Ran', schema: z.object({ id: z.string() }), headers: { Location: 'Where it is' } },
    404: { description: 'Unknown' },
  },
  handler: ({ params }) => ({ status: 201, body: { id: params.id }, headers: { Location: `/samples/${params.id}` } }),
})

interface Operation {
  description?: string
  operationId: string
  security: object[]
  parameters?: { name: string; in: string }[]
  requestBody?: { required?: boolean }
  responses: Record<string, { headers?: object; content?: Record<string, { schema: object }> }>
}
interface Document {
  openapi: string
  info: { version: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> }
}

let app: TestApp
let document: Document
beforeAll(async () => {
  app = await startApp({ routes: [sample] })
  document = (await request(app.url).get('/openapi.json')).body as Document
})
afterAll(() => app.stop())

const operations = () =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.values(item).map((operation) => ({ path, operation })),
  )

describe('GET /openapi.json', () => {
  it('is OpenAPI 3.1 of this version, with every route and alias', () => {
    expect(document.openapi).toBe('3.1.1')
    expect(document.info.version).toBe('1.2.3')
    expect(Object.keys(document.paths).sort()).toEqual([
      '/auth/login',
      '/auth/logout',
      '/auth/me',
      '/auth/refresh',
      '/health',
      '/internal/worker/heartbeat',
      '/livez',
      '/metrics',
      '/ready',
      '/readyz',
      '/samples/{id}/go',
      '/samples/{id}/run',
    ])
  })

  it('gives every operation an id of its own, and a problem as its default answer', () => {
    const ids = operations().map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { operation, path } of operations())
      expect(operation.responses.default?.content?.['application/problem+json']?.schema, path).toEqual({
        $ref: '#/components/schemas/Problem',
      })
  })

  it('declares every parameter of a path, and refers only to what is there', () => {
    for (const { operation, path } of operations()) {
      const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const declared = (operation.parameters ?? [])
        .filter((parameter) => parameter.in === 'path')
        .map((parameter) => parameter.name)
      expect(declared, path).toEqual(wanted)
    }
    const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name,
    )
    expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining([...new Set(references)]))
  })

  it('says who may call, what is sent and what comes back', () => {
    const operation = document.paths['/samples/{id}/run']?.post
    expect(operation?.security).toEqual([{}, { bearer: [] }, { apiKey: ['test:write'] }])
    expect(operation?.description).toMatch(/A token is optional\.$/)
    expect(operation?.requestBody?.required).toBe(false)
    expect(operation?.responses['201']?.headers).toMatchObject({ Location: { description: 'Where it is' } })
    expect(operation?.responses['404']?.content).toHaveProperty('application/problem+json')
    expect(operation?.responses['404']).toMatchObject({ description: 'Unknown' })
    expect(operation?.responses['422']?.content).toHaveProperty('application/problem+json')
    expect(document.paths['/auth/me']?.get?.responses).not.toHaveProperty('422')
    expect(operation?.parameters?.map((parameter) => `${parameter.in} ${parameter.name}`)).toEqual([
      'path id',
      'query dry',
      'header idempotency-key',
    ])
    expect(document.paths['/auth/me']?.get).toMatchObject({ security: [{ bearer: [] }, { apiKey: [] }] })
    expect(document.paths['/auth/me']?.get?.responses).toHaveProperty('401')
    expect(document.components.securitySchemes).toMatchObject({
      bearer: { type: 'http', scheme: 'bearer' },
      apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
    })
  })

  it('refuses unknown fields in the document as it does in fact', () => {
    expect(document.components.schemas.Credentials).toMatchObject({
      additionalProperties: false,
      required: ['email', 'password'],
    })
  })

  it('is not sent again to who has it', async () => {
    const { headers } = await request(app.url).get('/openapi.json')
    const again = await request(app.url).get('/openapi.json').set('If-None-Match', String(headers.etag))
    expect([again.status, again.text]).toEqual([304, ''])
    expect((await request(app.url).get('/openapi.json').set('If-None-Match', '"other"')).status).toBe(200)
  })
})

describe('GET /docs', () => {
  it('is a page without inline code, all of whose parts come from here', async () => {
    const page = await request(app.url).get('/docs')
    expect(page.headers['content-type']).toMatch(/^text\/html/)
    expect(page.text).not.toMatch(/<script(?![^>]*\bsrc=)|style=|https?:\/\//)
    const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? '')
    expect(parts.length).toBe(4)
    for (const path of parts) expect((await request(app.url).get(path)).status, path).toBe(200)
  })

  it('has its script and style with the right types', async () => {
    expect((await request(app.url).get('/docs/init.js')).headers['content-type']).toMatch(/javascript/)
    expect((await request(app.url).get('/docs/swagger-ui-bundle.js')).headers['content-type']).toMatch(/javascript/)
    expect((await request(app.url).get('/docs/swagger-ui.css')).headers['content-type']).toMatch(/css/)
  })

  it.each(['/docs/package.json', '/docs/..%2fpackage.json', '/docs/%2e%2e/%2e%2e/package.json'])(
    'does not give out %s',
    async (path) => {
      expect((await request(app.url).get(path)).status).toBe(404)
    },
  )

  it('is where /redoc leads', async () => {
    const response = await request(app.url).get('/redoc').redirects(0)
    expect([response.status, response.headers.location]).toEqual([302, '/docs'])
  })
})
