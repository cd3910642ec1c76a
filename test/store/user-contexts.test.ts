import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Actor } from '../../src/domain/identity.js'
import { composeContext } from '../../src/domain/mentor-context.js'
import { createDatabase, type Database } from '../../src/store/database.js'
import { createGoalStore } from '../../src/store/goals.js'
import { createAvatarStore } from '../../src/store/mentor-avatars.js'
import { createPersonalContext } from '../../src/store/personal-context.js'
import { createUserContexts } from '../../src/store/user-contexts.js'
import { acme, actors, borealis, createWorld, pageOf, type World } from './world.js'

const personal = [
  'profiles',
  'onboarding_profiles',
  'ritual_preferences',
  'user_emotional_categories',
  'user_goals',
  'user_personas',
]

let world: World
let stores: ReturnType<typeof createPersonalContext>
beforeAll(async () => {
  world = await createWorld()
  stores = createPersonalContext(world.database)
})
afterAll(() => world.close())
beforeEach(async () => {
  for (const table of [...personal, 'mentor_avatars']) await world.admin(`delete from ${table}`)
})

const { acmeRep, acmeRep2, acmeLead, acmeCsr, borealisLead } = actors
const profile = {
  preferredName: 'Rosa',
  pronouns: null,
  occupation: 'crystallographer',
  language: null,
  timezone: null,
  about: null,
}
const nothing = composeContext({ categories: [], goals: [] })

/** Something of an actor in each source, marked with a word. */
async function tell(actor: Actor, word: string): Promise<void> {
  await stores.profiles.replace(actor, 'any', { ...profile, preferredName: word })
  await stores.onboarding.replace(actor, 'any', { disc: null, enneagram: { type: 5, wing: 4 } })
  await stores.preferences.replace(actor, 'any', {
    tone: 'calm',
    timeOfDay: 'evening',
    sessionMinutes: 10,
    opening: `open ${word}`,
    closing: null,
    topicsToAvoid: [`not ${word}`],
  })
  await stores.categories.replace(actor, 'any', {
    items: [
      { category: `feels ${word}`, intensity: 3, note: null },
      { category: 'joy', intensity: null, note: 'new' },
    ],
  })
  await stores.personas.replace(actor, 'any', { avatarId: null, personaId: `p-${word}`, replicaId: null })
  await world.database.withTenant(actor, (trx) =>
    trx.raw(`insert into user_goals (tenant_id, user_id, title, target_date) values (?, ?, ?, '2026-12-31')`, [
      actor.tenantId,
      actor.userId,
      `wants ${word}`,
    ]),
  )
}

const contextsOf = (cacheMs = 60_000, database: Pick<Database, 'withTenant'> = world.database, now?: () => number) =>
  createUserContexts({ database, cacheMs, now })

describe('what is known of a user @integration', () => {
  it('is gathered from every source', async () => {
    await tell(acmeRep, 'rosa')
    expect(await contextsOf().of(acmeRep)).toEqual({
      context: composeContext({
        profile: { ...profile, preferredName: 'rosa' },
        onboarding: { disc: null, enneagram: { type: 5, wing: 4 } },
        preferences: {
          tone: 'calm',
          timeOfDay: 'evening',
          sessionMinutes: 10,
          opening: 'open rosa',
          closing: null,
          topicsToAvoid: ['not rosa'],
        },
        categories: [
          { category: 'feels rosa', intensity: 3, note: null },
          { category: 'joy', intensity: null, note: 'new' },
        ],
        goals: [{ title: 'wants rosa', description: null, targetDate: '2026-12-31' }],
      }),
      persona: { personaId: 'p-rosa', replicaId: null },
      sources: 5,
      cached: false,
    })
  })

  it('has defaults for what is missing, and for everything', async () => {
    await stores.profiles.replace(acmeRep, 'any', profile)
    const partial = await contextsOf().of(acmeRep)
    expect(partial).toMatchObject({ context: composeContext({ profile, categories: [], goals: [] }), sources: 1 })
    expect(await contextsOf().of(acmeRep2)).toEqual({
      context: nothing,
      persona: { personaId: null, replicaId: null },
      sources: 0,
      cached: false,
    })
  })

  it('has active goals only, the nearest first, and ten at most', async () => {
    const insert = (title: string, status: string, day: string | null) =>
      world.admin(
        `insert into user_goals (tenant_id, user_id, title, status, target_date) values ($1, $2, $3, $4, $5)`,
        [acme, acmeRep.userId, title, status, day],
      )
    await insert('someday', 'active', null)
    await insert('done', 'achieved', '2026-01-01')
    for (let month = 12; month >= 1; month--)
      await insert(`month ${month}`, 'active', `2026-${String(month).padStart(2, '0')}-01`)
    const { context } = await contextsOf().of(acmeRep)
    const goals = context.split('\n').filter((line) => line.startsWith('Goal: '))
    expect(goals).toHaveLength(10)
    expect(goals[0]).toBe('Goal: "month 1" by 2026-01-01.')
    expect(goals.at(-1)).toBe('Goal: "month 10" by 2026-10-01.')
  })

  it('lets the chosen avatar speak while the company offers it, unless another persona is named', async () => {
    const avatars = createAvatarStore(world.database, { cacheMs: 1000 })
    const avatar = await avatars.create(acmeLead, { name: 'Amara', personaId: 'p-amara', replicaId: 'r-amara' })
    const contexts = contextsOf()
    const persona = async () => (await contexts.of(acmeRep)).persona
    expect(await persona()).toEqual({ personaId: null, replicaId: null })
    await stores.personas.replace(acmeRep, 'any', { avatarId: avatar.id, personaId: null, replicaId: null })
    expect(await persona()).toEqual({ personaId: 'p-amara', replicaId: 'r-amara' })
    await stores.personas.replace(acmeRep, 'any', { avatarId: avatar.id, personaId: 'p-own', replicaId: null })
    expect(await persona()).toEqual({ personaId: 'p-own', replicaId: 'r-amara' })
    await avatars.change(acmeLead, avatar.id, 'any', { active: false })
    expect(await persona()).toEqual({ personaId: 'p-own', replicaId: null })
    await avatars.remove(acmeLead, avatar.id, 'any')
    expect(await persona()).toEqual({ personaId: 'p-own', replicaId: null })
    expect((await stores.personas.find(acmeRep)).avatarId).toBeNull()
  })
})

