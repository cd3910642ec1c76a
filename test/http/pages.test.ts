import { once } from 'node:events'
import { connect } from 'node:net'
import request from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from './harness.js'

let app: TestApp
beforeAll(async () => {
  app = await startApp({ env: { TEMPORAL_UI_URL: 'http://127.0.0.1:8233' } })
})
afterAll(() => app.stop())

describe('the caller page', () => {
  it('is served with everything it names', async () => {
    const page = await request(app.url).get('/')
    expect([page.status, page.headers['cache-control']]).toEqual([200, 'no-cache'])
    expect(page.headers['content-type']).toMatch(/^text\/html/)
    expect(page.text).not.toMatch(/<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=/)
    const assets = [...page.text.matchAll(/(?:src|href)="(\/assets[^"]+)"/g)].map(([, path]) => path ?? '')
    expect(assets.length).toBeGreaterThan(1)
    for (const path of assets) expect((await request(app.url).get(path)).status, path).toBe(200)
  })

  it('has modules and pictures of the right types', async () => {
    expect((await request(app.url).get('/assets/caller/http.js')).headers['content-type']).toMatch(
      /^text\/javascript|^application\/javascript/,
    )
    expect((await request(app.url).get('/assets/caller/favicon.svg')).headers['content-type']).toBe('image/svg+xml')
  })

  it('is not sent again to who has it', async () => {
    const { headers } = await request(app.url).get('/assets/caller/http.js')
    const again = await request(app.url).get('/assets/caller/http.js').set('If-None-Match', String(headers.etag))
    expect([again.status, again.text]).toEqual([304, ''])
  })

  it.each([
    '/assets/caller/../../../package.json',
    '/assets/caller/..%2f..%2f..%2fpackage.json',
    '/assets/caller/%2e%2e/%2e%2e/config.ts',
    '/assets/caller//etc/passwd',
    '/assets/caller/%2fetc%2fpasswd',
    '/assets/caller/.hidden',
    '/assets/caller/none.js',
    '/assets/caller/',
    '/assets',
  ])('does not lead out of its folder by %s', async (path) => {
    const answer = await rawGet(path)
    expect(answer).toMatch(/^HTTP\/1\.1 404/)
    expect(answer).not.toMatch(/"dependencies"|root:|ENOENT|\/work/)
  })
})

describe('an address that leads nowhere', () => {
  it('is a page with a way on for a browser', async () => {
    const response = await request(app.url).get('/nowhere').set('Accept', 'text/html,application/xhtml+xml,*/*;q=0.8')
    expect(response.status).toBe(404)
    expect(response.headers['content-type']).toMatch(/^text\/html/)
    expect(response.text).toContain('<a href="/">')
    expect(response.text).not.toContain('nowhere')
  })

  it.each(['application/json', '*/*', 'application/problem+json'])(
    'is a problem for who asks for %s',
    async (accept) => {
      const response = await request(app.url).get('/nowhere').set('Accept', accept)
      expect([response.status, response.body.code]).toEqual([404, 'not_found'])
    },
  )

  it('is not what a browser’s own request for an icon finds', async () => {
    const response = await request(app.url).get('/favicon.ico')
    expect([response.status, response.headers['content-type']]).toEqual([200, 'image/svg+xml'])
  })
})

describe('GET /config.json', () => {
  it('tells a page of development where it is', async () => {
    const response = await request(app.url).get('/config.json')
    expect(response.body).toEqual({
      environment: 'test',
      simulator: false,
      temporal_ui_url: 'http://127.0.0.1:8233',
      temporal_namespace: 'default',
    })
  })

  it('is not there in production', async () => {
    const production = await startApp({
      env: {
        NODE_ENV: 'production',
        PUBLIC_URL: 'https://parley.example.org',
        DATABASE_URL: 'postgres://db.internal/parley',
        TEMPORAL_ADDRESS: 'temporal.internal:7233',
      },
    })
    expect((await request(production.url).get('/config.json')).status).toBe(404)
    expect((await request(production.url).get('/')).status).toBe(200)
    await production.stop()
  })
})

/** A client that does not tidy the path up first. */
async function rawGet(path: string): Promise<string> {
  const { hostname, port } = new URL(app.url)
  const socket = connect(Number(port), hostname)
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString()))
  await once(socket, 'close')
  return text
}
