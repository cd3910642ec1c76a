import type { Knex } from 'knex'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Actor } from '../../src/domain/identity.js'
import { type AnalyticsStore, createAnalyticsStore } from '../../src/store/analytics.js'
import { createRecapStore, type RecapStore } from '../../src/store/analytics-recaps.js'
import { actors, acme, borealis } from '../store/world.js'
import { type AnalyticsWorld, createAnalyticsWorld } from './world.js'

let world: AnalyticsWorld

const fill = [
  `insert into conversations_users (session_id, user_id, company_id, conversation_type_id, external_conversation_id, status,
     created_at, ended_at, duration_seconds, prewarm_ms, prewarm, start_ms)
   select gen_random_uuid(), case when n % 7 = 0 then :rep else 'user_' || n % 40 end,
     case when n % 3 = 0 then cast(:borealis as uuid) else cast(:acme as uuid) end, 1 + n % 2, 'p' || n, 'completed',
     timestamptz '2024-01-01Z' + n * interval '45 minutes', timestamptz '2024-01-01Z' + n * interval '46 minutes', n % 900,
     n % 3000, '{"success": true}', n % 5000 from generate_series(1, 20000) n`,
  `insert into call_logs (company_id, user_id, provider, external_id, status, outcome, duration_seconds, created_at)
   select case when n % 3 = 0 then cast(:borealis as uuid) else cast(:acme as uuid) end, case when n % 50 = 0 then :rep end,
     'manual', 'p' || n, 'ended', (array['completed', 'busy'])[1 + n % 2], n % 900,
     timestamptz '2024-01-01Z' + n * interval '45 minutes' from generate_series(1, 20000) n`,
]

beforeAll(async () => {
  world = await createAnalyticsWorld()
  for (const sql of fill)
    await world.database.withService(undefined, (trx) => trx.raw(sql, { acme, borealis, rep: actors.acmeRep.userId }))
  await world.count(10_000)
  // Something that is not counted yet, as there always is.
  for (let n = 0; n < 20; n++) await world.conversation()
  await world.admin('vacuum analyze')
}, 240_000)
afterAll(() => world.close())

interface Plan {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Index Cond'?: string
  'Actual Loops'?: number
  Plans?: Plan[]
}

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]

/** Every statement that the work sends, explained as it runs for the actor; parts that never ran are left out. */
async function plansOf(
  actor: Actor,
  work: (stores: { analytics: AnalyticsStore; recaps: RecapStore }) => Promise<unknown>,
): Promise<Plan[]> {
  const plans: Plan[] = []
  const explaining = (trx: Knex.Transaction) =>
    Object.assign(trx, {
      raw: ((raw) => async (sql: string, bindings: Knex.RawBinding[]) => {
        const { rows } = await raw<{ rows: { 'QUERY PLAN': [{ Plan: Plan }] }[] }>(
          `explain (analyze, format json) ${sql}`,
          bindings,
        )
        plans.push(...rows.map((row) => row['QUERY PLAN'][0].Plan))
        return await raw<unknown>(sql, bindings)
      })(trx.raw.bind(trx)),
    })
  const withTenant = <T>(who: Actor, then: (trx: Knex.Transaction) => Promise<T>) =>
    world.database.withTenant(who, async (trx) => {
      // Few companies and sums are read faster as a whole; what is asserted is that they need not be.
      await trx.raw('set local enable_seqscan = off')
      return await then(explaining(trx))
    })
  const withService: typeof world.database.withService = (tenantId, then) =>
    world.database.withService(tenantId, async (trx) => {
      await trx.raw('set local enable_seqscan = off')
      return await then(trx)
    })
  const database = { withTenant, withService }
  await work({ analytics: createAnalyticsStore(database), recaps: createRecapStore(database) })
  expect(plans.length).toBeGreaterThan(0)
  return plans.flatMap(nodesOf).filter((node) => node['Actual Loops'] !== 0)
}

