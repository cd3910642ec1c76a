import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import type { NewEvent } from '../../src/domain/event.js'
import { appendEvents } from '../../src/store/event-log.js'
import { acme, actors, borealis, createWorld, holdTransaction, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld({ poolSize: 8 })))
afterAll(() => world.close())

const entry = (sessionId: string, n = 0, changes: Partial<NewEvent> = {}): NewEvent => ({
  event: 'session.started',
  tenantId: acme,
  userId: seedUsers.acmeRep.id,
  sessionId,
  data: { n },
  ...changes,
})
const append = (...events: NewEvent[]) => world.database.withService(undefined, (trx) => appendEvents(trx, events))

describe('appendEvents', () => {
  it('writes entries in order and answers their ids as text', async () => {
    const sessionId = randomUUID()
    const ids = await append(entry(sessionId, 1), entry(sessionId, 2), entry(sessionId, 3))
    const logged = await world.eventLog.listForSession(actors.acmeLead, sessionId, { limit: 10 })
    expect(logged.map(({ id, data }) => [id, data.n])).toEqual(ids.map((id, index) => [id, index + 1]))
    expect(ids.every((id) => typeof id === 'string')).toBe(true)
  })

  it('keeps every field, and what PostgreSQL cannot store is left out of texts', async () => {
    const sessionId = randomUUID()
    const more = {
      severity: 'warning',
      leadId: 'le\0ad',
      traceId: 'trace',
      data: { 'a\0': ['\ud800', null, 1.5] },
    } as const
    await append(entry(sessionId, 0, { ...more, data: { 'a\0': ['\ud800', null, 1.5] } }))
    expect(await world.eventLog.listForSession(actors.acmeRep, sessionId, { limit: 1 })).toEqual([
      {
        id: expect.stringMatching(/^\d+$/) as string,
        ts: expect.any(Date) as Date,
        ...{ event: 'session.started', severity: 'warning', tenantId: acme, userId: seedUsers.acmeRep.id, sessionId },
        ...{ leadId: 'lead', traceId: 'trace', data: { a: ['\ufffd', null, 1.5] } },
      },
    ])
  })

  it('refuses an entry of no known company, and all that is written with it', async () => {
    const sessionId = randomUUID()
    await expect(append(entry(sessionId), entry(sessionId, 1, { tenantId: randomUUID() }))).rejects.toMatchObject({
      code: '23503',
      constraint: 'event_logs_tenant_id_fkey',
    })
    expect(await world.admin('select from event_logs where session_id = $1', [sessionId])).toEqual([])
  })

  it('keeps a company that has entries', async () => {
    const tenantId = randomUUID()
    await world.admin(`insert into companies (id, name) values ($1, 'Logged')`, [tenantId])
    await append(entry(randomUUID(), 0, { tenantId }))
    const gone = () => world.admin('delete from companies where id = $1', [tenantId])
    await expect(gone()).rejects.toMatchObject({ code: '23503', constraint: 'event_logs_tenant_id_fkey' })
    await world.admin('delete from event_logs where tenant_id = $1', [tenantId])
    await gone()
    expect(await world.admin('select from companies where id = $1', [tenantId])).toEqual([])
  })

  it('writes nothing for nothing', async () => expect(await append()).toEqual([]))

  it('never lets a lower id of a tenant appear after a higher one', async () => {
    const seen: bigint[] = []
    const reading = { on: true }
    const reader = (async () => {
      while (reading.on) {
        const rows = await world.admin<{ id: string }>('select max(id) as id from event_logs where tenant_id = $1', [
          acme,
        ])
        const top = BigInt(rows[0]?.id ?? 0)
        const [{ below = '0' } = {}] = await world.admin<{ below: string }>(
          'select count(*) as below from event_logs where tenant_id = $1 and id <= $2',
          [acme, String(top)],
        )
        seen.push(top, BigInt(below))
      }
    })()
    const writer = async (index: number) => {
      for (let n = 0; n < 10; n++)
        await world.database.withService(undefined, async (trx) => {
          await appendEvents(trx, [
            entry(randomUUID(), n),
            entry(randomUUID(), n, { tenantId: borealis, userId: undefined }),
          ])
          await trx.raw('select pg_sleep(?)', [((index * 7 + n * 3) % 5) / 1000])
        })
    }
    await Promise.all(Array.from({ length: 6 }, (_, index) => writer(index)))
    reading.on = false
    await reader
    const counts = new Map<bigint, bigint>()
    for (let at = 0; at < seen.length; at += 2) {
      const [top, below] = [seen[at] ?? 0n, seen[at + 1] ?? 0n]
      expect(counts.get(top) ?? below).toBe(below)
      counts.set(top, below)
    }
    expect(counts.size).toBeGreaterThan(1)
  })

  it('lets two tenants write without waiting for each other', async () => {
    const letGo = await holdTransaction(world.database, (trx) => appendEvents(trx, [entry(randomUUID())]))
    await append(entry(randomUUID(), 0, { tenantId: borealis }))
    await letGo()
  })

  it('refuses an unknown tenant', async () => {
    await expect(append(entry(randomUUID(), 0, { tenantId: randomUUID() }))).rejects.toMatchObject({ code: '23503' })
  })
})

