import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import type { NewEvent } from '../../src/domain/event.js'
import type { Actor } from '../../src/domain/identity.js'
import { acme, actors, borealis, createWorld, type World } from '../store/world.js'
import { type Node, startNode, tokenOf } from './harness.js'

let world: World
let node: Node
let at = Date.now()
const now = () => at
beforeAll(async () => {
  world = await createWorld({ poolSize: 6 })
  node = await startNode(world, { now, limits: { tickMs: 20, maxBufferedBytes: 64 * 1024 } })
})
afterAll(async () => {
  await node.stop()
  await world.close()
})

const channel = `tenant:${acme}:events`
const entry = (changes: Partial<NewEvent> = {}): NewEvent => ({
  event: 'task.updated',
  tenantId: acme,
  data: {},
  ...changes,
})

interface Block {
  id?: string
  event?: string
  retry?: string
  data?: string
  comment?: string
}

async function open(
  actor: Actor,
  name: string,
  {
    headers = {},
    query = '',
    expiresInSeconds,
  }: { headers?: Record<string, string>; query?: string; expiresInSeconds?: number } = {},
) {
  const authorization = `Bearer ${await tokenOf(actor, expiresInSeconds)}`
  const asked = request(`${node.url}/events?channel=${encodeURIComponent(name)}${query}`, {
    headers: { authorization, ...headers },
  })
  asked.on('error', () => undefined)
  asked.end()
  const response = await new Promise<IncomingMessage>((resolve) => asked.once('response', resolve))
  let text = ''
  let isOver = false
  response.on('data', (chunk: Buffer) => (text += chunk.toString()))
  response.on('close', () => (isOver = true))
  response.on('error', () => undefined)
  const blocks = (): Block[] =>
    text
      .split('\n\n')
      .slice(0, -1)
      .map((block) =>
        Object.fromEntries(
          block.split('\n').map((line) => {
            const [, field = '', value = ''] = /^([^:]*): ?(.*)$/.exec(line) ?? []
            return [field === '' ? 'comment' : field, value]
          }),
        ),
      )
  return {
    response,
    text: () => text,
    isOver: () => isOver,
    blocks,
    ids: () => blocks().flatMap(({ id, event }) => (event === undefined && id !== undefined ? [id] : [])),
    has: (found: (block: Block) => boolean) => expect.poll(() => blocks().some(found), { timeout: 20_000 }).toBe(true),
    close: () => asked.destroy(),
  }
}

const isSubscribed = ({ event }: Block) => event === 'subscribed'

