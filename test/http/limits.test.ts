import request from 'supertest'
import { afterEach, describe, expect, it } from 'vitest'
import { addressKey } from '../../src/http/rate-limit.js'
import { startApp, type TestApp, type TestAppOptions, tokenFor } from './harness.js'

let app: TestApp
afterEach(() => app.stop())

const start = async (options: TestAppOptions = {}) => {
  app = await startApp({ ...options, env: { RATE_LIMIT_ANONYMOUS: '3/minute', ...options.env } })
}

const ask = (path = '/nowhere') => request(app.url).get(path)
const statuses = async (count: number, make: () => PromiseLike<request.Response>) => {
  const found: number[] = []
  for (let i = 0; i < count; i++) found.push((await make()).status)
  return found
}

describe('callers without a token', () => {
  it('are limited by their address, and told when to come again', async () => {
    await start()
    const first = await ask()
    expect(first.headers['ratelimit-policy']).toBe('"anonymous";q=3;w=60')
    expect(first.headers.ratelimit).toBe('"anonymous";r=2;t=60')
    expect(await statuses(3, () => ask())).toEqual([404, 404, 429])
    const refused = await ask().set('X-Request-Id', 'refused-1')
    expect(refused.headers['content-type']).toBe('application/problem+json')
    expect(refused.body).toMatchObject({
      type: 'https://tools.ietf.org/html/rfc6585#section-4',
      title: 'Too Many Requests',
      status: 429,
      code: 'rate_limited',
      trace_id: refused.headers['x-trace-id'],
    })
    expect(refused.body.retry_after).toBeGreaterThan(0)
    expect(refused.headers['retry-after']).toBe(String(refused.body.retry_after))
    expect(refused.headers.ratelimit).toMatch(/^"anonymous";r=0;t=\d+$/)
    expect(app.eventsNamed('rate_limit:hit').at(-1)).toMatchObject({ limit: 'anonymous', request_id: 'refused-1' })
    expect(await app.services.metrics.exposition()).toMatch(/^rate_limit_hits_total 2$/m)
  })

  it('are free again when the window is over', async () => {
    await start({ env: { RATE_LIMIT_ANONYMOUS: '1/second' } })
    expect(await statuses(2, () => ask())).toEqual([404, 429])
    await expect.poll(async () => (await ask()).status, { timeout: 3000, interval: 600 }).toBe(404)
  })

  it('may ask for health, metrics, documentation and pages as often as they like', async () => {
    await start()
    const paths = [
      '/health',
      '/livez/',
      '/ready',
      '/readyz',
      '/metrics',
      '/docs',
      '/docs/init.js',
      '/openapi.json',
      '/',
      '/config.json',
    ]
    for (const path of paths) expect(await statuses(5, () => ask(path)), path).not.toContain(429)
    expect(await statuses(5, () => ask('/redoc'))).toEqual([302, 302, 302, 302, 302])
    expect((await ask('/health')).headers.ratelimit).toBeUndefined()
  })

  it('with a valid token are not counted, and with an invalid one are', async () => {
    await start()
    const valid = await tokenFor()
    expect(await statuses(5, () => ask().auth(valid, { type: 'bearer' }))).toEqual([404, 404, 404, 404, 404])
    expect(await statuses(4, () => ask().auth('garbage', { type: 'bearer' }))).toEqual([404, 404, 404, 429])
  })

  it('cannot choose their address unless a proxy is trusted', async () => {
    await start()
    const spoof = (address: string) => ask().set('X-Forwarded-For', address)
    let number = 0
    expect(await statuses(4, () => spoof(`192.0.2.${number++}`))).toEqual([404, 404, 404, 429])
  })

  it('behind a trusted proxy are told apart by the address that it saw', async () => {
    await start({ env: { TRUST_PROXY: 'true' } })
    const through = (address: string, claimed: string) => ask().set('X-Forwarded-For', `${claimed}, ${address}`)
    let number = 0
    expect(await statuses(4, () => through('192.0.2.1', `198.51.100.${number++}`))).toEqual([404, 404, 404, 429])
    expect((await through('192.0.2.2', '192.0.2.1')).status).toBe(404)
  })
})

describe('whom an address stands for', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::9', '2001:db8:1:2'],
    ['2001:db8::9', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
  ])('%s is counted as %s', async (address, key) => {
    await start()
    expect(addressKey(address)).toBe(key)
  })
})
