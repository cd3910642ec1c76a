import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { acme, actors, borealis } from '../store/world.js'
import { pointersOf, type Resources, startResources } from './resource-harness.js'

let api: Resources
beforeAll(async () => (api = await startResources()))
afterAll(() => api.stop())
beforeEach(async () => void (await api.events()))

const { acmeLead, acmeRep, acmeRep2, acmeCsr, borealisLead } = actors
const times = { starts_at: '2026-03-05T09:00:00.000Z', ends_at: '2026-03-05T09:30:00.000Z' }
const anId = expect.stringMatching(/^[0-9a-f-]{36}$/) as string
const aTime = expect.stringMatching(/^20\d\d-.*Z$/) as string
const made = { id: anId, created_at: aTime, updated_at: aTime }

/** What each resource is made with, how it looks then, and a change of it. */
const kinds = [
  {
    path: '/leads',
    table: 'leads',
    body: { name: ' Grace ', phone: '(415) 555-2671', email: 'Grace@Example.com', external_id: 'crm-1' },
    shown: {
      ...made,
      name: 'Grace',
      status: 'new',
      owner_user_id: null,
      phone: '+14155552671',
      email: 'grace@example.com',
      source: null,
      notes: null,
      external_id: 'crm-1',
    },
    change: { status: 'won', phone: null },
    after: { status: 'won', phone: null, name: 'Grace' },
  },
  {
    path: '/appointments',
    table: 'appointments',
    body: { title: 'Visit', ...times },
    shown: {
      ...made,
      ...times,
      title: 'Visit',
      status: 'scheduled',
      owner_user_id: null,
      lead_id: null,
      location: null,
      notes: null,
    },
    change: { status: 'cancelled', ends_at: '2026-03-05T11:00:00+01:00' },
    after: { status: 'cancelled', ends_at: '2026-03-05T10:00:00.000Z', title: 'Visit' },
  },
  {
    path: '/tasks',
    table: 'tasks',
    body: { title: 'Call back', due_at: '2026-03-05T09:00:00Z' },
    shown: {
      ...made,
      title: 'Call back',
      status: 'open',
      owner_user_id: acmeLead.userId,
      lead_id: null,
      due_at: '2026-03-05T09:00:00.000Z',
      completed_at: null,
      notes: null,
    },
    change: { status: 'done' },
    after: { status: 'done', completed_at: aTime },
  },
]

