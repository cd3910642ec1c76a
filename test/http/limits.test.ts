import { SignJWT } from 'jose'
import request from 'supertest'
import { afterEach, describe, expect, it } from 'vitest'
import { addressKey } from '../../src/http/rate-limit.js'
import { route } from '../../src/http/route.js'
import { companyId, secret, startApp, type TestApp, type TestAppOptions, tokenFor, userId } from './harness.js'

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

  it('with a valid token are not counted as such, and with an invalid one are', async () => {
    await start()
    const valid = await tokenFor()
    expect(await statuses(5, () => ask().auth(valid, { type: 'bearer' }))).toEqual([404, 404, 404, 404, 404])
    expect(app.eventsNamed('rate_limit:hit')).toEqual([])
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

const other = '0199a3c2-6d1e-7000-8000-0000000000cc'
const colleague = '0199a3c2-6d1e-7000-8000-0000000000dd'

const tokenWithoutCompany = () =>
  new SignJWT({ email: 'nobody@example.org' })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('nobody')
    .setExpirationTime('1m')
    .sign(new TextEncoder().encode(secret))

const answers = (path: string) =>
  ({
    method: 'get',
    path,
    summary: 'Answers',
    tags: ['test'],
    auth: 'optional',
    responses: { 204: { description: 'Nothing' } },
    handler: () => ({ status: 204 as const }),
  }) as const

describe('an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:40312', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['[2001:db8:0:1::5]:443', '2001:db8:0:1'],
    ['2001:db8:0:1::9', '2001:db8:0:1'],
  ])('%s is counted as %s, whatever port a proxy writes behind it', async (address, key) => {
    await start()
    expect(addressKey(address)).toBe(key)
  })
})

