import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Actor } from '../../src/domain/identity.js'
import { appendEvents } from '../../src/store/event-log.js'
import { acme, actors } from '../store/world.js'
import { type Resources, startResources, type Who } from './resource-harness.js'

let api: Resources
beforeAll(async () => (api = await startResources()))
afterAll(() => api.stop())

const { acmeRep, acmeRep2, acmeCsr, acmeLead } = actors
const times = { starts_at: '2026-03-05T09:00:00.000Z', ends_at: '2026-03-05T09:30:00.000Z' }
const everybody: Who[] = ['acmeLead', 'acmeCsr', 'acmeRep', 'acmeRep2', 'borealisLead']
/** Rows by whose they are. */
let rows: Record<string, Record<string, string>>

beforeEach(async () => {
  for (const table of ['tasks', 'appointments', 'leads', 'messages', 'call_logs', 'event_logs'])
    await api.world.admin(`delete from ${table}`)
  const make = async (path: string, body: object, owner: string | null) =>
    (await api.post('acmeLead', path, { ...body, owner_user_id: owner })).body.id as string
  rows = {}
  for (const [path, body] of [
    ['/leads', { name: 'A' }],
    ['/appointments', { title: 'A', ...times }],
    ['/tasks', { title: 'A' }],
  ] as const)
    rows[path] = {
      rep: await make(path, body, acmeRep.userId),
      rep2: await make(path, body, acmeRep2.userId),
      csr: await make(path, body, acmeCsr.userId),
      nobody: await make(path, body, null),
    }
})

const namesOf = (path: string, ids: string[]) =>
  Object.entries(rows[path] ?? {})
    .filter(([, id]) => ids.includes(id))
    .map(([name]) => name)
const listed = async (who: Who, path: string) =>
  namesOf(
    path,
    ((await api.get(who, path)).body as { items: { id: string }[] }).items.map(({ id }) => id),
  )
/** Whose rows a request succeeds on. */
async function reached(path: string, ask: (one: string) => Promise<{ status: number }>): Promise<string[]> {
  const ok: string[] = []
  for (const [name, id] of Object.entries(rows[path] ?? {}))
    if ((await ask(`${path}/${id}`)).status < 300) ok.push(name)
  return ok
}

const all = ['rep', 'rep2', 'csr', 'nobody']
/** Whose rows each role sees, changes and removes. */
const matrix: [path: string, who: Who, seen: string[], removed: string[]][] = [
  ['/leads', 'acmeLead', all, all],
  ['/leads', 'acmeCsr', all, all],
  ['/leads', 'acmeRep', ['rep'], []],
  ['/leads', 'acmeRep2', ['rep2'], []],
  ['/leads', 'borealisLead', [], []],
  ['/appointments', 'acmeLead', all, all],
  ['/appointments', 'acmeCsr', all, all],
  ['/appointments', 'acmeRep', ['rep'], []],
  ['/appointments', 'acmeRep2', ['rep2'], []],
  ['/appointments', 'borealisLead', [], []],
  ['/tasks', 'acmeLead', all, all],
  ['/tasks', 'acmeCsr', ['csr'], ['csr']],
  ['/tasks', 'acmeRep', ['rep'], ['rep']],
  ['/tasks', 'acmeRep2', ['rep2'], ['rep2']],
  ['/tasks', 'borealisLead', [], []],
]

