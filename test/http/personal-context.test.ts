import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import { acme, actors, createWorld, type World } from '../store/world.js'
import { startApi, type TestApi } from '../support/application.js'
import { type Answer, call } from '../support/client.js'
import { tokenOf } from './identity-world.js'
import { tokenFor } from './harness.js'
import { pointersOf } from './resource-harness.js'

let world: World
let api: TestApi
beforeAll(async () => {
  world = await createWorld()
  api = await startApi({ databaseUrl: world.test.url })
})
afterAll(async () => {
  await api.stop()
  await world.close()
})
const tables = [
  'profiles',
  'onboarding_profiles',
  'ritual_preferences',
  'user_emotional_categories',
  'user_goals',
  'user_personas',
  'mentor_avatars',
  'event_logs',
]
beforeEach(async () => {
  for (const table of tables) await world.admin(`delete from ${table}`)
})

type Who = keyof typeof seedUsers

async function ask(who: Who, method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  return await call(`${api.url}${path}`, { method, token: await tokenOf(who), body, headers })
}
const put = (who: Who, path: string, body: object, etag = '*') => ask(who, 'PUT', path, body, { 'if-match': etag })
const etagOf = ({ headers }: Answer) => headers.get('etag') ?? ''
const aTime = expect.stringMatching(/^20\d\d-.*Z$/) as string

/** Each document: what is written, how it looks then, how it looks while it is empty. */
const documents = [
  {
    path: '/me/profile',
    body: { preferred_name: ' Rosa ', timezone: 'Europe/London', about: 'I moved here.' },
    shown: {
      preferred_name: 'Rosa',
      pronouns: null,
      occupation: null,
      language: null,
      timezone: 'Europe/London',
      about: 'I moved here.',
    },
    empty: { preferred_name: null, pronouns: null, occupation: null, language: null, timezone: null, about: null },
    told: 'Name: "Rosa".',
  },
  {
    path: '/me/onboarding',
    body: {
      disc: { dominance: 20, influence: 65, steadiness: 80, conscientiousness: 40 },
      enneagram: { type: 9, wing: 1 },
    },
    shown: {
      disc: { dominance: 20, influence: 65, steadiness: 80, conscientiousness: 40 },
      enneagram: { type: 9, wing: 1 },
    },
    empty: { disc: null, enneagram: null },
    told: 'Enneagram: type 9 with wing 1:',
  },
  {
    path: '/me/ritual-preferences',
    body: { tone: 'calm', session_minutes: 10, topics_to_avoid: ['diets'] },
    shown: {
      tone: 'calm',
      time_of_day: null,
      session_minutes: 10,
      opening: null,
      closing: null,
      topics_to_avoid: ['diets'],
    },
    empty: {
      tone: null,
      time_of_day: null,
      session_minutes: null,
      opening: null,
      closing: null,
      topics_to_avoid: [],
    },
    told: 'Do not bring up: "diets".',
  },
  {
    path: '/me/emotional-categories',
    body: {
      items: [
        { category: 'Grief', intensity: 3 },
        { category: 'Joy', note: 'new' },
      ],
    },
    shown: {
      items: [
        { category: 'Grief', intensity: 3, note: null },
        { category: 'Joy', intensity: null, note: 'new' },
      ],
    },
    empty: { items: [] },
    told: 'What moves them: "Grief" (3 of 5); "Joy" ("new").',
  },
  {
    path: '/me/persona',
    body: { persona_id: 'p1' },
    shown: { avatar_id: null, persona_id: 'p1', replica_id: null },
    empty: { avatar_id: null, persona_id: null, replica_id: null },
    told: '',
  },
]

