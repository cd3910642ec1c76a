import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Actor } from '../../src/domain/identity.js'
import { createApiKeyStore } from '../../src/store/api-keys.js'
import { actors, createWorld, type World } from '../store/world.js'
import { call } from '../support/client.js'
import { connect, type Node, refused, startNode, tokenOf } from './harness.js'

let world: World
let node: Node
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())
beforeEach(async () => {
  node = await startNode(world, { limits: { maxPerUser: 3 } })
})
afterEach(() => node.stop())

const { acmeLead, acmeRep } = actors
const channel = `tenant:${acmeLead.tenantId}:events`
const stream = async (actor: Actor, name: string) =>
  await fetch(`${node.url}/events?channel=${name}`, { headers: { authorization: `Bearer ${await tokenOf(actor)}` } })

describe('a ticket @integration', () => {
  it('of a key that was revoked since opens nothing', async () => {
    const expiresAt = new Date(Date.now() + 3_600_000)
    const keys = createApiKeyStore(world.database)
    const input = { name: 'server', role: 'leadership' as const, scopes: ['realtime:read'], expiresAt }
    const { key, secret } = await keys.create(acmeLead, input)
    const { body } = await call(`${node.url}/ws/tickets`, { headers: { 'x-api-key': secret }, body: {} })
    await keys.revoke(acmeLead, key.id)
    const { ticket } = body as { ticket: string }
    expect(await refused(`${node.wsUrl}/ws?ticket=${ticket}`)).toMatchObject({
      status: 401,
      body: { code: 'ticket_invalid' },
    })
  })
})

describe('a user has so many connections @integration', () => {
  it('of both kinds together; one more is refused, until one is over', async () => {
    const first = await connect(node, acmeLead)
    await connect(node, acmeLead)
    const events = await stream(acmeLead, channel)
    expect(events.status).toBe(200)
    const address = `${node.wsUrl}/ws`
    const bearer = { headers: { authorization: `Bearer ${await tokenOf(acmeLead)}` } }
    const problem = {
      status: 429,
      code: 'too_many_connections',
      detail: 'this user has 3 connections for events already',
      retry_after: 5,
    }
    expect(await refused(address, bearer)).toMatchObject({
      status: 429,
      body: problem,
      headers: { 'retry-after': '5' },
    })
    const more = await stream(acmeLead, channel)
    expect([more.status, await more.json()]).toEqual([429, expect.objectContaining(problem)])
    expect(await node.metric('rate_limit_hits_total')).toEqual(['rate_limit_hits_total 2'])
    // Of another user, of the same company, there are none yet.
    await (await connect(node, acmeRep)).close()

    await first.close()
    await expect
      .poll(() => node.metric('ws_connections{transport="websocket"}'))
      .toEqual([expect.stringMatching(/ 1$/)])
    await (await connect(node, acmeLead)).close()
  })
})