describe('roles by real rows @multitenant', () => {
  it.each(matrix)('%s of %s', async (path, who, seen, removed) => {
    expect(await listed(who, path)).toEqual(seen)
    expect(await reached(path, (one) => api.get(who, one))).toEqual(seen)
    expect(await reached(path, (one) => api.patch(who, one, { notes: `by ${who}` }, '*'))).toEqual(seen)
    expect(await reached(path, (one) => api.remove(who, one))).toEqual(removed)
  })

  // The policies alone: whatever a handler may have forgotten.
  it.each(matrix)('%s of %s, by the database alone', async (path, who, seen, removed) => {
    const table = path.slice(1)
    const as = async (sql: string, bindings: string[] = []) =>
      (
        await api.world.database.withTenant(actors[who], (trx) => trx.raw<{ rows: { id: string }[] }>(sql, bindings))
      ).rows.map(({ id }) => id)
    expect(namesOf(path, await as(`select id from ${table}`))).toEqual(seen)
    expect(namesOf(path, await as(`update ${table} set notes = 'mine' returning id`))).toEqual(seen)
    expect(namesOf(path, await as(`delete from ${table} returning id`))).toEqual(removed)
  })

  it('lets a rep take nobody’s row, and give none of its own away', async () => {
    for (const table of ['leads', 'appointments', 'tasks']) {
      const as = (actor: Actor, sql: string) => api.world.database.withTenant(actor, (trx) => trx.raw(sql))
      const id = rows[`/${table}`]?.rep
      for (const sql of [
        `update ${table} set owner_user_id = '${acmeRep2.userId}' where id = '${id}'`,
        `update ${table} set owner_user_id = null where id = '${id}'`,
        `update ${table} set tenant_id = '${actors.borealisLead.tenantId}' where id = '${id}'`,
      ])
        await expect(as(acmeRep, sql), sql).rejects.toThrow(/row-level security/)
      const take = `update ${table} set owner_user_id = '${acmeRep.userId}' where id = '${rows[`/${table}`]?.rep2}'`
      expect(await as(acmeRep, take)).toMatchObject({ rowCount: 0 })
    }
  })

  it('answers a rep that assigns, and a csr that assigns a task, with the roles that may', async () => {
    const other = { owner_user_id: acmeRep2.userId }
    for (const [who, path, body, roles] of [
      ['acmeRep', '/leads', { name: 'A' }, 'leadership, csr'],
      ['acmeRep', '/appointments', { title: 'A', ...times }, 'leadership, csr'],
      ['acmeRep', '/tasks', { title: 'A' }, 'leadership'],
      ['acmeCsr', '/tasks', { title: 'A' }, 'leadership'],
    ] as const) {
      const role = actors[who].role
      const refusal = { status: 403, body: { detail: `Access denied. Required roles: ${roles}. User role: ${role}` } }
      expect(await api.post(who, path, { ...body, ...other })).toMatchObject(refusal)
      const own = `${path}/${rows[path]?.[who === 'acmeRep' ? 'rep' : 'csr']}`
      expect(await api.patch(who, own, other, '*')).toMatchObject(refusal)
      expect(await api.patch(who, own, { owner_user_id: null }, '*')).toMatchObject(refusal)
      expect((await api.patch(who, own, { owner_user_id: actors[who].userId }, '*')).status).toBe(200)
    }
  })

  it('makes a rep’s things the rep’s own', async () => {
    for (const [path, body] of [
      ['/leads', { name: 'A' }],
      ['/appointments', { title: 'A', ...times }],
      ['/tasks', { title: 'A' }],
    ] as const)
      expect(await api.post('acmeRep', path, body)).toMatchObject({
        status: 201,
        body: { owner_user_id: acmeRep.userId },
      })
  })

  it('lets a rep name only leads that it sees', async () => {
    const theirs = { lead_id: rows['/leads']?.rep2 }
    for (const [path, body] of [
      ['/appointments', { title: 'A', ...times }],
      ['/tasks', { title: 'A' }],
    ] as const) {
      expect(await api.post('acmeRep', path, { ...body, ...theirs })).toMatchObject({
        status: 422,
        body: { errors: [{ pointer: '/lead_id' }] },
      })
      expect((await api.post('acmeRep', path, { ...body, lead_id: rows['/leads']?.rep })).status).toBe(201)
    }
  })

  it('shows text messages to the office, and to a rep those of the own leads', async () => {
    for (const [key, lead] of [
      ['rep', rows['/leads']?.rep],
      ['rep2', rows['/leads']?.rep2],
      ['none', null],
    ] as const)
      await api.world.admin(
        `insert into messages (tenant_id, lead_id, provider, external_id, direction, from_number, to_number, status, status_rank)
         values ($1, $2, 'twilio', $3, 'inbound', '+14155552671', '+15005550006', 'received', 1)`,
        [acme, lead, `SM-${key}`],
      )
    const seen = async (who: Who) => {
      const { items } = (await api.get(who, '/messages?sort=created_at')).body as {
        items: { id: string; external_id: string }[]
      }
      for (const { id } of items) expect((await api.get(who, `/messages/${id}`)).status).toBe(200)
      return items.map(({ external_id: id }) => id)
    }
    expect(await seen('acmeLead')).toEqual(['SM-rep', 'SM-rep2', 'SM-none'])
    expect(await seen('acmeCsr')).toEqual(['SM-rep', 'SM-rep2', 'SM-none'])
    expect(await seen('acmeRep')).toEqual(['SM-rep'])
    expect(await seen('borealisLead')).toEqual([])
    const [{ id } = { id: '' }] = await api.world.admin<{ id: string }>(
      `select id from messages where external_id = 'SM-rep2'`,
    )
    expect((await api.get('acmeRep', `/messages/${id}`)).status).toBe(404)
    for (const query of ['number=%2B14155552671', `lead=${rows['/leads']?.rep}`, 'direction=inbound&status=received'])
      expect((await api.get('acmeRep', `/messages?${query}`)).body.items).toHaveLength(1)
    for (const query of ['number=%2B1', 'provider=callrail', 'to=2020-01-01T00:00:00Z'])
      expect((await api.get('acmeLead', `/messages?${query}`)).body.items).toEqual([])
  })

  it('shows the log of a lead to whoever sees the lead, but neither conversations nor tasks of others', async () => {
    const lead = rows['/leads']?.rep
    await api.world.admin('delete from event_logs')
    await api.world.database.withService(acme, (trx) =>
      appendEvents(
        trx,
        (
          [
            ['lead.updated', acmeRep2.userId, lead, undefined],
            ['session.ended', acmeRep2.userId, lead, '0192a000-0000-7000-8000-00000000ffff'],
            ['task.updated', acmeRep2.userId, lead, undefined],
            ['telephony.call.completed', acmeRep2.userId, undefined, undefined],
            ['task.created', acmeRep.userId, undefined, undefined],
          ] as const
        ).map(([event, userId, leadId, sessionId]) => ({ event, tenantId: acme, userId, leadId, sessionId, data: {} })),
      ),
    )
    const log = async (who: Who) =>
      (
        await api.world.database.withTenant(actors[who], (trx) =>
          trx.raw<{ rows: { event: string }[] }>('select event from event_logs order by id'),
        )
      ).rows.map(({ event }) => event)
    expect(await log('acmeLead')).toHaveLength(5)
    expect(await log('acmeCsr')).toEqual(['lead.updated'])
    expect(await log('acmeRep')).toEqual(['lead.updated', 'task.created'])
    expect(await log('acmeRep2')).toEqual(['lead.updated', 'session.ended', 'task.updated', 'telephony.call.completed'])
    expect(await log('borealisLead')).toEqual([])
  })

  it('shows users and the company to everybody of it, and lets leadership change them', async () => {
    for (const who of everybody) {
      const own = (await api.get(who, `/companies/${actors[who].tenantId}`)).status
      const { items } = (await api.get(who, '/users')).body as { items: { email: string }[] }
      expect([own, items.length]).toEqual([200, who === 'borealisLead' ? 1 : 4])
    }
    for (const who of ['acmeCsr', 'acmeRep'] as const)
      for (const [method, path, body] of [
        ['POST', '/users', { email: 'x@acme.test', display_name: 'X', role: 'leadership' }],
        ['PATCH', `/users/${actors[who].userId}`, { role: 'leadership' }],
        ['PUT', `/companies/${acme}`, { name: 'Mine', timezone: 'UTC' }],
      ] as const)
        expect(await api.ask(who, method, path, body, { 'if-match': '*' })).toMatchObject({
          status: 403,
          body: { code: 'role_missing' },
        })
  })

  it('keeps users and the company from others in the database as well', async () => {
    const as = (actor: Actor, sql: string) => api.world.database.withTenant(actor, (trx) => trx.raw(sql))
    for (const actor of [acmeCsr, acmeRep])
      for (const sql of [
        `update users set role = 'leadership'`,
        `update companies set name = 'Mine'`,
        'delete from users',
        'delete from companies',
      ])
        expect([sql, await as(actor, sql)]).toMatchObject([sql, { rowCount: 0 }])
    const insert = `insert into users (company_id, user_email, display_name, role) values ('${acme}', 'x@y', 'X', 'rep')`
    await expect(as(acmeCsr, insert)).rejects.toThrow(/row-level security/)
    expect(await as(acmeLead, 'delete from users')).toMatchObject({ rowCount: 0 })
  })
})
