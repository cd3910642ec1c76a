import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { applicationRole } from '../../src/dev/postgres-roles.js'
import { migrateDown, migrateUp } from '../../src/store/migrate.js'
import { acme, actors } from '../store/world.js'
import { rawViews } from './raw.js'
import { readViews } from './views.js'
import { type AnalyticsWorld, createAnalyticsWorld } from './world.js'

let world: AnalyticsWorld
beforeAll(async () => {
  world = await createAnalyticsWorld()
})
afterAll(() => world.close())

const seen = () => world.database.withTenant(actors.acmeLead, readViews)

async function takeBack(): Promise<void> {
  for (let undone: string | undefined; undone !== '0016_analytics';)
    ({ undone } = await migrateDown({ url: world.test.ownerUrl }))
}

describe('the migration of analytics @integration', () => {
  it('counts what is there, and what was written while it was taken back, in each company’s own days', async () => {
    await world.admin(`update companies set timezone = 'Europe/Berlin' where id = $1`, [acme])
    await world.conversation({ at: '2026-03-01T23:30:00Z' })
    await world.call()
    await world.count()
    await world.conversation()
    await takeBack()
    await world.conversation({ user: actors.acmeRep2.userId, at: '2026-01-31T23:30:00Z' })
    await world.call({ outcome: 'busy' })
    await migrateUp({ url: world.test.ownerUrl, applicationRole })
    const { daily } = await seen()
    expect(daily.map(({ date }) => date)).toEqual(['2026-02-01', '2026-03-02', '2026-03-10'])
    expect(await seen()).toEqual(await rawViews(world, acme))
    await world.conversation()
    await world.count()
    expect(await seen()).toEqual(await rawViews(world, acme))
  })

  it('keeps the recaps that were written', async () => {
    await world.admin(
      `insert into analytics_recaps (tenant_id, date, timezone, recap) values ($1, '2026-03-01', 'UTC', '{"a": 1}')`,
      [acme],
    )
    await takeBack()
    const { back } = await migrateUp({ url: world.test.ownerUrl, applicationRole })
    expect(back).toContainEqual({ table: 'analytics_recaps', rows: 1 })
    expect(await world.admin('select date::text as date, recap from analytics_recaps')).toEqual([
      { date: '2026-03-01', recap: { a: 1 } },
    ])
  })
})