const scansOf = (plans: Plan[]) =>
  plans
    .filter((node) => node['Node Type'].includes('Seq Scan') && node['Relation Name'] !== 'conversation_type')
    .map((node) => node['Relation Name'])

const indexesOf = (plans: Plan[]) => [...new Set(plans.flatMap((node) => node['Index Name'] ?? []))].sort()

const asked = { from: '2024-02-11', to: '2024-12-20' }
const questions: Record<string, (actor: Actor) => Parameters<typeof plansOf>[1]> = {
  days:
    (actor) =>
    ({ analytics }) =>
      analytics.days(actor, asked),
  users:
    (actor) =>
    ({ analytics }) =>
      analytics.users(actor, { ...asked, limit: 20 }),
  durations:
    (actor) =>
    ({ analytics }) =>
      analytics.byProvider(actor, asked, ['duration']),
  prewarm:
    (actor) =>
    ({ analytics }) =>
      analytics.byPrewarming(actor, asked),
  outcomes:
    (actor) =>
    ({ analytics }) =>
      analytics.outcomes(actor, asked),
  recaps:
    (actor) =>
    ({ recaps }) =>
      recaps.list(actor, { limit: 20 }),
  recap:
    (actor) =>
    ({ recaps }) =>
      recaps.find(actor, '2024-05-05'),
}

describe('what analytics read @integration', () => {
  it.each(
    Object.keys(questions).flatMap((name) =>
      (['acmeLead', 'acmeCsr', 'acmeRep'] as const).map((who) => ({ name, who })),
    ),
  )('$name of $who by indexes alone', async ({ name, who }) => {
    const plans = await plansOf(actors[who], (questions[name] as (typeof questions)['days'])(actors[who]))
    expect(scansOf(plans)).toEqual([])
  })

  it('leadership by sums, and never by the rows of all that time', async () => {
    const read = async (name: string) =>
      indexesOf(await plansOf(actors.acmeLead, (questions[name] as (typeof questions)['days'])(actors.acmeLead)))
    expect(await read('days')).toEqual(expect.arrayContaining(['analytics_histograms_pkey', 'analytics_sessions_pkey']))
    for (const name of ['days', 'durations', 'prewarm', 'outcomes'])
      expect((await read(name)).filter((index) => /^(conversations_users|call_logs)/.test(index))).toEqual([])
    expect(await read('outcomes')).toContain('analytics_calls_pkey')
    // At the edges of months, and for the time of the last one.
    expect(await read('users')).toEqual(
      expect.arrayContaining([
        'analytics_users_pkey',
        'conversations_users_tenant_idx',
        'conversations_users_user_idx',
      ]),
    )
  })

  it('whole ranges as stretches of an index', async () => {
    const plans = await plansOf(
      actors.acmeLead,
      questions.durations?.(actors.acmeLead) as Parameters<typeof plansOf>[1],
    )
    const conditions = plans.filter((node) => node['Index Name'] === 'analytics_histograms_pkey')
    expect(conditions.length).toBeGreaterThan(0)
    for (const { 'Index Cond': condition } of conditions) expect(condition).toMatch(/tenant_id = .*date >= /s)
  })

  it.each(['daily_conversations', 'conversations_per_user', 'call_outcome_distribution', 'session_quality'])(
    'the view %s by indexes alone',
    async (view) => {
      for (const who of ['acmeLead', 'acmeCsr', 'acmeRep'] as const) {
        const { rows } = await world.database.withTenant(actors[who], async (trx) => {
          await trx.raw('set local enable_seqscan = off')
          return await trx.raw<{ rows: { 'QUERY PLAN': [{ Plan: Plan }] }[] }>(
            `explain (analyze, format json) select * from ${view}`,
          )
        })
        const nodes = rows.flatMap((row) => nodesOf(row['QUERY PLAN'][0].Plan))
        expect([who, scansOf(nodes.filter((node) => node['Actual Loops'] !== 0))]).toEqual([who, []])
      }
    },
  )
})