describe('what I say of myself @integration', () => {
  it.each(documents)('is empty, written, read and removed at $path', async ({ path, body, shown, empty, told }) => {
    const before = await ask('acmeRep', 'GET', path)
    expect(before).toMatchObject({ status: 200, body: { ...empty, updated_at: null } })
    expect(before.headers.get('cache-control')).toBe('private, no-cache')
    const written = await put('acmeRep', path, body, etagOf(before))
    expect(written.status).toBe(200)
    expect(written.body).toEqual({ ...shown, updated_at: aTime })
    const read = await ask('acmeRep', 'GET', path)
    expect([read.body, etagOf(read)]).toEqual([written.body, etagOf(written)])
    const known = { 'if-none-match': etagOf(read) }
    expect((await ask('acmeRep', 'GET', path, undefined, known)).status).toBe(304)
    expect((await ask('acmeRep', 'GET', '/mentor/context')).body.context).toContain(told)
    // What was seen is not what is there any more.
    expect((await put('acmeRep', path, body, etagOf(before))).status).toBe(412)
    expect((await ask('acmeRep', 'DELETE', path, undefined, { 'if-match': etagOf(before) })).status).toBe(412)
    expect((await ask('acmeRep', 'DELETE', path, undefined, { 'if-match': etagOf(read) })).status).toBe(204)
    expect((await ask('acmeRep', 'GET', path)).body).toEqual({ ...empty, updated_at: null })
  })

  it.each(documents)('is changed at $path only by who says upon what', async ({ path, body }) => {
    expect((await ask('acmeRep', 'PUT', path, body)).status).toBe(428)
    expect((await ask('acmeRep', 'DELETE', path)).status).toBe(428)
    expect((await put('acmeRep', path, body, 'not quoted')).status).toBe(422)
  })

  it('is replaced whole: what is left out is gone', async () => {
    await put('acmeRep', '/me/profile', { preferred_name: 'Rosa', about: 'x' })
    expect((await put('acmeRep', '/me/profile', { about: 'y' })).body).toMatchObject({
      preferred_name: null,
      about: 'y',
    })
    await put('acmeRep', '/me/emotional-categories', { items: [{ category: 'a' }, { category: 'b' }] })
    expect((await put('acmeRep', '/me/emotional-categories', { items: [{ category: 'b' }] })).body.items).toEqual([
      { category: 'b', intensity: null, note: null },
    ])
  })

  it.each([
    ['/me/profile', { preferred_name: '' }, ['/preferred_name']],
    ['/me/profile', { preferred_name: 'a'.repeat(101), about: 5 }, ['/about', '/preferred_name']],
    ['/me/profile', { timezone: 'Mars/Olympus' }, ['/timezone']],
    ['/me/profile', { user_id: seedUsers.acmeLead.id }, ['/user_id']],
    ['/me/onboarding', { disc: { dominance: 1, influence: 2, steadiness: 3 } }, ['/disc/conscientiousness']],
    [
      '/me/onboarding',
      { disc: { dominance: 101, influence: -1, steadiness: 3.5, conscientiousness: 1 } },
      ['/disc/dominance', '/disc/influence', '/disc/steadiness'],
    ],
    ['/me/onboarding', { enneagram: { type: 10 } }, ['/enneagram/type']],
    ['/me/onboarding', { enneagram: { type: 5, wing: 9 } }, ['/enneagram/wing']],
    ['/me/ritual-preferences', { tone: 'rude', session_minutes: 0 }, ['/session_minutes', '/tone']],
    ['/me/ritual-preferences', { time_of_day: 'night' }, ['/time_of_day']],
    ['/me/ritual-preferences', { topics_to_avoid: Array(11).fill('x') }, ['/topics_to_avoid']],
    ['/me/emotional-categories', {}, ['/items']],
    ['/me/emotional-categories', { items: [{ category: 'Joy' }, { category: 'joy' }] }, ['/items']],
    ['/me/emotional-categories', { items: Array.from({ length: 21 }, (_, n) => ({ category: `c${n}` })) }, ['/items']],
    ['/me/emotional-categories', { items: [{ category: 'a', intensity: 6 }] }, ['/items/0/intensity']],
    ['/me/persona', { avatar_id: 'x' }, ['/avatar_id']],
    ['/me/persona', { avatar_id: '0199a3c2-6d1e-7000-8000-0000000000ee' }, ['/avatar_id']],
  ])('at %s is refused as %j, naming %j', async (path, body, pointers) => {
    const answer = await put('acmeRep', path, body)
    expect([answer.status, pointersOf(answer)]).toEqual([422, pointers])
  })
})