describe('a context that is kept @integration', () => {
  it('is kept while nothing of it changes', async () => {
    await tell(acmeRep, 'rosa')
    const contexts = contextsOf()
    const first = await contexts.of(acmeRep)
    expect(await contexts.of(acmeRep)).toEqual({ ...first, cached: true })
    await tell(acmeRep2, 'barbara')
    expect((await contexts.of(acmeRep)).cached).toBe(true)
  })

  it.each([
    ['profiles', `update profiles set about = 'x'`],
    ['onboarding_profiles', `update onboarding_profiles set enneagram_wing = 6`],
    ['ritual_preferences', `delete from ritual_preferences`],
    ['user_emotional_categories', `delete from user_emotional_categories where position = 1`],
    ['user_goals', `update user_goals set title = 'another'`],
    ['user_personas', `update user_personas set persona_id = 'another'`],
    ['profiles, to what it was', `update profiles set preferred_name = preferred_name`],
  ])('is read anew once another process has written %s, whatever way it took', async (_table, sql) => {
    await tell(acmeRep, 'rosa')
    const contexts = contextsOf()
    await contexts.of(acmeRep)
    const other = createDatabase({ url: world.test.url, poolSize: 1 })
    try {
      await other.withService(acme, (trx) => trx.raw(sql))
    } finally {
      await other.destroy()
    }
    const after = await contexts.of(acmeRep)
    expect(after.cached).toBe(false)
    expect(after).toEqual({ ...(await contextsOf(0).of(acmeRep)), cached: false })
    expect((await contexts.of(acmeRep)).cached).toBe(true)
  })

  it('is another one after a first word, and after the last one is taken back', async () => {
    const contexts = contextsOf()
    expect((await contexts.of(acmeRep)).context).toBe(nothing)
    await stores.profiles.replace(acmeRep, 'any', profile)
    expect((await contexts.of(acmeRep)).context).toContain('"Rosa"')
    await stores.profiles.remove(acmeRep, 'any')
    expect(await contexts.of(acmeRep)).toMatchObject({ context: nothing, cached: false })
  })

  it('is forgotten after its time', async () => {
    let now = 0
    const contexts = contextsOf(1000, world.database, () => now)
    await contexts.of(acmeRep)
    now = 1000
    expect((await contexts.of(acmeRep)).cached).toBe(false)
    expect(contexts.remembered(acmeRep)).toBeDefined()
    now = 2000
    expect(contexts.remembered(acmeRep)).toBeUndefined()
  })

  it('is one user’s, also when another company has a user of the same id', async () => {
    const contexts = contextsOf()
    await tell(acmeRep, 'rosa')
    await contexts.of(acmeRep)
    const twin = { ...acmeRep, tenantId: borealis }
    expect(await contexts.of(twin)).toMatchObject({ context: nothing, cached: false })
    expect((await contexts.of(acmeRep)).context).toContain('"rosa"')
  })
})