describe('callers with a token', () => {
  const userRates = { RATE_LIMIT_USER: '2/minute', RATE_LIMIT_TENANT: '5/minute' }
  const as = async (claims: Parameters<typeof tokenFor>[0] = {}) => {
    const token = await tokenFor(claims)
    return (path = '/nowhere') => ask(path).auth(token, { type: 'bearer' })
  }

  it('are limited each by itself, and told both limits', async () => {
    await start({ env: userRates })
    const me = await as()
    const first = await me()
    expect(first.headers['ratelimit-policy']).toBe('"user";q=2;w=60, "tenant";q=5;w=60')
    expect(first.headers.ratelimit).toBe('"user";r=1;t=60, "tenant";r=4;t=60')
    expect(first.headers).toMatchObject({
      'ratelimit-limit': '2',
      'ratelimit-remaining': '1',
      'ratelimit-reset': '60',
    })
    expect(await statuses(3, () => me())).toEqual([404, 429, 429])
    const refused = await me()
    expect(refused.body).toMatchObject({
      type: 'https://tools.ietf.org/html/rfc6585#section-4',
      title: 'Too Many Requests',
      status: 429,
      detail: 'more than 2 requests in 60 seconds',
      instance: '/nowhere',
      code: 'rate_limited',
      trace_id: refused.headers['x-trace-id'],
    })
    expect(refused.headers['retry-after']).toBe(String(refused.body.retry_after))
    expect(refused.headers).toMatchObject({ 'ratelimit-limit': '2', 'ratelimit-remaining': '0' })
    expect((await (await as({ sub: colleague }))()).status).toBe(404)
    expect(app.eventsNamed('rate_limit:hit')[0]).toMatchObject({ limit: 'user', user_id: userId, tenant_id: companyId })
  })

  it('share the limit of their company, which does not count what their own limit refused', async () => {
    await start({ env: userRates })
    const [first, second, third] = [await as(), await as({ sub: colleague }), await as({ sub: 'a-third' })]
    expect(await statuses(6, () => first())).toEqual([404, 404, 429, 429, 429, 429])
    // Two of the company's five are used, not six.
    expect(await statuses(2, () => second())).toEqual([404, 404])
    const last = await third()
    expect(last.headers.ratelimit).toMatch(/^"user";r=1;t=\d+, "tenant";r=0;t=\d+$/)
    expect(last.headers).toMatchObject({ 'ratelimit-limit': '5', 'ratelimit-remaining': '0' })
    const refused = await third()
    expect([refused.status, refused.body.detail]).toEqual([429, 'more than 5 requests in 60 seconds'])
    expect(app.eventsNamed('rate_limit:hit').at(-1)).toMatchObject({ limit: 'tenant' })
    const stranger = await as({ company_id: other, sub: 'a-third' })
    expect((await stranger()).status).toBe(404)
  })

  it('of the same id in two companies are two', async () => {
    await start({ env: userRates })
    const [here, there] = [await as(), await as({ company_id: other })]
    expect(await statuses(3, () => here())).toEqual([404, 404, 429])
    expect(await statuses(3, () => there())).toEqual([404, 404, 429])
  })

  it('without a company are limited too', async () => {
    await start({ env: userRates })
    const token = await tokenWithoutCompany()
    const nobody = () => ask().auth(token, { type: 'bearer' })
    expect((await nobody()).headers['ratelimit-policy']).toBe('"user";q=2;w=60')
    expect(await statuses(2, nobody)).toEqual([404, 429])
  })

  it('are counted before their request is looked at, and by every route together', async () => {
    await start({ env: userRates, routes: [route({ ...answers('/other'), operationId: 'other' })] })
    const me = await as()
    expect((await me('/auth/me')).status).toBe(500)
    expect((await me('/other')).status).toBe(204)
    expect((await me('/auth/me')).status).toBe(429)
  })

  it('may ask for health, metrics, documentation and pages as often as they like', async () => {
    await start({ env: userRates })
    const me = await as()
    for (const path of ['/health', '/livez', '/ready', '/readyz/', '/metrics', '/docs', '/openapi.json', '/'])
      expect(await statuses(4, () => me(path)), path).toEqual([200, 200, 200, 200])
    expect(await statuses(4, () => me('/redoc'))).toEqual([302, 302, 302, 302])
    const left = await me()
    expect(left.headers.ratelimit).toBe('"user";r=1;t=60, "tenant";r=4;t=60')
  })

  it('have other limits where a route says so, counted apart from the general ones', async () => {
    const routes = [
      route({
        ...answers('/rare'),
        operationId: 'rare',
        limits: {
          user: { points: 1, windowSeconds: 3600 },
          tenant: { points: 2, windowSeconds: 1 },
          anonymous: { points: 1, windowSeconds: 60 },
        },
      }),
      route({ ...answers('/free'), operationId: 'free', limits: false }),
      route({ ...answers('/half'), operationId: 'half', limits: { user: { points: 1, windowSeconds: 60 } } }),
    ]
    await start({ routes, env: userRates })
    const me = await as()
    const first = await me('/rare')
    expect(first.headers['ratelimit-policy']).toBe('"user";q=1;w=3600, "tenant";q=2;w=1')
    expect(await statuses(1, () => me('/rare/'))).toEqual([429])
    expect(await statuses(4, () => me('/free'))).toEqual([204, 204, 204, 204])
    const half = await me('/half')
    expect(half.headers.ratelimit).toBe('"user";r=0;t=60, "tenant";r=4;t=60')
    expect(await statuses(3, () => me())).toEqual([404, 404, 429])
    expect(await statuses(2, () => ask('/rare'))).toEqual([204, 429])
  })

  it('are told by the document which routes refuse, and how', async () => {
    await start()
    const { paths } = (await ask('/openapi.json')).body
    expect(Object.keys(paths['/auth/me'].get.responses['429'].headers)).toEqual(
      expect.arrayContaining(['Retry-After', 'RateLimit', 'RateLimit-Policy']),
    )
    expect(paths['/health'].get.responses['429']).toBeUndefined()
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