describe('my goals @integration', () => {
  it('are set, listed by status, changed and removed', async () => {
    const made = await ask('acmeRep', 'POST', '/me/goals', { title: 'Sleep', target_date: '2026-12-31' })
    expect(made).toMatchObject({
      status: 201,
      body: { title: 'Sleep', description: null, status: 'active', target_date: '2026-12-31' },
    })
    expect(made.body).not.toHaveProperty('user_id')
    const { id } = made.body as { id: string }
    await ask('acmeRep', 'POST', '/me/goals', { title: 'Read', status: 'paused' })
    const titles = async (query: string) =>
      ((await ask('acmeRep', 'GET', `/me/goals${query}`)).body.items as { title: string }[]).map(({ title }) => title)
    expect([await titles(''), await titles('?status=active')]).toEqual([['Read', 'Sleep'], ['Sleep']])
    const changed = await ask(
      'acmeRep',
      'PATCH',
      `/me/goals/${id}`,
      { target_date: null },
      { 'if-match': etagOf(made) },
    )
    expect(changed).toMatchObject({ status: 200, body: { target_date: null, title: 'Sleep' } })
    expect((await ask('acmeRep', 'DELETE', `/me/goals/${id}`, undefined, { 'if-match': '*' })).status).toBe(204)
    expect(await titles('')).toEqual(['Read'])
  })

  it.each([
    [{}, ['/title']],
    [{ title: 'x', target_date: '2026-02-30' }, ['/target_date']],
    [{ title: 'x', status: 'someday' }, ['/status']],
    [{ title: 'x', user_id: seedUsers.acmeLead.id }, ['/user_id']],
  ])('are refused as %j', async (body, pointers) => {
    const answer = await ask('acmeRep', 'POST', '/me/goals', body)
    expect([answer.status, pointersOf(answer)]).toEqual([422, pointers])
  })
})

describe('what somebody else says @multitenant', () => {
  it('is seen and changed through no route, by nobody', async () => {
    for (const { path, body } of documents) await put('acmeRep', path, body)
    const goal = await ask('acmeRep', 'POST', '/me/goals', { title: 'Sleep' })
    const path = `/me/goals/${goal.body.id}`
    const before = await world.admin('select to_jsonb(p) as row from profiles p')
    const tries = { headers: { 'x-user-id': actors.acmeRep.userId, 'x-tenant-id': acme } }
    for (const who of ['acmeLead', 'acmeCsr', 'acmeRep2', 'borealisLead'] as const) {
      for (const document of documents) {
        for (const query of ['', `?user_id=${actors.acmeRep.userId}`]) {
          const answer = await ask(who, 'GET', `${document.path}${query}`, undefined, tries.headers)
          expect([document.path, answer.body]).toEqual([document.path, { ...document.empty, updated_at: null }])
        }
        await put(who, document.path, document.body)
        await ask(who, 'DELETE', document.path, undefined, { 'if-match': '*' })
      }
      expect((await ask(who, 'GET', '/me/goals')).body.items).toEqual([])
      expect((await ask(who, 'GET', path)).status).toBe(404)
      expect((await ask(who, 'PATCH', path, { title: 'mine' }, { 'if-match': '*' })).status).toBe(404)
      expect((await ask(who, 'DELETE', path, undefined, { 'if-match': '*' })).status).toBe(404)
      expect((await ask(who, 'GET', '/mentor/context')).body.context).toContain('Name: not known')
    }
    for (const { path: own, shown } of documents)
      expect((await ask('acmeRep', 'GET', own)).body).toEqual({ ...shown, updated_at: aTime })
    expect(await world.admin('select to_jsonb(p) as row from profiles p')).toEqual(before)
    expect((await ask('acmeRep', 'GET', path)).body.title).toBe('Sleep')
  })

  it('is nothing that a key of a server, or a token without a company, could have', async () => {
    const { secret } = await api.services.apiKeys.create(actors.acmeLead, {
      name: 'server',
      role: 'leadership',
      scopes: ['mentor:read', 'mentor:write', 'sessions:write'],
      expiresAt: new Date(Date.now() + 3_600_000),
    })
    const key = { 'x-api-key': secret, 'if-match': '*' }
    const homeless = { token: await tokenFor({ sub: actors.acmeRep.userId, company_id: undefined as never }) }
    for (const [method, path, body] of [
      ['GET', '/me/profile', undefined],
      ['PUT', '/me/profile', { about: 'x' }],
      ['GET', '/me/goals', undefined],
      ['GET', '/mentor/context', undefined],
      ['POST', '/mentor/sessions', {}],
      ['POST', '/sessions', { provider: 'tavus', mode: 'mentor' }],
    ] as const) {
      const asKey = await call(`${api.url}${path}`, { method, headers: key, body })
      expect([path, asKey.status, asKey.body.code]).toEqual([path, 403, 'key_not_allowed'])
      const without = await call(`${api.url}${path}`, { method, ...homeless, headers: { 'if-match': '*' }, body })
      expect([path, without.status, without.body.code]).toEqual([path, 403, 'tenant_missing'])
    }
    expect((await call(`${api.url}/mentor/avatars`, { method: 'GET', headers: key })).status).toBe(200)
  })
})