describe.each(kinds)('$path @integration', ({ path, table, body, shown, change, after }) => {
  it('makes one, reads it, changes it and removes it', async () => {
    const answer = await api.post('acmeLead', path, body)
    expect([answer.status, answer.body]).toEqual([201, shown])
    const one = `${path}/${answer.body.id}`
    expect(answer.headers.get('location')).toBe(one)
    const etag = api.etagOf(answer)
    expect(etag).toMatch(/^"[\w-]{22}"$/)

    const read = await api.get('acmeLead', one)
    expect([read.status, read.body, api.etagOf(read)]).toEqual([200, answer.body, etag])
    expect(read.headers.get('cache-control')).toBe('private, no-cache')
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const same = await api.get('acmeLead', one, { 'if-none-match': known })
      expect([known, same.status, same.body, api.etagOf(same)]).toEqual([known, 304, '', etag])
    }

    const changed = await api.patch('acmeLead', one, change, etag)
    expect([changed.status, changed.body]).toMatchObject([200, after])
    expect(api.etagOf(changed)).not.toBe(etag)
    expect((await api.get('acmeLead', one, { 'if-none-match': etag })).status).toBe(200)
    const again = await api.patch('acmeLead', one, change, api.etagOf(changed))
    expect([again.status, again.body, api.etagOf(again)]).toEqual([200, changed.body, api.etagOf(changed)])

    expect((await api.ask('acmeLead', 'DELETE', one, undefined, { 'if-match': etag })).status).toBe(412)
    expect((await api.ask('acmeLead', 'DELETE', one, undefined, { 'if-match': api.etagOf(changed) })).status).toBe(204)
    expect((await api.remove('acmeLead', one)).status).toBe(404)
    expect((await api.get('acmeLead', one)).status).toBe(404)
    expect(await api.world.admin(`select from ${table} where id = $1`, [answer.body.id])).toEqual([])
    // The change that changed nothing left no trace.
    const name = table.slice(0, -1)
    const verbs = (await api.events()).map(({ event }) => event)
    expect(verbs).toEqual([`${name}.created`, `${name}.updated`, `${name}.deleted`])
  })

  it('wants to know what a change was made upon, and refuses one upon an older state', async () => {
    const answer = await api.post('acmeLead', path, { ...body, external_id: undefined })
    const one = `${path}/${answer.body.id}`
    const etag = api.etagOf(answer)
    for (const [method, sent] of [
      ['PATCH', change],
      ['DELETE', undefined],
    ] as const) {
      const missing = await api.ask('acmeLead', method, one, sent)
      expect([missing.status, missing.body.code]).toEqual([428, 'precondition_required'])
      for (const other of ['"other"', `W/${etag}`, '""']) {
        const stale = await api.ask('acmeLead', method, one, sent, { 'if-match': other })
        expect([other, stale.status, stale.body.code]).toEqual([other, 412, 'precondition_failed'])
      }
      const odd = await api.ask('acmeLead', method, one, sent, { 'if-match': 'no-quotes' })
      expect([odd.status, pointersOf(odd)]).toEqual([422, ['headers/if-match']])
    }
    expect((await api.get('acmeLead', one)).body).toEqual(answer.body)
    expect((await api.patch('acmeLead', one, change, `"other", ${etag}`)).status).toBe(200)
    expect((await api.patch('acmeLead', one, { notes: 'x' }, '*')).status).toBe(200)
  })

  it('lets exactly one of ten changes win that were made upon the same state', async () => {
    const answer = await api.post('acmeLead', path, { ...body, external_id: undefined })
    const one = `${path}/${answer.body.id}`
    await api.events()
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => api.patch('acmeLead', one, { notes: `mine ${n}` }, api.etagOf(answer))),
    )
    const won = answers.filter(({ status }) => status === 200)
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 9 }, () => 412)])
    expect((await api.get('acmeLead', one)).body).toEqual(won[0]?.body)
    expect(await api.events()).toHaveLength(1)
  })

  it('is not found under an id that is none, or in another company @multitenant', async () => {
    const { id } = (await api.post('acmeLead', path, { ...body, external_id: undefined })).body as { id: string }
    const before = await api.world.admin(`select to_jsonb(t) as row from ${table} t where id = $1`, [id])
    await api.events()
    for (const unknown of [id, randomUUID()]) {
      expect((await api.get('borealisLead', `${path}/${unknown}`)).status).toBe(404)
      expect((await api.patch('borealisLead', `${path}/${unknown}`, change, '*')).status).toBe(404)
      expect((await api.remove('borealisLead', `${path}/${unknown}`)).status).toBe(404)
    }
    expect((await api.get('borealisLead', path)).body).toEqual({ items: [], next_cursor: null })
    const odd = await api.get('acmeLead', `${path}/7`)
    expect([odd.status, pointersOf(odd)]).toEqual([422, ['params/id']])
    expect(await api.world.admin(`select to_jsonb(t) as row from ${table} t where id = $1`, [id])).toEqual(before)
    expect(await api.events()).toEqual([])
  })

  it('belongs to the company of the token, whatever the body says @multitenant', async () => {
    for (const field of ['tenant_id', 'company_id']) {
      const answer = await api.post('acmeLead', path, { ...body, [field]: borealis })
      expect([answer.status, pointersOf(answer)]).toEqual([422, [`/${field}`]])
    }
    const { id } = (await api.post('borealisLead', path, { ...body, external_id: undefined })).body as { id: string }
    expect(await api.world.admin(`select tenant_id from ${table} where id = $1`, [id])).toEqual([
      { tenant_id: borealis },
    ])
    expect((await api.remove('borealisLead', `${path}/${id}`)).status).toBe(204)
  })

  it('gives no lead, owner or place in another company to anything @multitenant', async () => {
    const theirs = (await api.post('borealisLead', '/leads', { name: 'Theirs' })).body as { id: string }
    const own = (await api.post('acmeLead', path, { ...body, external_id: undefined })).body as { id: string }
    await api.events()
    const rows = () => api.world.admin(`select to_jsonb(t) as row from ${table} t order by id`)
    const before = await rows()
    const wrong: [string, string][] = [
      ['owner_user_id', borealisLead.userId],
      ['owner_user_id', randomUUID()],
      ...(path === '/leads'
        ? []
        : ([
            ['lead_id', theirs.id],
            ['lead_id', randomUUID()],
          ] as [string, string][])),
    ]
    for (const [field, value] of wrong)
      for (const answer of [
        await api.post('acmeLead', path, { ...body, external_id: undefined, [field]: value }),
        await api.patch('acmeLead', `${path}/${own.id}`, { [field]: value }, '*'),
      ])
        expect([field, answer.status, pointersOf(answer)]).toEqual([field, 422, [`/${field}`]])
    expect(await rows()).toEqual(before)
    expect(await api.events()).toEqual([])
    await api.remove('borealisLead', `/leads/${theirs.id}`)
  })

  it('names the filter, the sort or the cursor that is wrong', async () => {
    for (const [query, pointer] of [
      ['status=odd', 'query/status'],
      ['owner=me', 'query/owner'],
      ['sort=password', 'query/sort'],
      ['limit=0', 'query/limit'],
      ['limit=101', 'query/limit'],
      ['from=yesterday', 'query/from'],
      ['to=0000-01-01T00:00:00Z', 'query/to'],
      ['cursor=abc', 'query/cursor'],
      ['colour=red', 'query/colour'],
    ] as const) {
      const answer = await api.get('acmeLead', `${path}?${query}`)
      expect([query, answer.status, pointersOf(answer)]).toEqual([query, 422, [pointer]])
    }
  })

  it('needs a token, of a company', async () => {
    for (const method of ['GET', 'POST']) {
      const answer = await fetch(`${api.app.url}${path}`, { method })
      expect(answer.status).toBe(401)
    }
  })
})

