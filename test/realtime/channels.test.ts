import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import { parseChannel } from '../../src/domain/channel.js'
import type { NewEvent } from '../../src/domain/event.js'
import { acme, actors, aSession, borealis, createWorld, type World } from '../store/world.js'
import { type Client, connect, type Node, startNode, tokenOf } from './harness.js'

let world: World
let node: Node
const ids = { ownLead: randomUUID(), otherLead: randomUUID(), foreignLead: randomUUID(), nothing: randomUUID() }
const session = aSession()
const foreignSession = aSession({
  owner: { userId: seedUsers.borealisLead.id, email: seedUsers.borealisLead.email, tenantId: borealis },
})
const clients: Client[] = []
const open = async (...args: Parameters<typeof connect>) => {
  const client = await connect(...args)
  clients.push(client)
  return client
}

beforeAll(async () => {
  world = await createWorld({ poolSize: 6 })
  node = await startNode(world, { limits: { messagesPerMinute: 1000 } })
  const lead = 'insert into leads (id, tenant_id, name, owner_user_id, external_id) values ($1, $2, $3, $4, $5)'
  await world.admin(lead, [ids.ownLead, acme, 'Own', seedUsers.acmeRep.id, 'crm-17'])
  await world.admin(lead, [ids.otherLead, acme, 'Other', seedUsers.acmeRep2.id, null])
  await world.admin(lead, [ids.foreignLead, borealis, 'Foreign', seedUsers.borealisLead.id, null])
  for (const one of [session, foreignSession]) await world.sessions.track(one)
})
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()))
  await node.stop()
  await world.close()
})

const csr = { tenantId: acme, userId: seedUsers.acmeCsr.id, role: 'csr' as const }
const entry = (changes: Partial<NewEvent> = {}): NewEvent => ({
  event: 'task.updated',
  tenantId: acme,
  data: {},
  ...changes,
})

describe('who may subscribe @multitenant', () => {
  const own = (id: string) => `user:${id}:tasks`
  const allowed: [string, Parameters<typeof connect>[1], () => string, boolean][] = [
    ['leadership to its tenant', actors.acmeLead, () => `tenant:${acme}:events`, true],
    ['a rep to the tenant', actors.acmeRep, () => `tenant:${acme}:events`, false],
    ['a csr to the tenant', csr, () => `tenant:${acme}:events`, false],
    ['leadership to another tenant', actors.acmeLead, () => `tenant:${borealis}:events`, false],
    ['a rep to the own tasks', actors.acmeRep, () => own(seedUsers.acmeRep.id), true],
    ['a rep to another’s tasks', actors.acmeRep, () => own(seedUsers.acmeRep2.id), false],
    ['a csr to another’s tasks', csr, () => own(seedUsers.acmeRep.id), false],
    ['leadership to a rep’s tasks', actors.acmeLead, () => own(seedUsers.acmeRep.id), true],
    ['leadership to tasks of another tenant', actors.acmeLead, () => own(seedUsers.borealisLead.id), false],
    ['leadership to tasks of nobody', actors.acmeLead, () => own(ids.nothing), false],
    ['a rep to the own lead', actors.acmeRep, () => `lead:${ids.ownLead}:timeline`, true],
    ['a rep to the own lead by its id elsewhere', actors.acmeRep, () => 'lead:crm-17:timeline', true],
    ['a rep to another’s lead', actors.acmeRep, () => `lead:${ids.otherLead}:timeline`, false],
    ['a csr to any lead', csr, () => `lead:${ids.otherLead}:timeline`, true],
    ['a csr to a lead of another tenant', csr, () => `lead:${ids.foreignLead}:timeline`, false],
    ['leadership to a lead of another tenant', actors.acmeLead, () => `lead:${ids.foreignLead}:timeline`, false],
    ['leadership to a lead of nobody', actors.acmeLead, () => `lead:${ids.nothing}:timeline`, false],
    ['a rep to the own session', actors.acmeRep, () => `session:${session.sessionId}:events`, true],
    ['another rep to it', actors.acmeRep2, () => `session:${session.sessionId}:events`, false],
    ['leadership to it', actors.acmeLead, () => `session:${session.sessionId}:events`, true],
    [
      'leadership to a session of another tenant',
      actors.acmeLead,
      () => `session:${foreignSession.sessionId}:events`,
      false,
    ],
    ['leadership to a session of nobody', actors.acmeLead, () => `session:${ids.nothing}:events`, false],
  ]
  it.each(allowed)('%s', async (_, actor, name, isAllowed) => {
    const client = await open(node, actor)
    const said = await client.subscribe(name())
    expect(said).toMatchObject(
      isAllowed
        ? { type: 'subscribed', channel: name(), last_id: expect.stringMatching(/^\d+$/) as string }
        : { type: 'error', code: 'channel_forbidden', channel: name(), message: expect.any(String) as string },
    )
  })
})