describe('avatars @integration', () => {
  it('are offered by leadership and seen by everybody of the company', async () => {
    const body = { name: 'Amara', persona_id: 'p1', replica_id: 'r1', image_url: 'https://cdn.example/a.png' }
    const made = await ask('acmeLead', 'POST', '/mentor/avatars', body)
    expect(made).toMatchObject({ status: 201, body: { ...body, active: true, metadata: {}, description: null } })
    const { id } = made.body as { id: string }
    for (const who of ['acmeRep', 'acmeCsr'] as const) {
      expect((await ask(who, 'GET', '/mentor/avatars')).body.items).toEqual([made.body])
      expect((await ask(who, 'GET', `/mentor/avatars/${id}`)).body).toEqual(made.body)
      for (const [method, path] of [
        ['POST', '/mentor/avatars'],
        ['PATCH', `/mentor/avatars/${id}`],
        ['DELETE', `/mentor/avatars/${id}`],
      ] as const)
        expect((await ask(who, method, path, { name: 'Mine' }, { 'if-match': '*' })).body.code).toBe('role_missing')
    }
    expect((await ask('borealisLead', 'GET', '/mentor/avatars')).body.items).toEqual([])
    await put('acmeRep', '/me/persona', { avatar_id: id })
    expect((await ask('acmeRep', 'GET', '/mentor/context')).body).toMatchObject({ persona_id: 'p1', replica_id: 'r1' })
    await ask('acmeLead', 'PATCH', `/mentor/avatars/${id}`, { active: false }, { 'if-match': '*' })
    expect((await ask('acmeRep', 'GET', '/mentor/avatars?active=true')).body.items).toEqual([])
    expect((await ask('acmeRep', 'GET', '/mentor/context')).body).toMatchObject({ persona_id: null, replica_id: null })
    expect((await ask('acmeLead', 'DELETE', `/mentor/avatars/${id}`, undefined, { 'if-match': '*' })).status).toBe(204)
    expect((await ask('acmeRep', 'GET', '/me/persona')).body.avatar_id).toBeNull()
  })

  it.each([
    [{}, ['/name']],
    [{ name: 'A', image_url: 'http://cdn.example/a.png' }, ['/image_url']],
    [{ name: 'A', metadata: { x: 'y'.repeat(17_000) } }, ['/metadata']],
    [{ name: 'A', active: 'yes' }, ['/active']],
  ])('are refused as %j', async (body, pointers) => {
    const answer = await ask('acmeLead', 'POST', '/mentor/avatars', body)
    expect([answer.status, pointersOf(answer)]).toEqual([422, pointers])
  })
})
