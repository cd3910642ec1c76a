import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ConfigError, loadConfig } from '../../src/config.js'
import { eventNames } from '../../src/domain/event.js'
import { catalogue } from '../../src/realtime/catalogue.js'
import { acme, actors, createWorld, type World } from '../store/world.js'
import { call } from '../support/client.js'
import { type Client, connect, type Node, startNode } from './harness.js'

const key = 'a-key-of-sixteen-or-more'
let world: World
let node: Node
let client: Client
beforeAll(async () => {
  world = await createWorld()
  node = await startNode(world, { env: { DEV_EMIT_KEY: key } })
  client = await connect(node, actors.acmeLead)
  await client.subscribe(`tenant:${acme}:events`)
})
afterAll(async () => {
  await client.close()
  await node.stop()
  await world.close()
})

const emit = (query: string, method = 'POST', headers: Record<string, string> = { 'x-dev-key': key }) =>
  call(`${node.url}/ws/test-emit?${query}`, { method, headers })

describe('/ws/test-emit @integration', () => {
  it.each(['GET', 'POST'])('writes an event by %s, and readers get it', async (method) => {
    const { status, body } = await emit(`event=task.updated&tenant_id=${acme}&user_id=u1`, method)
    expect([status, body]).toEqual([
      202,
      { id: expect.stringMatching(/^\d+$/) as string, event: 'task.updated', tenant_id: acme },
    ])
    await client.until(() => client.ids().includes((body as { id: string }).id))
    expect(client.events().at(-1)).toMatchObject({ user_id: 'u1', data: catalogue['task.updated'].example })
  })

  it('writes every event there is', async () => {
    for (const name of eventNames) expect((await emit(`event=${name}&tenant_id=${acme}`)).status).toBe(202)
    await client.until(() => client.events().length >= eventNames.length + 2)
    expect(
      client
        .events()
        .slice(-eventNames.length)
        .map(({ event }) => event),
    ).toEqual(eventNames)
  })

  it('is not there for whoever has not the key', async () => {
    for (const wrong of [{}, { 'x-dev-key': 'wrong' }, { 'x-dev-key': `${key} ` + 'x' }, { 'x-dev-key': '' }])
      expect(await emit(`event=task.updated&tenant_id=${acme}`, 'POST', wrong)).toMatchObject({
        status: 404,
        body: { code: 'not_found', detail: 'there is nothing at this path' },
      })
  })

  it.each([
    [`event=nonsense&tenant_id=${acme}`, 422, 'query/event'],
    ['event=task.updated&tenant_id=x', 422, 'query/tenant_id'],
    [`tenant_id=${acme}`, 422, 'query/event'],
    [`event=task.updated&tenant_id=${acme}&more=1`, 422, 'query/more'],
    [`event=task.updated&tenant_id=${acme}&session_id=x`, 422, 'query/session_id'],
  ])('refuses %s', async (query, status, pointer) => {
    expect(await emit(query)).toMatchObject({ status, body: { errors: [{ pointer }] } })
  })

  it('knows no company that is not there', async () => {
    expect(await emit(`event=task.updated&tenant_id=${randomUUID()}`)).toMatchObject({ status: 404 })
  })

  it('is nowhere without DEV_EMIT_KEY, and not in the document', async () => {
    const plain = await startNode(world)
    const answer = await call(`${plain.url}/ws/test-emit?event=task.updated&tenant_id=${acme}`, {
      headers: { 'x-dev-key': '' },
    })
    expect(answer).toMatchObject({ status: 404, body: { detail: 'there is nothing at this path' } })
    expect((await call(`${plain.url}/openapi.json`, { method: 'GET' })).body.paths).not.toHaveProperty('/ws/test-emit')
    await plain.stop()
  })

  it('stops a start in production, as a short key stops any', () => {
    const problemsOf = (env: Record<string, string>) => {
      try {
        loadConfig(env)
      } catch (error) {
        return (error as ConfigError).problems.map(({ variable, message }) => `${variable} ${message}`)
      }
      return []
    }
    expect(problemsOf({ NODE_ENV: 'production', DEV_EMIT_KEY: key })).toContain(
      'DEV_EMIT_KEY must not be set in production',
    )
    expect(problemsOf({ DEV_EMIT_KEY: 'short' })).toEqual(['DEV_EMIT_KEY must have at least 16 characters'])
  })
})
