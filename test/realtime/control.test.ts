import { randomUUID } from 'node:crypto'
import { connect as connectTcp } from 'node:net'
import { afterEach, beforeAll, afterAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import type { RealtimeErrorCode } from '../../src/realtime/errors.js'
import { acme, actors, createWorld, type World } from '../store/world.js'
import { createFlakyLink } from '../webhooks/flaky-link.js'
import { type Client, connect, type Node, type NodeOptions, startNode, tokenOf } from './harness.js'

let world: World
let node: Node
const clients: Client[] = []
beforeAll(async () => (world = await createWorld({ poolSize: 6 })))
afterAll(() => world.close())
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.terminate()
  await node.stop()
})

const channel = `tenant:${acme}:events`
async function start(options: NodeOptions = {}): Promise<Client> {
  node = await startNode(world, options)
  return await open()
}
async function open(...more: [expiresInSeconds?: number]): Promise<Client> {
  const client = await connect(node, actors.acmeLead, ...more)
  clients.push(client)
  return client
}
/** A clock that is put forward by hand. */
function createClock() {
  let at = Date.now()
  return { now: () => at, forward: (ms: number) => (at += ms) }
}

describe('a message that cannot be followed @integration', () => {
  const head = { type: 'subscribe', channel }
  const cases: [string, unknown, RealtimeErrorCode, RegExp?][] = [
    ['no JSON', '{', 'malformed_message'],
    ['no object', '[]', 'invalid_message', /the message: must be an object/],
    ['null', 'null', 'invalid_message'],
    ['no type', { channel }, 'invalid_message', /^type: must be "subscribe" or "unsubscribe"/],
    ['an unknown type', { ...head, type: 'publish' }, 'invalid_message', /^type/],
    ['no channel', { type: 'subscribe' }, 'invalid_message', /^channel: must be the name of a channel/],
    ['a channel that is no text', { type: 'subscribe', channel: { $ne: 1 } }, 'invalid_message', /^channel/],
    ['an unknown field', { ...head, from: 1 }, 'invalid_message', /^from: unknown field/],
    ['since that is no id', { ...head, since: 'x' }, 'invalid_message', /^since/],
    ['since below 0', { ...head, since: -1 }, 'invalid_message', /^since/],
    ['since beyond every id', { ...head, since: '9'.repeat(40) }, 'invalid_message', /^since/],
    ['since beyond the newest event', { ...head, since: '9'.repeat(18) }, 'unknown_event'],
    ['a wildcard', { ...head, channel: 'tenant:*:events' }, 'invalid_channel'],
    ['another’s', { ...head, channel: `tenant:${randomUUID()}:events` }, 'channel_forbidden'],
    ['the end of what was not begun', { type: 'unsubscribe', channel }, 'not_subscribed'],
  ]

  it('is answered by an error that says why, and the connection goes on', async () => {
    const client = await start({ limits: { messagesPerMinute: 1000 } })
    for (const [what, message, code, text] of cases) {
      const said = await client.ask(message)
      expect([what, said.type, said.code]).toEqual([what, 'error', code])
      expect(said.message).toMatch(text ?? /\w/)
    }
    client.socket.send(Buffer.from([1, 2, 3]))
    expect(await client.answer()).toMatchObject({ type: 'error', code: 'binary_not_supported' })
    expect(await client.subscribe(channel)).toMatchObject({ type: 'subscribed' })
  })

  it('for one channel too many', async () => {
    const client = await start({ limits: { maxChannels: 1 } })
    await client.subscribe(channel)
    expect(await client.subscribe(channel)).toMatchObject({ type: 'subscribed' })
    expect(await client.subscribe(`user:${seedUsers.acmeLead.id}:tasks`)).toMatchObject({ code: 'too_many_channels' })
  })

  it('while the database is away says so, and works again once it is back', async () => {
    const direct = new URL(world.test.url)
    const link = await createFlakyLink({ host: direct.hostname, port: Number(direct.port) })
    const url = new URL(world.test.url)
    url.host = `127.0.0.1:${link.port}`
    const client = await start({ url: url.href, limits: { messagesPerMinute: 1000 } })
    await link.cut()
    expect(await client.subscribe(channel)).toMatchObject({ type: 'error', code: 'unavailable', channel })
    await link.mend()
    await expect.poll(async () => (await client.subscribe(channel)).type, { timeout: 20_000 }).toBe('subscribed')
    await node.stop()
    await link.close()
  })
})