describe('what a user has said @multitenant', () => {
  const others: [string, Actor][] = [
    ['leadership of the company', acmeLead],
    ['its customer service', acmeCsr],
    ['a colleague', acmeRep2],
    ['leadership of another company', borealisLead],
    ['a user of the same id in another company', { ...acmeRep, tenantId: borealis, role: 'leadership' }],
  ]
  const run = (actor: Actor, sql: string) =>
    world.database.withTenant(actor, (trx) => trx.raw<{ rowCount: number; rows: object[] }>(sql))
  const everything = async () => {
    const rows: Record<string, object[]> = {}
    for (const table of personal)
      rows[table] = await world.admin(`select to_jsonb(t) as row from ${table} t order by 1`)
    return rows
  }

  it.each(others)('is neither read nor written by %s, by any SQL', async (_who, thief) => {
    await tell(acmeRep, 'rosa')
    const before = await everything()
    for (const table of personal) {
      const column = { user_goals: 'title', user_emotional_categories: 'category' }[table] ?? 'updated_at'
      expect([table, (await run(thief, `select from ${table}`)).rowCount]).toEqual([table, 0])
      expect([table, (await run(thief, `update ${table} set ${column} = ${column}`)).rowCount]).toEqual([table, 0])
      expect([table, (await run(thief, `delete from ${table}`)).rowCount]).toEqual([table, 0])
      const [row] = before[table] as [{ row: object }]
      const forged = JSON.stringify({ ...row.row, id: '0199a3c2-6d1e-7000-8000-0000000000fe', position: 9 })
      const insert = `insert into ${table} select * from jsonb_populate_record(null::${table}, '${forged}')`
      await expect(run(thief, insert), table).rejects.toThrow(/row-level security/)
    }
    expect(await everything()).toEqual(before)
    expect((await contextsOf().of(thief)).context).toBe(nothing)
  })

  it('cannot be given to somebody else', async () => {
    await tell(acmeRep, 'rosa')
    for (const table of personal)
      await expect(run(acmeRep, `update ${table} set user_id = '${acmeRep2.userId}'`), table).rejects.toThrow(
        /row-level security/,
      )
  })

  it('is in no other’s lists, and not found by its id', async () => {
    await tell(acmeRep, 'rosa')
    const goals = createGoalStore(world.database)
    const [goal] = (await goals.list(acmeRep, pageOf({}))).items
    for (const [, thief] of others) {
      expect((await goals.list(thief, pageOf({}))).items).toEqual([])
      expect(await goals.find(thief, goal?.id ?? '')).toBeUndefined()
      expect(await goals.change(thief, goal?.id ?? '', 'any', { title: 'mine' })).toBeUndefined()
      expect(await goals.remove(thief, goal?.id ?? '', 'any')).toBe(false)
    }
    expect(goal?.title).toBe('wants rosa')
  })

  it('leaves no word in the log that leadership reads', async () => {
    await world.admin('delete from event_logs')
    await tell(acmeRep, 'rosa')
    const goals = createGoalStore(world.database)
    const { id } = await goals.create(acmeRep, { userId: acmeRep.userId, title: 'rosa' })
    await goals.change(acmeRep, id, 'any', { status: 'achieved' })
    await goals.remove(acmeRep, id, 'any')
    expect(await world.admin('select from event_logs')).toEqual([])
  })
})

describe('avatars @multitenant', () => {
  it('are written by leadership only, and listed as they are, also when another process has changed one', async () => {
    const avatars = createAvatarStore(world.database, { cacheMs: 60_000 })
    const names = async (actor: Actor) => (await avatars.list(actor, pageOf({}))).items.map(({ name }) => name)
    const { id } = await avatars.create(acmeLead, { name: 'Amara' })
    expect([await names(acmeRep), await names(borealisLead)]).toEqual([['Amara'], []])
    await world.admin(`update mentor_avatars set name = 'Bea'`)
    expect(await names(acmeRep)).toEqual(['Bea'])
    for (const actor of [acmeRep, acmeCsr]) {
      await expect(avatars.create(actor, { name: 'Mine' })).rejects.toMatchObject({ code: 'row_forbidden' })
      // Not even locked: nobody may who may not change it.
      expect(await avatars.change(actor, id, 'any', { name: 'Mine' })).toBeUndefined()
      expect(await avatars.remove(actor, id, 'any')).toBe(false)
    }
    expect(await avatars.change(borealisLead, id, 'any', { name: 'Mine' })).toBeUndefined()
    await world.admin('delete from mentor_avatars')
    expect(await names(acmeRep)).toEqual([])
  })

  it('of another company cannot be chosen', async () => {
    const avatars = createAvatarStore(world.database, { cacheMs: 0 })
    const { id } = await avatars.create(borealisLead, { name: 'Theirs' })
    await expect(
      stores.personas.replace(acmeRep, 'any', { avatarId: id, personaId: null, replicaId: null }),
    ).rejects.toMatchObject({ status: 422, errors: [{ pointer: '/avatar_id', detail: expect.any(String) }] })
  })
})

describe('a document of one’s own @integration', () => {
  it('of two changes at once lets one be first, and tells the other', async () => {
    const { revision } = await stores.profiles.find(acmeRep)
    const names = ['a', 'b', 'c', 'd']
    const results = await Promise.allSettled(
      names.map((preferredName) => stores.profiles.replace(acmeRep, [revision], { ...profile, preferredName })),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as object] : []))
    for (const reason of refused) expect(reason).toMatchObject({ status: 412 })
  })

  it('that is written as it is stays as it is', async () => {
    const first = await stores.profiles.replace(acmeRep, 'any', profile)
    expect(await stores.profiles.replace(acmeRep, [first.revision], { ...profile })).toEqual(first)
  })
})