describe('fields that are wrong are named', () => {
  const long = (n: number) => 'x'.repeat(n + 1)
  it.each([
    ['/leads', {}, ['/name']],
    ['/leads', { name: '  ' }, ['/name']],
    [
      '/leads',
      { name: long(200), status: 'old', phone: '12', email: 'nobody' },
      ['/email', '/name', '/phone', '/status'],
    ],
    [
      '/leads',
      { name: 'A', owner_user_id: 'me', notes: long(5000), source: '' },
      ['/notes', '/owner_user_id', '/source'],
    ],
    ['/leads', { name: 'A', age: 7 }, ['/age']],
    ['/appointments', {}, ['/ends_at', '/starts_at', '/title']],
    ['/appointments', { title: 'A', starts_at: times.starts_at, ends_at: times.starts_at }, ['/ends_at']],
    ['/appointments', { title: 'A', starts_at: '2026-02-30T10:00:00Z', ends_at: 'later' }, ['/ends_at', '/starts_at']],
    ['/appointments', { title: 'A', ...times, status: 'done', lead_id: 7 }, ['/lead_id', '/status']],
    ['/tasks', {}, ['/title']],
    ['/tasks', { title: 'A', due_at: '0000-01-01T00:00:00Z', status: 'late' }, ['/due_at', '/status']],
    ['/tasks', { title: 'A', completed_at: times.starts_at }, ['/completed_at']],
    ['/users', {}, ['/display_name', '/email', '/role']],
    ['/users', { email: 'a@b', display_name: 'A', role: 'owner', password: 'short' }, ['/password', '/role']],
    ['/users', { email: 'a b@c', display_name: long(200), role: 'rep', id: 1 }, ['/display_name', '/email', '/id']],
  ])('POST %s %j', async (path, body, pointers) => {
    const answer = await api.post('acmeLead', path, body)
    expect([answer.status, pointersOf(answer)]).toEqual([422, pointers])
    expect(await api.events()).toEqual([])
  })

  it('refuses a change of nothing, and an end before the beginning', async () => {
    for (const { path, body } of kinds) {
      const { id } = (await api.post('acmeLead', path, { ...body, external_id: undefined })).body as { id: string }
      expect((await api.patch('acmeLead', `${path}/${id}`, {})).status).toBe(422)
      if (path !== '/appointments') continue
      const early = await api.patch('acmeLead', `${path}/${id}`, { ends_at: '2026-03-05T08:00:00Z' })
      expect([early.status, pointersOf(early)]).toEqual([422, ['/ends_at']])
      const late = await api.patch('acmeLead', `${path}/${id}`, { starts_at: '2026-03-06T08:00:00Z' })
      expect([late.status, pointersOf(late)]).toEqual([422, ['/ends_at']])
    }
  })

  it('takes one external id once in a company, and again in another', async () => {
    expect((await api.post('acmeLead', '/leads', { name: 'A', external_id: 'crm-7' })).status).toBe(201)
    const again = await api.post('acmeCsr', '/leads', { name: 'B', external_id: 'crm-7' })
    expect([again.status, again.body.code]).toEqual([409, 'external_id_taken'])
    const other = await api.post('borealisLead', '/leads', { name: 'B', external_id: 'crm-7' })
    expect(other.status).toBe(201)
    await api.remove('borealisLead', `/leads/${other.body.id}`)
  })

  it('assigns nothing to a user who is disabled', async () => {
    await api.world.admin('update users set disabled_at = now() where id = $1', [acmeRep2.userId])
    try {
      const answer = await api.post('acmeLead', '/tasks', { title: 'A', owner_user_id: acmeRep2.userId })
      expect([answer.status, pointersOf(answer)]).toEqual([422, ['/owner_user_id']])
    } finally {
      await api.world.admin('update users set disabled_at = null where id = $1', [acmeRep2.userId])
    }
  })

  it('keeps appointments and tasks of a lead that is removed, without it', async () => {
    const lead = (await api.post('acmeLead', '/leads', { name: 'A' })).body as { id: string }
    const visit = (await api.post('acmeLead', '/appointments', { title: 'A', ...times, lead_id: lead.id })).body
    const task = (await api.post('acmeLead', '/tasks', { title: 'A', lead_id: lead.id })).body
    expect([visit.lead_id, task.lead_id]).toEqual([lead.id, lead.id])
    expect((await api.remove('acmeLead', `/leads/${lead.id}`)).status).toBe(204)
    expect((await api.get('acmeLead', `/appointments/${visit.id}`)).body).toMatchObject({ lead_id: null })
    expect((await api.get('acmeLead', `/tasks/${task.id}`)).body).toMatchObject({ lead_id: null })
  })
})

