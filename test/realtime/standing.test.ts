import { once } from 'node:events'
import { WebSocket } from 'ws'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import type { Actor } from '../../src/domain/identity.js'
import { createApiKeyStore } from '../../src/store/api-keys.js'
import { acme, actors, borealis, createWorld, type World } from '../store/world.js'
import { connect, listenTo, type Node, startNode, tokenOf } from './harness.js'

let world: World
let node: Node
beforeAll(async () => (world = await createWorld({ poolSize: 6 })))
afterAll(() => world.close())
beforeEach(async () => (node = await startNode(world, { standingMs: 50 })))
afterEach(async () => {
  await node.stop()
  await world.admin(
    `update users set disabled_at = null, clerk_user_id = null, company_id = $1, role = 'csr' where id = $2`,
    [acme, seedUsers.acmeCsr.id],
  )
  await world.admin('update companies set disabled_at = null')
})

const { acmeCsr, acmeLead, acmeRep } = actors
const change = (set: string) => world.admin(`update users set ${set} where id = $1`, [seedUsers.acmeCsr.id])

async function keyOf(scopes: string[]) {
  const input = { name: 'server', role: 'leadership', scopes, expiresAt: new Date(Date.now() + 3_600_000) } as const
  return await createApiKeyStore(world.database).create(acmeLead, input)
}

describe('a connection whose token still runs @integration @multitenant', () => {
  it.each([
    ['was disabled', 'disabled_at = now()'],
    ['has a lesser role', `role = 'rep'`],
    ['is another company’s', `company_id = '${borealis}'`],
  ])('ends when its user %s, and no other does', async (_, set) => {
    const [client, other] = [await connect(node, acmeCsr), await connect(node, acmeRep)]
    await client.subscribe(`user:${acmeCsr.userId}:tasks`)
    await change(set)
    expect(await client.closed).toEqual({ code: 4001, reason: 'the token counts no more' })
    expect((await other.subscribe(`user:${acmeRep.userId}:tasks`)).type).toBe('subscribed')
    await other.close()
  })

  it('ends when its company is disabled', async () => {
    const client = await connect(node, acmeCsr)
    await world.admin('update companies set disabled_at = now() where id = $1', [acme])
    expect((await client.closed).code).toBe(4001)
  })

  it('ends when its key is revoked', async () => {
    const { secret, key } = await keyOf(['realtime:read'])
    const socket = new WebSocket(`${node.wsUrl}/ws`, { headers: { 'x-api-key': secret } })
    const client = listenTo(socket)
    await once(socket, 'open')
    expect((await client.subscribe(`tenant:${acme}:events`)).type).toBe('subscribed')
    await createApiKeyStore(world.database).revoke(acmeLead, key.id)
    expect((await client.closed).code).toBe(4001)
  })

  it('goes on for whoever is not among our users, has a greater role now, or whose role Clerk says', async () => {
    const stranger: Actor = { ...acmeLead, userId: 'crm-user-7' }
    await change(`clerk_user_id = 'user_csr'`)
    const clients = [
      await connect(node, stranger),
      await connect(node, { ...acmeLead, role: 'rep' }),
      await connect(node, acmeCsr),
    ]
    await change(`role = 'rep'`)
    // Whoever is asked about in the same breath and does end says when that was.
    const witness = await connect(node, actors.acmeRep2)
    await world.admin('update users set disabled_at = now() where id = $1', [actors.acmeRep2.userId])
    await witness.closed
    await world.admin('update users set disabled_at = null where id = $1', [actors.acmeRep2.userId])
    for (const client of clients) {
      expect((await client.ask({ type: 'unsubscribe', channel: `tenant:${acme}:events` })).code).toBe('not_subscribed')
      await client.close()
    }
  })

  it('ends as a stream of events too', async () => {
    const response = await fetch(`${node.url}/events?channel=user:${acmeCsr.userId}:tasks`, {
      headers: { authorization: `Bearer ${await tokenOf(acmeCsr)}` },
    })
    await change('disabled_at = now()')
    const text = await response.text()
    expect(text).toContain('event: close\ndata: {"code":4001}')
  })
})

describe('a ticket @integration @multitenant', () => {
  it('is for whoever may listen: a key that only writes gets none', async () => {
    const ask = async (scopes: string[]) => {
      const { secret } = await keyOf(scopes)
      const headers = { 'x-api-key': secret, 'content-type': 'application/json' }
      const response = await fetch(`${node.url}/ws/tickets`, { method: 'POST', headers, body: '{}' })
      return [response.status, ((await response.json()) as { code?: string }).code]
    }
    expect(await ask(['realtime:write', 'tasks:write'])).toEqual([403, 'scope_missing'])
    expect(await ask(['realtime:read'])).toEqual([201, undefined])
  })
})
