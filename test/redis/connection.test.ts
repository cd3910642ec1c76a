import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { logInto } from '../support/log-lines.js'
import { createMetrics } from '../../src/observability/metrics.js'
import { createRedisConnection, RedisAwayError, type RedisConnection } from '../../src/redis/connection.js'
import { freePort } from '../../src/dev/ports.js'
import { startRedis, type TestRedis } from '../support/redis.js'

let redis: TestRedis
let connection: RedisConnection
let lines: Record<string, unknown>[]
let metrics: ReturnType<typeof createMetrics>

const events = () => lines.map(({ event }) => event).filter((event) => event !== undefined)
const connectTo = (url: string) => {
  lines = []
  metrics = createMetrics()
  const log = logInto(lines)
  connection = createRedisConnection({ url, log, metrics })
}
const up = () => expect.poll(() => connection.isUp(), { timeout: 15_000 }).toBe(true)
const get = (key: string) => connection.run((client) => client.get(key))

beforeEach(async () => {
  redis = await startRedis()
})
afterEach(async () => {
  connection.close()
  await redis.stop()
})

describe('the connection to Redis @integration', () => {
  it('comes up by itself, and sends commands', async () => {
    connectTo(redis.url)
    await up()
    await connection.run((client) => client.set('colour', 'blue'))
    expect(await get('colour')).toBe('blue')
    expect(await redis.ask('GET colour')).toContain('blue')
    await connection.ping(1500)
    expect(await metrics.exposition()).toContain('redis_up{role="commands"} 1')
  })

  it('fails at once while Redis is away, says so once, and is back by itself', async () => {
    connectTo(redis.url)
    await up()
    await redis.kill()
    await expect.poll(() => connection.isUp(), { timeout: 15_000 }).toBe(false)
    await expect(get('colour')).rejects.toBeInstanceOf(RedisAwayError)
    await expect(connection.ping(1500)).rejects.toBeInstanceOf(RedisAwayError)
    // Long enough for several tries to connect.
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(events()).toEqual(['redis:away'])
    expect(await metrics.exposition()).toContain('redis_up{role="commands"} 0')
    await redis.start()
    await up()
    expect(await get('colour')).toBeNull()
    expect(events()).toEqual(['redis:away', 'redis:back'])
  })

  it('waits for a Redis that was never there', async () => {
    const port = await freePort()
    connectTo(`redis://127.0.0.1:${port}`)
    await expect.poll(events, { timeout: 15_000 }).toEqual(['redis:away'])
    await expect(get('colour')).rejects.toThrow('redis is not connected')
  })

  it('does not wait for a Redis that hangs, and takes it again when it goes on', async () => {
    connectTo(redis.url)
    await up()
    const goOn = redis.freeze()
    await expect(get('colour')).rejects.toThrow('redis did not answer within 250 ms')
    await expect(get('colour')).rejects.toThrow('redis did not answer in time a moment ago')
    goOn()
    await up()
    expect(await get('colour')).toBeNull()
  })

  it('passes on what Redis refuses', async () => {
    connectTo(redis.url)
    await up()
    await connection.run((client) => client.set('text', 'x'))
    await expect(connection.run((client) => client.incr('text'))).rejects.toThrow('not an integer')
  })

  it('subscribes again after Redis was away', async () => {
    connectTo(redis.url)
    await up()
    const heard: string[] = []
    const subscriber = connection.subscriber()
    await expect.poll(() => subscriber.isReady, { timeout: 15_000 }).toBe(true)
    await subscriber.subscribe('news', (message) => void heard.push(message))
    await connection.run((client) => client.publish('news', 'first'))
    await expect.poll(() => heard, { timeout: 15_000 }).toEqual(['first'])
    await redis.kill()
    await redis.start()
    await up()
    await expect
      .poll(() => connection.run((client) => client.publish('news', 'again')).catch(() => 0), { timeout: 15_000 })
      .toBe(1)
    await expect.poll(() => heard.at(-1), { timeout: 15_000 }).toBe('again')
  })
})
