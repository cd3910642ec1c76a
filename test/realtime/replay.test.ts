import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import type { NewEvent } from '../../src/domain/event.js'
import { acme, actors, borealis, createWorld, holdTransaction, type World } from '../store/world.js'
import { appendEvents } from '../../src/store/event-log.js'
import { createFlakyLink } from '../webhooks/flaky-link.js'
import { type Client, connect, type Node, startNode } from './harness.js'

let world: World
let nodes: [Node, Node]
beforeAll(async () => {
  world = await createWorld({ poolSize: 8 })
  const limits = { messagesPerMinute: 1_000_000 }
  nodes = [await startNode(world, { limits, lookMs: 600_000 }), await startNode(world, { limits, lookMs: 600_000 })]
})
afterAll(async () => {
  for (const node of nodes) await node.stop()
  await world.close()
})

const channel = `tenant:${acme}:events`
const entry = (changes: Partial<NewEvent> = {}): NewEvent => ({
  event: 'task.updated',
  tenantId: acme,
  data: {},
  ...changes,
})
const head = async () =>
  (
    await world.admin<{ id: string }>('select coalesce(max(id), 0) as id from event_logs where tenant_id = $1', [acme])
  )[0]?.id ?? ''
const after = async (id: string, where = 'true') =>
  (
    await world.admin<{ id: string }>(
      `select id from event_logs where tenant_id = $1 and id > $2 and ${where} order by id`,
      [acme, id],
    )
  ).map((row) => row.id)

