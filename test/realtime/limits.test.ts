import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { actors, createWorld, type World } from '../store/world.js'
import { call } from '../support/client.js'
import { connect, type Node, refused, startNode, tokenOf } from './harness.js'

let world: World
let node: Node
beforeAll(async () => {
  world = await createWorld()
  node = await startNode(world, {
    env: { RATE_LIMIT_ANONYMOUS: '2/minute', RATE_LIMIT_USER: '2/minute', RATE_LIMIT_TENANT: '3/minute' },
  })
})
afterAll(async () => {
  await node.stop()
  await world.close()
})

const { acmeLead } = actors
const ask = (token?: string) =>
  call(`${node.url}/nowhere`, { method: 'GET', ...(token === undefined ? {} : { token }) })

describe('requests for a WebSocket @integration', () => {
  it('pass whatever limits have been used up, and use up none', async () => {
    const token = await tokenOf(acmeLead)
    const { body } = await call(`${node.url}/ws/tickets`, { token, body: {} })
    for (let n = 0; n < 5; n++) await (await connect(node, acmeLead)).close()
    expect((await ask(token)).status).toBe(404)
    expect((await ask(token)).status).toBe(429)
    for (const status of [404, 404, 429]) expect((await ask()).status).toBe(status)

    await (await connect(node, acmeLead)).close()
    const { ticket } = body as { ticket: string }
    const socket = new WebSocket(`${node.wsUrl}/ws?ticket=${ticket}`)
    await once(socket, 'open')
    socket.close()
    // Refused for what it is, and not for how often.
    for (let n = 0; n < 5; n++) expect((await refused(`${node.wsUrl}/ws`)).status).toBe(401)
    expect((await ask(token)).status).toBe(429)
  })

  it('at any other address are requests like others', async () => {
    const { status } = await refused(`${node.wsUrl}/nowhere`)
    expect(status).toBe(429)
  })
})
