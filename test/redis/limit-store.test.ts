import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRedisConnection, type RedisConnection } from '../../src/redis/connection.js'
import { createLimitStore } from '../../src/redis/limit-store.js'
import { companyId, startApp, type TestApp, tokenFor, userId } from '../http/harness.js'
import { startRedis, type TestRedis } from '../support/redis.js'

let redis: TestRedis
let apps: { app: TestApp; connection: RedisConnection }[]

beforeEach(async () => {
  redis = await startRedis()
  apps = []
})
afterEach(async () => {
  for (const { app, connection } of apps) {
    connection.close()
    await app.stop()
  }
  await redis.stop()
})

/** An API process of its own, as far as its limits are concerned. */
async function startLimited(env: Record<string, string>) {
  const bare = await startApp({ env })
  await bare.stop()
  const { log, metrics, events } = bare.services
  const connection = createRedisConnection({ url: redis.url, log, metrics })
  await expect.poll(() => connection.isUp(), { timeout: 15_000 }).toBe(true)
  const app = await startApp({
    env,
    services: {
      metrics,
      events,
      limits: createLimitStore({ redis: connection, events }),
      probes: {
        database: async () => {},
        temporal: async () => {},
        workers: async () => {},
        redis: () => connection.ping(1500),
      },
    },
  })
  apps.push({ app, connection })
  const told = () => bare.lines.map(({ event }) => event).filter((event) => String(event).startsWith('rate_limit:'))
  return { app, connection, metrics, told }
}

type Limited = Awaited<ReturnType<typeof startLimited>>
const ask = async ({ app }: Limited, token: string) => {
  const response = await fetch(`${app.url}/nowhere`, { headers: { authorization: `Bearer ${token}` } })
  await response.arrayBuffer()
  return { status: response.status, limit: response.headers.get('ratelimit') }
}
const userKey = `parley:limit:tenant:${companyId}:user:${userId}`
const tenantKey = `parley:limit:tenant:${companyId}`
const countOf = async (key: string) => Number(/\r\n(\d+)\r\n/.exec(await redis.ask(`GET ${key}`))?.[1])
const back = ({ connection }: Limited) => expect.poll(() => connection.isUp(), { timeout: 15_000 }).toBe(true)

describe('limits in Redis @integration @multitenant', () => {
  it('count under the keys of user and company, for the length of the window', async () => {
    const one = await startLimited({ RATE_LIMIT_USER: '5/minute', RATE_LIMIT_TENANT: '7/hour' })
    const token = await tokenFor()
    await ask(one, token)
    await ask(one, token)
    expect(await countOf(userKey)).toBe(2)
    expect(await countOf(tenantKey)).toBe(2)
    expect(Number(/:(\d+)/.exec(await redis.ask(`TTL ${userKey}`))?.[1])).toBeGreaterThan(30)
    expect(Number(/:(\d+)/.exec(await redis.ask(`TTL ${tenantKey}`))?.[1])).toBeGreaterThan(3000)
    expect(one.told()).toEqual([])
    expect(await one.metrics.exposition()).toContain('rate_limit_fallback_total 0')
  })

  it('are one for several processes', async () => {
    const env = { RATE_LIMIT_USER: '3/minute' }
    const [one, two] = [await startLimited(env), await startLimited(env)]
    const token = await tokenFor()
    const statuses = []
    for (const process of [one, two, one, two, one]) statuses.push((await ask(process, token)).status)
    expect(statuses).toEqual([404, 404, 404, 429, 429])
    expect((await ask(two, token)).limit).toMatch(/^"user";r=0;/)
  })

  it('do not let a refusal of the user count against the company', async () => {
    const one = await startLimited({ RATE_LIMIT_USER: '2/minute' })
    const token = await tokenFor()
    for (let i = 0; i < 6; i++) await ask(one, token)
    expect(await countOf(tenantKey)).toBe(2)
  })
})