describe('listForSession', () => {
  const sessionId = randomUUID()
  let ids: string[]
  beforeAll(async () => (ids = await append(...[1, 2, 3, 4, 5].map((n) => entry(sessionId, n)))))
  const list = (actor: (typeof actors)['acmeLead'], options: { after?: string; limit: number }) =>
    world.eventLog.listForSession(actor, sessionId, options).then((events) => events.map(({ id }) => id))

  it('goes on after an id, as far as the limit', async () => {
    expect(await list(actors.acmeLead, { limit: 2 })).toEqual(ids.slice(0, 2))
    expect(await list(actors.acmeLead, { after: ids[1] ?? '', limit: 2 })).toEqual(ids.slice(2, 4))
    expect(await list(actors.acmeLead, { after: ids[4] ?? '', limit: 2 })).toEqual([])
  })

  it('shows a session to its owner and to leadership of the company', async () => {
    expect(await list(actors.acmeRep, { limit: 9 })).toEqual(ids)
    expect(await list(actors.acmeRep2, { limit: 9 })).toEqual([])
    expect(await list(actors.borealisLead, { limit: 9 })).toEqual([])
  })

  it('finds nothing under an id that is none', async () => {
    expect(await world.eventLog.listForSession(actors.acmeLead, 'nonsense', { limit: 1 })).toEqual([])
  })

  it.each(['x', '-1', '1.5', '', '9'.repeat(30)])('refuses to go on after %j', async (after) => {
    await expect(list(actors.acmeLead, { after, limit: 1 })).rejects.toMatchObject({
      status: 422,
      errors: [{ pointer: 'query/after' }],
    })
  })
})

describe('the partitions', () => {
  it('take this month’s and the next month’s entries, and the default one the rest', async () => {
    const month = (offset: number) =>
      new Date(Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() + offset)).toISOString()
    for (const [ts, partition] of [
      [month(0), `event_logs_${month(0).slice(0, 7).replace('-', '_')}`],
      [month(1), `event_logs_${month(1).slice(0, 7).replace('-', '_')}`],
      [month(2), 'event_logs_default'],
    ])
      expect(
        await world.admin(
          `insert into event_logs (tenant_id, event, ts) values ($1, 'identity.logout', $2) returning tableoid::regclass::text as "in"`,
          [acme, ts],
        ),
      ).toEqual([{ in: partition }])
  })

  it('begin at midnight UTC, whatever the zone of whoever makes them', async () => {
    const next = new Date(Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() + 1)).toISOString()
    const name = `event_logs_${next.slice(0, 7).replace('-', '_')}`
    await world.admin(`drop table ${name}`)
    await world.admin(`set timezone = 'America/New_York'`)
    await world.admin('select parley_ensure_event_partitions()')
    await world.admin(`set timezone = 'UTC'`)
    const [bound] = await world.admin<{ bound: string }>(
      `select pg_get_expr(relpartbound, oid) as bound from pg_class where relname = $1`,
      [name],
    )
    expect(bound?.bound).toContain(`FROM ('${next.slice(0, 10)} 00:00:00+00')`)
  })
})
