import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NewEvent } from '../../src/domain/event.js'
import { acme, actors, createWorld, type World } from '../store/world.js'
import { startRedis, type TestRedis } from '../support/redis.js'
import { connect, type Node, startNode } from './harness.js'

let world: World
let redis: TestRedis
let nodes: [Node, Node]
/** What PostgreSQL notified. */
const notified: string[] = []
let ear: pg.Client
beforeAll(async () => {
  world = await createWorld({ poolSize: 6 })
  redis = await startRedis()
  const options = { redisUrl: redis.url, lookMs: 600_000 }
  nodes = [await startNode(world, options), await startNode(world, options)]
  ear = new pg.Client({ connectionString: world.test.adminUrl })
  ear.on('notification', ({ payload }) => notified.push(payload ?? ''))
  await ear.connect()
  await ear.query('listen parley_events')
})
afterAll(async () => {
  await ear.end()
  for (const node of nodes) await node.stop()
  await redis.stop()
  await world.close()
})

const channel = `tenant:${acme}:events`
const entry: NewEvent = { event: 'task.updated', tenantId: acme, data: {} }

describe('with Redis @integration', () => {
  it('events reach the other process by it, by PostgreSQL while it is away, and by it again', async () => {
    const [writer, reader] = nodes
    const client = await connect(reader, actors.acmeLead)
    await client.subscribe(channel)
    const written: string[] = []
    const reaches = async () => {
      notified.length = 0
      written.push(...(await writer.append(entry, entry)))
      await client.until(() => client.ids().length >= written.length)
      expect(client.ids()).toEqual(written)
      await ear.query('select 1')
      return [...notified]
    }
    const isHeard = () =>
      expect.poll(() => redis.ask('PUBSUB NUMSUB parley:events'), { timeout: 15_000 }).toMatch(/:1\r\n$/)
    const isUp = (up: boolean) => expect.poll(() => writer.redis?.isUp(), { timeout: 15_000 }).toBe(up)
    await isUp(true)
    await isHeard()
    expect(await reaches()).toEqual([])
    await redis.kill()
    await isUp(false)
    expect(await reaches()).toEqual([`${acme} ${written.at(-1)}`])
    await redis.start()
    await isUp(true)
    await isHeard()
    expect(await reaches()).toEqual([])
    await client.close()
  })

  it('a subscription that missed what was said while Redis was away has it once it is back', async () => {
    const [, reader] = nodes
    const client = await connect(reader, actors.acmeLead)
    await client.subscribe(channel)
    await redis.kill()
    // As a process would that died between its commit and its message.
    const [row] = await world.admin<{ id: string }>(
      `insert into event_logs (tenant_id, event) values ($1, 'task.updated') returning id`,
      [acme],
    )
    await redis.start()
    await client.until(() => client.ids().includes(row?.id ?? ''))
    await client.close()
  })
})

describe('without Redis @integration', () => {
  it('PostgreSQL notifies once for a statement and tenant, with ids only', async () => {
    const node = await startNode(world)
    notified.length = 0
    const ids = await node.append(entry, { ...entry, data: { text: 'secret' } }, entry)
    await ear.query('select 1')
    expect(notified).toEqual([`${acme} ${ids.at(-1)}`])
    await node.stop()
  })
})
