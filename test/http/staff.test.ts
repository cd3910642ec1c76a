import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isPassword } from '../../src/http/password.js'
import { acme, actors, borealis } from '../store/world.js'
import { pointersOf, type Resources, startResources } from './resource-harness.js'

let api: Resources
beforeAll(async () => (api = await startResources()))
afterAll(() => api.stop())
beforeEach(async () => void (await api.events()))

const { acmeLead, acmeRep, borealisLead } = actors
let number = 0
const aUser = (changes: object = {}) => ({
  email: `user${++number}@acme.test`,
  display_name: 'Rosa Rep',
  role: 'rep',
  ...changes,
})
const make = async (changes: object = {}) =>
  (await api.post('acmeLead', '/users', aUser(changes))).body as { id: string; email: string }
const anId = expect.stringMatching(/^[0-9a-f-]{36}$/) as string
const aTime = expect.stringMatching(/^20\d\d-.*Z$/) as string

describe('/users @integration', () => {
  it('makes a user who has a password, and shows nobody anything of it', async () => {
    const body = { ...aUser(), password: 'a long enough password' }
    const answer = await api.post('acmeLead', '/users', body)
    expect([answer.status, answer.body]).toEqual([
      201,
      {
        id: anId,
        email: body.email,
        display_name: 'Rosa Rep',
        role: 'rep',
        disabled_at: null,
        created_at: aTime,
        updated_at: aTime,
      },
    ])
    expect(answer.headers.get('location')).toBe(`/users/${answer.body.id}`)
    const [row] = await api.world.admin<{ company_id: string; password_hash: string }>(
      'select company_id, password_hash from users where id = $1',
      [answer.body.id],
    )
    expect(row?.company_id).toBe(acme)
    expect(await isPassword(body.password, row?.password_hash)).toBe(true)
    for (const who of ['acmeLead', 'acmeRep'] as const)
      expect((await api.get(who, `/users/${answer.body.id}`)).body).toEqual(answer.body)
    expect(await api.events()).toEqual([
      {
        event: 'identity.user.created',
        tenant_id: acme,
        user_id: answer.body.id,
        lead_id: null,
        trace_id: expect.any(String),
        data: { user_id: answer.body.id, role: 'rep', disabled: false, by: acmeLead.userId },
      },
    ])
  })

  it('invites one without a password, who cannot log in by one', async () => {
    const { id } = await make()
    expect(await api.world.admin('select password_hash from users where id = $1', [id])).toEqual([
      { password_hash: null },
    ])
  })

  it('takes an email once, in whatever case and company', async () => {
    const { email } = await make()
    for (const who of ['acmeLead', 'borealisLead'] as const) {
      const answer = await api.post(who, '/users', aUser({ email: email.toUpperCase() }))
      expect([answer.status, answer.body.code]).toEqual([409, 'email_taken'])
      expect(JSON.stringify(answer.body)).not.toContain(acme)
    }
    expect(await api.events()).toHaveLength(1)
    const many = await Promise.all(
      ['X', 'x', 'X', 'x'].map((letter) => api.post('acmeLead', '/users', aUser({ email: `${letter}@once.test` }))),
    )
    expect(many.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409])
  })

  it('changes name and role, and says what changed', async () => {
    const { id } = await make()
    await api.events()
    const answer = await api.patch('acmeLead', `/users/${id}`, { display_name: 'Carl', role: 'csr' })
    expect([answer.status, answer.body]).toMatchObject([200, { display_name: 'Carl', role: 'csr' }])
    expect(await api.events()).toMatchObject([
      {
        event: 'identity.user.updated',
        user_id: id,
        data: { user_id: id, role: 'csr', disabled: false, by: acmeLead.userId, changes: ['display_name', 'role'] },
      },
    ])
    const same = await api.patch('acmeLead', `/users/${id}`, { role: 'csr' })
    expect(api.etagOf(same)).toBe(api.etagOf(answer))
    expect(await api.events()).toEqual([])
  })

  it('wants the state that a change was made upon, and lets one of two win', async () => {
    const { id } = await make()
    const path = `/users/${id}`
    expect((await api.ask('acmeLead', 'PATCH', path, { role: 'csr' })).status).toBe(428)
    const etag = api.etagOf(await api.get('acmeLead', path))
    const both = await Promise.all(['csr', 'leadership'].map((role) => api.patch('acmeLead', path, { role }, etag)))
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412])
  })

  it('cannot change an email, a company or a password', async () => {
    for (const field of ['email', 'company_id', 'tenant_id', 'password', 'password_hash']) {
      const answer = await api.patch('acmeLead', `/users/${acmeRep.userId}`, { [field]: 'x' })
      expect([answer.status, pointersOf(answer)]).toEqual([422, [`/${field}`]])
    }
  })

  it('disables a user, which ends its logins, and enables it again', async () => {
    const { id } = await make()
    const { token } = await api.world.tokens.issue({
      tenantId: acme,
      userId: id,
      expiresAt: new Date(Date.now() + 60_000),
    })
    const disabled = await api.patch('acmeLead', `/users/${id}`, { disabled: true })
    expect(disabled.body).toMatchObject({ disabled_at: aTime })
    expect(await api.world.tokens.rotate(token)).toMatchObject({ state: 'revoked' })
    const again = await api.patch('acmeLead', `/users/${id}`, { disabled: true })
    expect(again.body).toEqual(disabled.body)
    const enabled = await api.patch('acmeLead', `/users/${id}`, { disabled: false })
    expect(enabled.body).toMatchObject({ disabled_at: null })
    const entries = (await api.events()).map(({ event, data }) => [event, (data as { disabled: boolean }).disabled])
    expect(entries).toEqual([
      ['identity.user.created', false],
      ['identity.user.updated', true],
      ['identity.user.updated', false],
    ])
  })

  it('removes nobody', async () => {
    expect((await api.remove('acmeLead', `/users/${acmeRep.userId}`)).status).toBe(405)
  })

  it('lists by name, role, email and whether they are disabled, page by page', async () => {
    for (const name of ['Zoe A', 'zoe b', 'ZOE C']) await make({ display_name: name, role: 'csr' })
    const names = async (query: string) =>
      ((await api.get('acmeCsr', `/users?${query}`)).body as { items: { display_name: string }[] }).items.map(
        ({ display_name: name }) => name,
      )
    expect(await names('name=zOe')).toEqual(['Zoe A', 'zoe b', 'ZOE C'])
    expect(await names('name=zoe&sort=-name')).toEqual(['ZOE C', 'zoe b', 'Zoe A'])
    expect(await names('name=zoe&role=rep')).toEqual([])
    expect(await names('name=zoe%25')).toEqual([])
    expect(await names('name=zoe&disabled=true')).toEqual([])
    expect(await names('name=zoe&disabled=false&limit=1')).toEqual(['Zoe A'])
    expect(await names('email=LEAD%40acme.test')).toEqual(['Ada Lovelace'])
    const first = await api.get('acmeCsr', '/users?name=zoe&limit=2')
    const next = await api.get('acmeCsr', `/users?name=zoe&limit=2&cursor=${first.body.next_cursor}`)
    expect((next.body as { items: object[] }).items).toMatchObject([{ display_name: 'ZOE C' }])
    for (const query of ['disabled=1', 'role=owner', 'sort=email']) {
      const answer = await api.get('acmeLead', `/users?${query}`)
      expect([answer.status, pointersOf(answer)]).toEqual([422, [`query/${query.split('=')[0]}`]])
    }
  })

  it('finds no user of another company @multitenant', async () => {
    const path = `/users/${borealisLead.userId}`
    expect((await api.get('acmeLead', path)).status).toBe(404)
    expect((await api.patch('acmeLead', path, { role: 'rep' }, '*')).status).toBe(404)
    expect(await api.events()).toEqual([])
  })
})

