import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Actor } from '../../src/domain/identity.js'
import { acme, actors, borealis } from '../store/world.js'
import { rawViews } from './raw.js'
import { readViews } from './views.js'
import { type AnalyticsWorld, createAnalyticsWorld, year } from './world.js'

let world: AnalyticsWorld
const { acmeLead, acmeCsr, acmeRep, acmeRep2, borealisLead } = actors

beforeAll(async () => {
  world = await createAnalyticsWorld()
  for (let n = 0; n < 3; n++) await world.conversation({ user: acmeRep.userId, seconds: 60 })
  await world.conversation({ user: 'clerk_of_csr', owner: acmeCsr.userId, seconds: 120 })
  for (let n = 0; n < 5; n++) await world.conversation({ tenant: borealis, user: borealisLead.userId, type: 2 })
  await world.call({ user: acmeRep.userId, outcome: 'busy' })
  await world.call({ outcome: 'completed' })
  for (let n = 0; n < 7; n++) await world.call({ tenant: borealis, outcome: 'failed' })
  await world.count()
  // Some of it is counted, some is only noted.
  await world.conversation({ user: acmeRep.userId, seconds: 60 })
  await world.conversation({ tenant: borealis, user: borealisLead.userId })
  await world.call({ outcome: 'completed' })
})
afterAll(() => world.close())

const views = (actor: Actor) => world.database.withTenant(actor, readViews)

describe('analytics of several companies @multitenant', () => {
  it('are each company’s own', async () => {
    for (const [actor, tenant] of [
      [acmeLead, acme],
      [borealisLead, borealis],
    ] as const)
      expect(await views(actor)).toEqual(await rawViews(world, tenant))
  })

  it('show csr and rep what comes of their own conversations, and csr every call', async () => {
    const rep = await views(acmeRep)
    expect(rep.daily).toEqual([
      { date: '2026-03-10', type: 'Tavus', conversations: 4, minutes: 4, median_prewarm: 1000 },
    ])
    expect(rep.users).toMatchObject([{ user_id: acmeRep.userId, email: 'rep@acme.test', total: 4 }])
    expect(rep.outcomes).toEqual([{ outcome: 'busy', calls: 1, share: 1 }])
    const csr = await views(acmeCsr)
    expect(csr.users).toMatchObject([{ user_id: 'clerk_of_csr', total: 1 }])
    expect(csr.daily).toMatchObject([{ conversations: 1, minutes: 2 }])
    expect(csr.outcomes).toMatchObject([
      { outcome: 'busy', calls: 1 },
      { outcome: 'completed', calls: 2 },
    ])
    expect(await views(acmeRep2)).toEqual({ daily: [], users: [], outcomes: [], quality: [] })
  })

  it('answer the stores’ questions the same way', async () => {
    const ofAll = async (actor: Actor) => ({
      days: (await world.analytics.days(actor, year)).found.reduce((sum, day) => sum + day.conversations, 0),
      users: (await world.analytics.users(actor, { ...year, limit: 100 })).found.map((row) => row.conversations),
      quality: (await world.analytics.byProvider(actor, year, [])).found.all.conversations,
      prewarm: [...(await world.analytics.byPrewarming(actor, year)).found.groups].map(([, one]) => one.conversations),
      calls: (await world.analytics.outcomes(actor, year)).found.calls,
    })
    expect(await ofAll(acmeLead)).toMatchObject({ days: 5, users: [4, 1], quality: 5, prewarm: [5], calls: 3 })
    expect(await ofAll(borealisLead)).toMatchObject({ days: 6, users: [6], quality: 6, prewarm: [6], calls: 7 })
    expect(await ofAll(acmeRep)).toMatchObject({ days: 4, users: [4], quality: 4, prewarm: [4], calls: 1 })
    expect(await ofAll(acmeCsr)).toMatchObject({ days: 1, users: [1], quality: 1, prewarm: [1], calls: 3 })
    expect(await ofAll(acmeRep2)).toEqual({ days: 0, users: [], quality: 0, prewarm: [], calls: 0 })
  })

  it('let nobody but background work write a sum, or take a note away', async () => {
    for (const table of ['analytics_sessions', 'analytics_histograms', 'analytics_users', 'analytics_calls']) {
      const changed = await world.database.withTenant(acmeLead, (trx) =>
        trx.raw<{ rowCount: number }>(`delete from ${table}`),
      )
      expect([table, changed.rowCount]).toEqual([table, 0])
    }
    for (const table of ['analytics_session_changes', 'analytics_call_changes', 'analytics_recaps']) {
      const changed = await world.database.withTenant(acmeLead, (trx) =>
        trx.raw<{ rowCount: number }>(`delete from ${table}`),
      )
      expect([table, changed.rowCount]).toEqual([table, 0])
    }
    await expect(
      world.database.withTenant(acmeLead, (trx) =>
        trx.raw(`insert into analytics_calls values (?, '2026-01-01', 'busy', 1, 1)`, [acme]),
      ),
    ).rejects.toThrow(/row-level security/)
  })
})