describe('a replay @idempotency', () => {
  it('begins where it is asked to, and events go on behind it', async () => {
    const [node] = nodes
    const written = await node.append(...Array.from({ length: 250 }, () => entry()))
    const client = await connect(node, actors.acmeLead)
    expect(await client.subscribe(channel, written[9])).toEqual({
      type: 'subscribed',
      channel,
      last_id: written.at(-1),
    })
    expect(client.ids()).toEqual(written.slice(10))
    // The answer comes behind the last event of the replay.
    expect(client.heard.at(-1)).toMatchObject({ type: 'subscribed' })
    const more = await node.append(entry(), entry())
    await client.until(() => client.ids().length >= 242)
    expect(client.ids()).toEqual([...written.slice(10), ...more])
    await client.close()
  })

  it('from 0 has everything, and a number will do for an id', async () => {
    const [node] = nodes
    const client = await connect(node, actors.acmeLead)
    await client.ask({ type: 'subscribe', channel, since: 0 })
    expect(client.ids()).toEqual(await after('0'))
    await client.close()
  })

  it('has no gap and no duplicate, whatever is written meanwhile, however often the reader comes back, and wherever', async () => {
    const step = fc.record({
      node: fc.nat({ max: 1 }),
      writers: fc.array(fc.record({ entries: fc.integer({ min: 1, max: 5 }), pauseMs: fc.nat({ max: 4 }) }), {
        minLength: 1,
        maxLength: 6,
      }),
      readMs: fc.nat({ max: 40 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), async (steps) => {
        const start = await head()
        const seen: string[] = []
        for (const { node, writers, readMs } of steps) {
          const writing = Promise.all(
            writers.map(async ({ entries, pauseMs }, index) => {
              for (let n = 0; n < 4; n++) {
                const lines = Array.from({ length: entries }, () => entry())
                await nodes[index % 2 === 0 ? 0 : 1].append(...lines, entry({ tenantId: borealis }))
                await sleep(pauseMs)
              }
            }),
          )
          const client = await connect(nodes[node === 0 ? 0 : 1], actors.acmeLead)
          client.send({ type: 'subscribe', channel, since: seen.at(-1) ?? start })
          await sleep(readMs)
          // Cut off anywhere, in the midst of the replay too.
          client.socket.terminate()
          await client.closed
          seen.push(...client.ids())
          await writing
        }
        const last = await connect(nodes[0], actors.acmeLead)
        await last.subscribe(channel, seen.at(-1) ?? start)
        seen.push(...last.ids())
        await last.close()
        expect(seen).toEqual(await after(start))
      }),
      { numRuns: 12 },
    )
  })

  it('joins several channels of one connection without a gap or a duplicate', async () => {
    const [node] = nodes
    const rep = seedUsers.acmeRep.id
    const start = await head()
    const client = await connect(node, actors.acmeLead)
    let writing = true
    const writer = (async () => {
      while (writing) await node.append(entry({ userId: rep }), entry(), entry({ userId: seedUsers.acmeRep2.id }))
    })()
    await client.subscribe(`user:${rep}:tasks`, start)
    await client.subscribe(`user:${seedUsers.acmeRep2.id}:tasks`, start)
    await client.subscribe(channel, start)
    writing = false
    await writer
    const all = await after(start)
    await client.until(() => client.ids().length >= all.length)
    expect([...client.ids()].sort((a, b) => Number(a) - Number(b))).toEqual(all)
    await client.close()
  })
})

describe('events reach every process @integration', () => {
  const bothHear = async (clients: Client[], ids: string[]) => {
    for (const client of clients) {
      await client.until(() => ids.every((id) => client.ids().includes(id)))
      expect(client.ids().slice(-ids.length)).toEqual(ids)
    }
  }

  it('whoever wrote them', async () => {
    const clients = await Promise.all(nodes.map((node) => connect(node, actors.acmeLead)))
    for (const client of clients) await client.subscribe(channel)
    await bothHear(clients, await nodes[0].append(entry(), entry()))
    await bothHear(clients, await nodes[1].append(entry()))
    // Neither of both: what any transaction writes.
    await bothHear(clients, await world.database.withService(acme, (trx) => appendEvents(trx, [entry()])))
    for (const client of clients) await client.close()
  })

  it('once they are committed, in the order of the commits', async () => {
    const client = await connect(nodes[0], actors.acmeLead)
    await client.subscribe(channel)
    const letGo = await holdTransaction(world.database, (trx) => appendEvents(trx, [entry({ data: { first: true } })]))
    const second = nodes[1].append(entry({ data: { first: false } }))
    await sleep(100)
    expect(client.ids()).toEqual([])
    await letGo()
    await second
    await client.until(() => client.ids().length === 2)
    expect(client.events().map(({ data }) => data.first)).toEqual([true, false])
    await client.close()
  })

  it('after the listener’s connection was lost, without a gap', async () => {
    const client = await connect(nodes[0], actors.acmeLead)
    await client.subscribe(channel)
    const start = await head()
    const lost = () =>
      world.admin(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'parley-events'
        and datname = current_database()`)
    for (let n = 0; n < 3; n++) {
      await lost()
      await nodes[1].append(entry())
    }
    const all = await after(start)
    await client.until(() => client.ids().length >= 3)
    expect(client.ids()).toEqual(all)
    await client.close()
  })

  it('after PostgreSQL was away, without a gap', async () => {
    const direct = new URL(world.test.url)
    const link = await createFlakyLink({ host: direct.hostname, port: Number(direct.port) })
    const url = new URL(world.test.url)
    url.host = `127.0.0.1:${link.port}`
    const node = await startNode(world, { url: url.href, lookMs: 600_000 })
    const client = await connect(node, actors.acmeLead)
    await client.subscribe(channel)
    const start = await head()
    await nodes[1].append(entry())
    await link.cut()
    await nodes[1].append(entry(), entry())
    await sleep(300)
    await link.mend()
    await nodes[1].append(entry())
    const all = await after(start)
    await client.until(() => client.ids().length >= all.length)
    expect(client.ids()).toEqual(all)
    await client.close()
    await node.stop()
    await link.close()
  })

  it('when no nudge comes through at all, by looking', async () => {
    const node = await startNode(world, { lookMs: 50 })
    const client = await connect(node, actors.acmeLead)
    await client.subscribe(channel)
    const [row] = await world.admin<{ id: string }>(
      `insert into event_logs (tenant_id, event) values ($1, 'task.updated') returning id`,
      [acme],
    )
    await client.until(() => client.ids().includes(row?.id ?? ''))
    await client.close()
    await node.stop()
  })
})