describe('the last leadership of a company @integration', () => {
  it('neither demotes nor disables itself', async () => {
    const path = `/users/${borealisLead.userId}`
    for (const change of [{ role: 'rep' }, { disabled: true }, { role: 'csr', disabled: true }]) {
      const answer = await api.patch('borealisLead', path, change)
      expect([answer.status, answer.body.code]).toEqual([409, 'last_leadership'])
    }
    expect((await api.patch('borealisLead', path, { display_name: 'Vera R.' })).status).toBe(200)
    expect((await api.events()).map(({ event }) => event)).toEqual(['identity.user.updated'])
  })

  it('is left when all go at the same instant', async () => {
    const leaders = [borealisLead.userId]
    for (let n = 0; n < 3; n++) {
      const answer = await api.post('borealisLead', '/users', aUser({ role: 'leadership' }))
      leaders.push(answer.body.id as string)
    }
    const answers = await Promise.all(
      leaders.map((id, n) =>
        api.patch('borealisLead', `/users/${id}`, n % 2 ? { role: 'rep' } : { disabled: true }, '*'),
      ),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 409])
    expect(
      await api.world.admin(
        `select count(*)::int as n from users where company_id = $1 and role = 'leadership' and disabled_at is null`,
        [borealis],
      ),
    ).toEqual([{ n: 1 }])
    await api.world.admin(`update users set role = 'leadership', disabled_at = null where id = $1`, [
      borealisLead.userId,
    ])
  })
})