describe('a Redis that fails @integration', () => {
  it('leaves the count where it stood, is told of once, and takes the count back', async () => {
    const one = await startLimited({ RATE_LIMIT_USER: '5/minute' })
    const token = await tokenFor()
    for (let i = 0; i < 2; i++) await ask(one, token)
    await redis.kill()
    await expect.poll(() => one.connection.isUp(), { timeout: 15_000 }).toBe(false)
    expect((await ask(one, token)).limit).toMatch(/^"user";r=2;/)
    expect((await ask(one, token)).limit).toMatch(/^"user";r=1;/)
    expect(one.told()).toEqual(['rate_limit:memory'])
    // Two limits counted each of two requests.
    expect(await one.metrics.exposition()).toContain('rate_limit_fallback_total 4')
    const ready = await fetch(`${one.app.url}/ready`)
    expect([ready.status, await ready.json()]).toMatchObject([200, { ready: true, components: { redis: 'down' } }])

    await redis.start()
    await back(one)
    expect((await ask(one, token)).limit).toMatch(/^"user";r=0;/)
    expect((await ask(one, token)).status).toBe(429)
    expect(await countOf(userKey)).toBe(6)
    expect(one.told()).toEqual(['rate_limit:memory', 'rate_limit:redis'])
    expect(await (await fetch(`${one.app.url}/ready`)).json()).toMatchObject({ components: { redis: 'up' } })
  })

  it('is not waited for when it hangs', async () => {
    const one = await startLimited({ RATE_LIMIT_USER: '5/minute' })
    const token = await tokenFor()
    await ask(one, token)
    const goOn = redis.freeze()
    expect(await ask(one, token)).toMatchObject({ status: 404, limit: expect.stringMatching(/^"user";r=3;/) as string })
    expect(one.told()).toEqual(['rate_limit:memory'])
    goOn()
    await back(one)
    // What was sent while it hung counts when it goes on, and what it knew is not forgotten.
    await expect.poll(() => countOf(userKey)).toBe(2)
    expect((await ask(one, token)).limit).toMatch(/^"user";r=2;/)
  })

  it('is done without from the start, and taken when it comes', async () => {
    await redis.kill()
    const bare = await startApp()
    await bare.stop()
    const { log, metrics, events } = bare.services
    const connection = createRedisConnection({ url: redis.url, log, metrics })
    const limits = createLimitStore({ redis: connection, events })
    const app = await startApp({ services: { limits } })
    apps.push({ app, connection })
    const limiter = limits.limiter({ points: 2, windowSeconds: 60, space: 'x' })
    expect(await limiter.take('a')).toMatchObject({ refused: false, remaining: 1 })
    await redis.start()
    await expect.poll(() => connection.isUp(), { timeout: 15_000 }).toBe(true)
    expect(await limiter.take('a')).toMatchObject({ refused: false, remaining: 0 })
    expect(await limiter.take('a')).toMatchObject({ refused: true })
    expect(await countOf('parley:limit:x:a')).toBe(3)
  })

  it('that is killed and comes back under load gives no 5xx, and lets nobody beyond the limit', async () => {
    const one = await startLimited({ RATE_LIMIT_USER: '150/hour', RATE_LIMIT_TENANT: '1000000/hour' })
    const tokens = await Promise.all(['ann', 'ben', 'cem'].map((sub) => tokenFor({ sub })))
    const seen: { user: number; status: number; phase: string }[] = []
    let phase = 'before'
    let running = true
    const load = tokens.map(async (token, user) => {
      while (running) {
        const asked = phase
        seen.push({ user, status: (await ask(one, token)).status, phase: asked })
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    })
    const passed = (user: number) => seen.filter((one) => one.user === user && one.status === 404).length
    const reaches = (count: number) =>
      expect.poll(() => Math.min(...tokens.map((_, user) => passed(user))), { timeout: 60_000 }).toBeGreaterThan(count)
    await reaches(20)
    phase = 'away'
    await redis.kill()
    await reaches(60)
    await redis.start()
    await back(one)
    phase = 'after'
    await expect
      .poll(() => seen.filter(({ status, phase }) => status === 429 && phase === 'after').length, { timeout: 60_000 })
      .toBeGreaterThan(30)
    running = false
    await Promise.all(load)

    expect([...new Set(seen.map(({ status }) => status))].sort()).toEqual([404, 429])
    expect(seen.filter(({ phase }) => phase === 'away').length).toBeGreaterThan(60)
    expect(tokens.map((_, user) => passed(user))).toEqual([150, 150, 150])
    for (const sub of ['ann', 'ben', 'cem'])
      expect(await countOf(`parley:limit:tenant:${companyId}:user:${sub}`)).toBeGreaterThan(150)
    expect(one.told()).toEqual(['rate_limit:memory', 'rate_limit:redis'])
  })
})
