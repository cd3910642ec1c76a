import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import type { Actor } from '../../src/domain/identity.js'
import { acme, actors, aSession, createWorld, type World } from '../store/world.js'
import { connect, type Node, startNode } from './harness.js'

let world: World
let node: Node
beforeAll(async () => {
  world = await createWorld({ poolSize: 6 })
  node = await startNode(world)
})
afterAll(async () => {
  await node.stop()
  await world.close()
})

// Their tokens come from elsewhere: the user is found by email, and has another id in our table.
const owner: Actor = { tenantId: acme, userId: 'crm-user-7', role: 'rep' }
const { id: userId, email } = seedUsers.acmeRep
const input = aSession({ owner: { userId: owner.userId, email, tenantId: acme } })
const { sessionId } = input
const channel = `session:${sessionId}:events`
const event = (of: string) => ({ event: 'session.started', tenantId: acme, userId, sessionId: of, data: {} }) as const

describe('whose session it is by another id @integration @multitenant', () => {
  it('hears and replays what happens to it, and nobody else does', async () => {
    await world.sessions.track(input)
    const [before] = await node.append(event(sessionId))
    const client = await connect(node, owner)
    expect(await client.subscribe(channel, '0')).toMatchObject({ type: 'subscribed', channel })
    const [after] = await node.append(event(sessionId))
    await client.until(() => client.ids().includes(after ?? ''))
    expect(client.ids()).toContain(before)
    await client.close()

    const timeline = (actor: Actor) => world.eventLog.listForSession(actor, sessionId, { limit: 100 })
    expect((await timeline(owner)).map(({ id }) => id)).toEqual(expect.arrayContaining([before, after]))
    for (const stranger of [
      { ...owner, userId: 'crm-user-8' },
      { ...owner, userId: 'crm-user-8', role: 'csr' } as const,
      actors.acmeRep2,
      { ...owner, tenantId: actors.borealisLead.tenantId },
      actors.borealisLead,
    ])
      expect(await timeline(stranger)).toEqual([])
  })

  it('reads no other entry by it: of another session, or of the user in our table', async () => {
    const other = aSession()
    await world.sessions.track(other)
    await node.append(event(other.sessionId), { event: 'identity.logout', tenantId: acme, userId, data: {} })
    const rows = await world.database.withTenant(owner, (trx) =>
      trx.raw<{ rows: { session_id: string | null }[] }>('select distinct session_id from event_logs'),
    )
    expect(rows.rows).toEqual([{ session_id: sessionId }])
  })
})