describe('GET /events @integration', () => {
  it('streams a channel as it happens, each event with its id', async () => {
    const stream = await open(actors.acmeLead, channel)
    expect(stream.response.statusCode).toBe(200)
    expect(stream.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
    })
    await stream.has(isSubscribed)
    expect(await node.metric('ws_connections{transport="sse"}')).toEqual(['ws_connections{transport="sse"} 1'])
    const written = await node.append(entry({ data: { text: 'two\nlines' } }), entry({ tenantId: borealis }), entry())
    await expect.poll(stream.ids).toEqual([written[0], written[2]])
    const [first] = stream.blocks().filter(({ event, id }) => event === undefined && id !== undefined)
    expect(JSON.parse(first?.data ?? '')).toMatchObject({ version: '1', id: written[0], data: { text: 'two\nlines' } })
    expect(stream.blocks()[0]).toEqual({ retry: '2000' })
    stream.close()
    await expect
      .poll(() => node.metric('ws_connections{transport="sse"}'))
      .toEqual(['ws_connections{transport="sse"} 0'])
  })

  it('goes on after Last-Event-ID, which comes before since', async () => {
    const written = await node.append(entry(), entry(), entry())
    const by = async (options: Parameters<typeof open>[2]) => {
      const stream = await open(actors.acmeLead, channel, options)
      await stream.has(isSubscribed)
      stream.close()
      return stream.ids()
    }
    expect(await by({ headers: { 'last-event-id': written[0] ?? '' } })).toEqual(written.slice(1))
    expect(await by({ query: `&since=${written[1]}` })).toEqual(written.slice(2))
    expect(await by({ query: '&since=0', headers: { 'last-event-id': written[1] ?? '' } })).toEqual(written.slice(2))
    expect(await by({})).toEqual([])
  })

  it('tells a reader who heard nothing yet from where to come back', async () => {
    const [id] = await node.append(entry())
    const stream = await open(actors.acmeLead, channel)
    await stream.has((block) => isSubscribed(block) && block.id === id)
    stream.close()
  })

  it.each([
    ['another tenant’s channel', actors.acmeLead, `tenant:${borealis}:events`, 403, 'channel_forbidden'],
    ['another’s channel', actors.acmeRep, `user:${seedUsers.acmeRep2.id}:tasks`, 403, 'channel_forbidden'],
    ['a wildcard', actors.acmeLead, 'tenant:*:events', 422, 'invalid_request'],
  ])('refuses %s', async (_, actor, name, status, code) => {
    const stream = await open(actor, name)
    expect(stream.response.statusCode).toBe(status)
    await expect.poll(stream.isOver).toBe(true)
    expect(JSON.parse(stream.text())).toMatchObject({ code, status })
  })

  it.each([
    ['no channel', '', {}, 'query/channel'],
    ['two channels', '?channel=a&channel=b', {}, 'query/channel'],
    ['an unknown parameter', `?channel=${channel}&token=x`, {}, 'query/token'],
    ['since that is no id', `?channel=${channel}&since=x`, {}, 'query/since'],
    ['since beyond the newest', `?channel=${channel}&since=${'9'.repeat(18)}`, {}, 'query/since'],
    ['Last-Event-ID that is none', `?channel=${channel}`, { 'last-event-id': '-1' }, 'headers/last-event-id'],
  ])('refuses %s', async (_, query, headers: Record<string, string>, pointer) => {
    const authorization = `Bearer ${await tokenOf(actors.acmeLead)}`
    const response = await fetch(`${node.url}/events${query}`, { headers: { authorization, ...headers } })
    expect(response.status).toBe(422)
    expect(await response.json()).toMatchObject({ errors: [{ pointer }] })
  })

  it('wants a token', async () => {
    expect((await fetch(`${node.url}/events?channel=${channel}`)).status).toBe(401)
  })

  it('says something every 20 s, and ends with the token', async () => {
    const stream = await open(actors.acmeLead, channel, { expiresInSeconds: 60 })
    await stream.has(isSubscribed)
    at += 20_000
    await stream.has(({ comment }) => comment === 'ping')
    at += 60_000
    await stream.has(({ event, data }) => event === 'close' && data === '{"code":4001}')
    await expect.poll(stream.isOver).toBe(true)
  })

  it('drops what a slow reader does not take, says so, and has it for a replay', async () => {
    const stream = await open(actors.acmeLead, channel, { expiresInSeconds: 86_400 })
    await stream.has(isSubscribed)
    stream.response.pause()
    const written: string[] = []
    const data = { text: 'x'.repeat(30_000) }
    do written.push(...(await node.append(...Array.from({ length: 40 }, () => entry({ data })))))
    while ((await node.metric('ws_dropped_total'))[0] === 'ws_dropped_total 0')
    stream.response.resume()
    const isTold = ({ data: text }: Block) => text?.includes('system.buffer_dropped') ?? false
    await stream.has(isTold)
    const told = stream.blocks().find(isTold)
    expect(told).not.toHaveProperty('id')
    const { since } = (JSON.parse(told?.data ?? '') as { data: { since: string } }).data
    stream.close()
    const again = await open(actors.acmeLead, channel, {
      headers: { 'last-event-id': since },
      expiresInSeconds: 86_400,
    })
    await again.has(isSubscribed)
    const before = stream.blocks().slice(0, stream.blocks().findIndex(isTold))
    expect([...before.flatMap(({ id, event }) => (event === undefined && id ? [id] : [])), ...again.ids()]).toEqual(
      written,
    )
    again.close()
  })

  it('ends when the server goes away', async () => {
    const stream = await open(actors.acmeLead, channel, { expiresInSeconds: 86_400 })
    await stream.has(isSubscribed)
    await node.stop()
    await expect.poll(stream.isOver).toBe(true)
  })
})