describe('/companies/:id @integration', () => {
  const path = `/companies/${acme}`

  it('is read by everybody of it, and replaced by its leadership', async () => {
    const before = await api.get('acmeRep', path)
    expect([before.status, before.body]).toEqual([
      200,
      { id: acme, name: 'Acme Genetics', timezone: 'UTC', created_at: aTime, updated_at: aTime },
    ])
    const etag = api.etagOf(before)
    expect((await api.get('acmeCsr', path, { 'if-none-match': etag })).status).toBe(304)
    const body = { name: 'Acme', timezone: 'Europe/Berlin' }
    expect((await api.ask('acmeLead', 'PUT', path, body)).status).toBe(428)
    expect((await api.ask('acmeLead', 'PUT', path, body, { 'if-match': '"old"' })).status).toBe(412)
    const changed = await api.ask('acmeLead', 'PUT', path, body, { 'if-match': etag })
    expect([changed.status, changed.body]).toMatchObject([200, { id: acme, ...body }])
    expect(await api.events()).toMatchObject([
      {
        event: 'identity.organization.updated',
        tenant_id: acme,
        data: { company_id: acme, by: acmeLead.userId, changes: ['name', 'timezone'] },
      },
    ])
    expect((await api.ask('acmeLead', 'PUT', path, body, { 'if-match': etag })).status).toBe(412)
  })

  it('is no other company @multitenant', async () => {
    const body = { name: 'Theirs', timezone: 'UTC' }
    for (const id of [borealis, '0192a000-0000-7000-8000-00000000dead']) {
      const answers = [
        await api.get('acmeLead', `/companies/${id}`),
        await api.ask('acmeLead', 'PUT', `/companies/${id}`, body, { 'if-match': '*' }),
      ]
      for (const answer of answers) expect([answer.status, answer.body.detail]).toEqual([404, 'no such company'])
    }
    expect(await api.world.admin('select name from companies where id = $1', [borealis])).toEqual([
      { name: 'Borealis Health' },
    ])
  })

  it.each([
    [{ name: 'A' }, '/timezone'],
    [{ name: ' ', timezone: 'UTC' }, '/name'],
    [{ name: 'A', timezone: 'Mars/Olympus' }, '/timezone'],
    [{ name: 'A', timezone: 'UTC', id: borealis }, '/id'],
  ])('answers 422 for %j, naming %s', async (body, pointer) => {
    const answer = await api.ask('acmeLead', 'PUT', path, body, { 'if-match': '*' })
    expect([answer.status, pointersOf(answer)]).toEqual([422, [pointer]])
  })
})