describe('what a channel has @multitenant', () => {
  it('is the catalogue’s events of its subject, and of a rep’s what the policies show', async () => {
    const everyone = {
      tenant: [actors.acmeLead, `tenant:${acme}:events`],
      tasks: [actors.acmeRep, `user:${seedUsers.acmeRep.id}:tasks`],
      lead: [actors.acmeRep, `lead:${ids.ownLead}:timeline`],
      session: [actors.acmeRep, `session:${session.sessionId}:events`],
      foreign: [actors.borealisLead, `tenant:${borealis}:events`],
    } as const
    const listening = Object.fromEntries(
      await Promise.all(
        Object.entries(everyone).map(async ([name, [actor, channel]]) => {
          const client = await open(node, actor)
          const { last_id } = await client.subscribe(channel)
          return [name, { client, channel, actor, since: last_id ?? '' }] as const
        }),
      ),
    )
    const mine = { userId: seedUsers.acmeRep.id }
    const written = await node.append(
      entry(mine),
      entry({ userId: seedUsers.acmeRep2.id }),
      entry({ ...mine, event: 'appointment.assigned', leadId: ids.ownLead }),
      entry({ ...mine, event: 'telephony.call.received', leadId: ids.ownLead }),
      entry({ ...mine, event: 'telephony.call.received', leadId: ids.otherLead }),
      entry({ ...mine, event: 'session.started', sessionId: session.sessionId }),
      entry({ ...mine, event: 'identity.logout' }),
      entry({ event: 'session.ended', sessionId: session.sessionId }),
      entry({ tenantId: borealis }),
    )
    const of = (...numbers: number[]) => numbers.map((number) => written[number])
    const expected: Record<string, (string | undefined)[]> = {
      tenant: of(0, 1, 2, 3, 4, 5, 6, 7),
      tasks: of(0, 2),
      lead: of(2, 3),
      // What names no user, too: the session is the rep's.
      session: of(5, 7),
      foreign: of(8),
    }
    for (const [name, { client, channel, actor, since }] of Object.entries(listening)) {
      // What comes as it happens is what a replay of the same stretch has.
      const again = await open(node, actor)
      await again.subscribe(channel, since)
      expect([name, again.ids()]).toEqual([name, expected[name]])
      await client.until(() => client.ids().length >= (expected[name]?.length ?? 0))
      expect([name, client.ids()]).toEqual([name, expected[name]])
    }
    const [first] = listening.tasks?.client.events() ?? []
    expect(first).toEqual({
      version: '1',
      id: written[0],
      event: 'task.updated',
      ts: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      severity: 'info',
      trace_id: null,
      tenant_id: acme,
      user_id: seedUsers.acmeRep.id,
      lead_id: null,
      data: {},
    })
  })

  it('shows whoever is not of leadership another’s event exactly as a query would', async () => {
    const client = await open(node, csr)
    await client.subscribe(`lead:${ids.otherLead}:timeline`)
    const written = await node.append(
      entry({ event: 'telephony.call.received', leadId: ids.otherLead }),
      entry({ event: 'worker.task.finished', leadId: ids.otherLead, userId: seedUsers.acmeRep2.id }),
      entry({ event: 'telephony.call.completed', leadId: ids.otherLead, userId: csr.userId }),
    )
    const visible = await node.database.withTenant(csr, async (trx) => {
      const { rows } = await trx.raw<{ rows: { id: string }[] }>(
        'select id from event_logs where tenant_id = ? and id = any(?) order by id',
        [acme, written] as never,
      )
      return rows.map(({ id }) => id)
    })
    expect(visible).toContain(written[2])
    await client.until(() => client.ids().includes(written[2] ?? ''))
    expect(client.ids()).toEqual(visible)
  })

  it('comes once to a connection that has it in several channels', async () => {
    const client = await open(node, actors.acmeLead)
    const channels = [`tenant:${acme}:events`, `user:${seedUsers.acmeRep.id}:tasks`, `lead:${ids.ownLead}:timeline`]
    const { last_id } = await client.subscribe(channels[0] ?? '')
    for (const channel of channels.slice(1)) await client.subscribe(channel)
    const written = await node.append(
      entry({ userId: seedUsers.acmeRep.id, leadId: ids.ownLead }),
      entry({ userId: seedUsers.acmeRep.id }),
    )
    await client.until(() => client.ids().length >= 2)
    // A replay does not repeat what came through the other channels either.
    await client.subscribe(channels[2] ?? '', last_id)
    expect(client.ids()).toEqual(written)
    expect(await client.ask({ type: 'unsubscribe', channel: channels[0] })).toMatchObject({ type: 'unsubscribed' })
    const [hidden, shown] = await node.append(entry(), entry({ leadId: ids.ownLead }))
    await client.until(() => client.ids().includes(shown ?? ''))
    expect(client.ids()).not.toContain(hidden)
  })

  it('is only pointed to beyond 32 KiB, and can be read whole by whoever may', async () => {
    const client = await open(node, actors.acmeRep)
    await client.subscribe(`user:${seedUsers.acmeRep.id}:tasks`)
    const data = { text: 'ü'.repeat(20_000) }
    const [id] = await node.append(entry({ userId: seedUsers.acmeRep.id, data }))
    const [event] = await client.until(() => (client.events().length > 0 ? client.events() : undefined))
    expect(event).toMatchObject({ id, event: 'task.updated', data: { ref: id, resource: `/events/${id}` } })
    const read = async (actor: Parameters<typeof connect>[1]) => {
      return await fetch(`${node.url}/events/${id}`, { headers: { authorization: `Bearer ${await tokenOf(actor)}` } })
    }
    expect(await (await read(actors.acmeRep)).json()).toMatchObject({ id, data, version: '1' })
    expect((await read(actors.acmeRep2)).status).toBe(404)
    expect((await read(actors.borealisLead)).status).toBe(404)
  })

  it('of an event that this version does not know is the tenant’s only', async () => {
    const client = await open(node, actors.acmeLead)
    await client.subscribe(`tenant:${acme}:events`)
    const rep = await open(node, actors.acmeRep)
    await rep.subscribe(`user:${seedUsers.acmeRep.id}:tasks`)
    const user = { userId: seedUsers.acmeRep.id }
    const [unknown, known] = await node.append(
      entry({ ...user, event: 'task.invented' as 'task.updated' }),
      entry(user),
    )
    await client.until(() => client.ids().includes(known ?? ''))
    expect(client.ids()).toEqual([unknown, known])
    await rep.until(() => rep.ids().length > 0)
    expect(rep.ids()).toEqual([known])
  })
})

describe('parseChannel @unit', () => {
  it.each([
    '',
    'tenant:*:events',
    `tenant:${acme}:*`,
    'user:*:tasks',
    'lead:%:timeline',
    'session:not-a-uuid:events',
    `tenant:${acme}:tasks`,
    `lead:a b:timeline`,
    'lead:a:b:timeline',
    `lead:${'x'.repeat(201)}:timeline`,
    'constructor:x:events',
    `TENANT:${acme}:events`,
    `tenant:${acme}:events\n`,
  ])('knows no channel %j', (name) => expect(parseChannel(name)).toBeUndefined())

  it('takes a UUID in any case for the same', () => {
    expect(parseChannel(`tenant:${acme.toUpperCase()}:events`)).toEqual({
      kind: 'tenant',
      id: acme,
      name: `tenant:${acme}:events`,
    })
  })
})