describe('a connection is closed @integration', () => {
  it('with 4029 after the tenth message of a minute, and ten thousand change nothing', async () => {
    const client = await start()
    for (let n = 0; n < 10_000; n++) client.send({ type: 'subscribe', channel })
    expect(await client.closed).toEqual({ code: 4029, reason: 'more than 10 messages in a minute' })
    expect(client.heard.at(-1)).toMatchObject({ type: 'error', code: 'rate_limited' })
    expect(client.heard.length).toBeLessThanOrEqual(11)
    expect(await node.metric('ws_messages_total{direction="in"}')).toEqual(['ws_messages_total{direction="in"} 11'])
    // Everybody else is served as before.
    const other = await open()
    expect(await other.subscribe(channel)).toMatchObject({ type: 'subscribed' })
  })

  it('not for the eleventh message once the first is a minute old', async () => {
    const clock = createClock()
    const client = await start({ now: clock.now, limits: { pongWithinMs: 1e9, pingEveryMs: 1e9 } })
    const other = await connect(node, actors.acmeLead, 86_400)
    await client.close()
    for (let n = 0; n < 10; n++) expect(await other.subscribe(channel)).toMatchObject({ type: 'subscribed' })
    clock.forward(60_000)
    expect(await other.subscribe(channel)).toMatchObject({ type: 'subscribed' })
    await other.close()
  })

  it('with 1009 for a frame that is too long', async () => {
    const client = await start()
    client.send(' '.repeat(20_000))
    expect(await client.closed).toMatchObject({ code: 1009 })
  })

  it('with 4001 when its token ends', async () => {
    const clock = createClock()
    node = await startNode(world, { now: clock.now, limits: { tickMs: 20, pingEveryMs: 1e9, pongWithinMs: 1e9 } })
    const [soon, later] = [await open(30), await open(3600)]
    clock.forward(25_000)
    expect(await soon.subscribe(channel)).toMatchObject({ type: 'subscribed' })
    clock.forward(10_000)
    expect(await soon.closed).toEqual({ code: 4001, reason: 'the token has expired' })
    expect(await later.subscribe(channel)).toMatchObject({ type: 'subscribed' })
  })

  it('with 4008 after 40 s without a pong; a ping comes every 20 s', async () => {
    const clock = createClock()
    node = await startNode(world, { now: clock.now, limits: { tickMs: 20 } })
    const [live, dead] = [await open(3600), await open(3600)]
    // The library answers pings by itself: this one is made deaf to them.
    ;(
      dead.socket as unknown as { _receiver: { removeAllListeners(event: string): void } }
    )._receiver.removeAllListeners('ping')
    let pings = 0
    live.socket.on('ping', () => pings++)
    clock.forward(19_999)
    expect(await live.subscribe(channel)).toMatchObject({ type: 'subscribed' })
    expect(pings).toBe(0)
    clock.forward(1)
    await live.until(() => pings === 1)
    expect(await live.subscribe(channel)).toMatchObject({ type: 'subscribed' })
    clock.forward(20_000)
    expect(await dead.closed).toEqual({ code: 4008, reason: 'no pong came' })
    await live.until(() => pings === 2)
    expect(await live.subscribe(channel)).toMatchObject({ type: 'subscribed' })
  })

  it('with 1001 when the server goes away, which does not take its whole grace', async () => {
    const client = await start()
    await client.subscribe(channel)
    const stopping = node.stop()
    expect(await client.closed).toMatchObject({ code: 1001 })
    await stopping
  })

  it('and nobody is let in any more while the server takes its leave', async () => {
    const client = await start()
    client.socket.pause()
    const { hostname, port } = new URL(node.url)
    const kept = connectTcp(Number(port), hostname)
    let text = ''
    kept.on('data', (chunk) => (text += chunk.toString()))
    kept.on('error', () => undefined)
    const token = await tokenOf(actors.acmeLead)
    // It has begun to ask before, and so is not cut off.
    kept.write(`GET /ws HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n`)
    await client.until(() => kept.bytesWritten > 0 && kept.readyState === 'open')
    await new Promise((resolve) => setTimeout(resolve, 200))
    const stopping = node.stop()
    kept.write(
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    )
    await expect.poll(() => text).toMatch(/HTTP\/1\.1 503 [\s\S]*shutting_down/)
    await stopping
    kept.destroy()
  })

  it('at the other’s wish, and nothing is kept of it', async () => {
    const client = await start()
    await client.subscribe(channel)
    expect(await client.close()).toMatchObject({ code: 1005 })
    await expect.poll(() => node.metric('ws_connections')).toEqual(['ws_connections{transport="websocket"} 0'])
    await node.append({ event: 'task.updated', tenantId: acme, data: {} })
    expect(await node.metric('ws_messages_total{direction="out"}')).toEqual([])
  })
})

describe('a slow reader @integration', () => {
  it('is told what it lost, and has it all after a replay', async () => {
    const client = await start({ limits: { maxBufferedBytes: 64 * 1024, pingEveryMs: 1e9, pongWithinMs: 1e9 } })
    const quick = await open()
    await quick.subscribe(channel)
    const { last_id } = await client.subscribe(channel)
    client.socket.pause()
    const written: string[] = []
    const data = { text: 'x'.repeat(30_000) }
    const write = async () => {
      const ids = await node.append(
        ...Array.from({ length: 40 }, () => ({ event: 'task.updated' as const, tenantId: acme, data })),
      )
      written.push(...ids)
    }
    // The kernels of both ends take some megabytes first.
    while ((await node.metric('ws_dropped_total'))[0] === 'ws_dropped_total 0') await write()
    await write()
    await quick.until(() => quick.ids().length === written.length)
    expect(quick.ids()).toEqual(written)
    client.socket.resume()
    const dropped = await client.until(() => client.heard.find(({ event }) => event === 'system.buffer_dropped'))
    expect(dropped).toMatchObject({
      version: '1',
      id: null,
      severity: 'warning',
      tenant_id: acme,
      user_id: actors.acmeLead.userId,
    })
    const { since, dropped: count, channels } = dropped.data as { since: string; dropped: number; channels: string[] }
    expect(channels).toEqual([channel])
    const before = client.ids()
    expect(before).toEqual(written.slice(0, before.length))
    expect(count).toBe(written.length - before.length)
    expect(BigInt(since)).toBeGreaterThanOrEqual(BigInt(before.at(-1) ?? last_id ?? 0))
    await client.subscribe(channel, since)
    expect(client.ids()).toEqual(written)
    expect(await node.metric('ws_dropped_total')).toEqual([`ws_dropped_total ${count}`])
  })
})