describe('what is logged of changes', () => {
  const head = { tenant_id: acme, trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) as string }

  it('names the lead and its owner', async () => {
    const { id } = (await api.post('acmeCsr', '/leads', { name: 'Ada', owner_user_id: acmeRep.userId })).body
    await api.patch('acmeRep', `/leads/${id}`, { status: 'contacted', notes: 'called' })
    await api.patch('acmeCsr', `/leads/${id}`, { owner_user_id: acmeRep2.userId })
    await api.remove('acmeLead', `/leads/${id}`)
    const entry = (event: string, by: string, owner: string, data: object) => ({
      ...head,
      event,
      user_id: owner,
      lead_id: id,
      data: { lead_id: id, status: 'contacted', owner_user_id: owner, by, ...data },
    })
    expect(await api.events()).toEqual([
      entry('lead.created', acmeCsr.userId, acmeRep.userId, { status: 'new' }),
      entry('lead.updated', acmeRep.userId, acmeRep.userId, { changes: ['status', 'notes'] }),
      entry('lead.updated', acmeCsr.userId, acmeRep2.userId, { changes: ['owner_user_id'] }),
      entry('lead.deleted', acmeLead.userId, acmeRep2.userId, {}),
    ])
  })

  it('tells whom an appointment is assigned to, and who lost it', async () => {
    const lead = (await api.post('acmeCsr', '/leads', { name: 'Ada' })).body as { id: string }
    await api.events()
    const { id } = (await api.post('acmeCsr', '/appointments', { title: 'A', ...times, lead_id: lead.id })).body
    await api.patch('acmeCsr', `/appointments/${id}`, { owner_user_id: acmeRep.userId })
    await api.patch('acmeCsr', `/appointments/${id}`, { owner_user_id: acmeRep2.userId, status: 'confirmed' })
    await api.remove('acmeCsr', `/appointments/${id}`)
    const entry = (event: string, user: string | null, owner: string | null, data: object = {}) => ({
      ...head,
      event,
      user_id: user,
      lead_id: lead.id,
      data: {
        appointment_id: id,
        lead_id: lead.id,
        owner_user_id: owner,
        status: 'scheduled',
        ...times,
        by: acmeCsr.userId,
        ...data,
      },
    })
    const [one, two] = [acmeRep.userId, acmeRep2.userId]
    const first = { changes: ['owner_user_id'] }
    const second = { changes: expect.arrayContaining(['owner_user_id', 'status']) as string[], status: 'confirmed' }
    expect(await api.events()).toEqual([
      entry('appointment.created', null, null),
      entry('appointment.updated', one, one, first),
      entry('appointment.assigned', one, one, first),
      entry('appointment.updated', two, two, second),
      entry('appointment.assigned', two, two, second),
      entry('appointment.unassigned', one, two, second),
      entry('appointment.deleted', two, two, { status: 'confirmed' }),
    ])
  })

  it('tells the assignee of a task, and whoever had it', async () => {
    const body = { title: 'A', owner_user_id: acmeRep.userId, due_at: times.starts_at }
    const { id } = (await api.post('acmeLead', '/tasks', body)).body
    await api.patch('acmeRep', `/tasks/${id}`, { status: 'done' })
    await api.patch('acmeLead', `/tasks/${id}`, { owner_user_id: acmeRep2.userId })
    await api.remove('acmeRep2', `/tasks/${id}`)
    const entry = (event: string, by: string, user: string, data: object) => ({
      ...head,
      event,
      user_id: user,
      lead_id: null,
      data: { task_id: id, lead_id: null, owner_user_id: user, status: 'done', due_at: times.starts_at, by, ...data },
    })
    const [one, two, lead] = [acmeRep.userId, acmeRep2.userId, acmeLead.userId]
    const moved = { changes: ['owner_user_id'], owner_user_id: two }
    expect(await api.events()).toEqual([
      entry('task.created', lead, one, { status: 'open' }),
      entry('task.updated', one, one, { changes: ['status', 'completed_at'] }),
      entry('task.updated', lead, two, moved),
      entry('task.unassigned', lead, one, moved),
      entry('task.deleted', two, two, {}),
    ])
  })

  it('tells nothing of names, numbers and notes', async () => {
    const secret = { name: 'Zebedee Quux', phone: '+14155550199', email: 'zebedee@quux.test', notes: 'allergic' }
    const { id } = (await api.post('acmeLead', '/leads', secret)).body
    await api.patch('acmeLead', `/leads/${id}`, { name: 'Zebedee Quuux', notes: 'not allergic' })
    expect(JSON.stringify(await api.events())).not.toMatch(/quux|zebedee|0199|allergic/i)
  })
})
