import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Actor } from '../../src/domain/identity.js'
import { acme, actors, borealis, holdTransaction } from '../store/world.js'
import { classOf, rawViews } from './raw.js'
import { readViews } from './views.js'
import { type AnalyticsWorld, createAnalyticsWorld } from './world.js'

let world: AnalyticsWorld
beforeAll(async () => {
  world = await createAnalyticsWorld()
})
afterAll(() => world.close())
beforeEach(async () => {
  await world.admin('delete from conversations_users; delete from call_logs')
  await world.count()
})

const lead: Record<string, Actor> = { [acme]: actors.acmeLead, [borealis]: actors.borealisLead }
const seen = (tenant: string) => world.database.withTenant(lead[tenant] ?? actors.acmeLead, readViews)

async function expectExact(): Promise<void> {
  for (const tenant of [acme, borealis]) expect(await seen(tenant)).toEqual(await rawViews(world, tenant))
}

const number = (max: number) => fc.option(fc.integer({ min: 0, max }), { nil: null })
const instant = fc
  .integer({ min: Date.UTC(2026, 0, 30), max: Date.UTC(2026, 2, 3) })
  .map((at) => new Date(at).toISOString())
const conversation = fc.record({
  tenant: fc.constantFrom(acme, borealis),
  user: fc.constantFrom(actors.acmeRep.userId, actors.acmeRep2.userId, actors.borealisLead.userId, 'user_x'),
  type: fc.constantFrom(1 as const, 2 as const),
  status: fc.constantFrom('active' as const, 'completed' as const, 'failed' as const),
  at: instant,
  joined: fc.option(instant, { nil: null }),
  ended: fc.option(instant, { nil: null }),
  seconds: number(4000),
  prewarmMs: number(40_000),
  startMs: number(90_000),
  prewarm: fc.constantFrom({ success: true }, { success: false }, { skipped: true, reason: 'warm' }, {}),
  facts: fc.constantFrom({}, { shutdownReason: 'participant_absent_timeout' }, { endRequestedBy: 'abandoned' }),
})
const call = fc.record({
  tenant: fc.constantFrom(acme, borealis),
  at: instant,
  outcome: fc.option(fc.constantFrom('completed', 'no_answer', 'busy', 'failed'), { nil: null }),
  seconds: number(4000),
})
const place = fc.nat(50)
const step = fc.oneof(
  { weight: 5, arbitrary: conversation.map((row) => ({ do: 'begin' as const, row })) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('correct' as const), place, row: conversation }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), place }) },
  { weight: 3, arbitrary: call.map((row) => ({ do: 'call' as const, row })) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('correct call' as const), place, row: call }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove call' as const), place }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('count' as const), limit: fc.integer({ min: 1, max: 20 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('move' as const),
      tenant: fc.constantFrom(acme, borealis),
      zone: fc.constantFrom('UTC', 'Asia/Kathmandu', 'America/St_Johns', 'Pacific/Kiritimati'),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

async function take(one: Step, ids: string[], calls: string[]): Promise<void> {
  const id = 'place' in one ? ids[one.place % ids.length] : undefined
  const callId = 'place' in one ? calls[one.place % calls.length] : undefined
  const service = (sql: string, bindings: Record<string, string | number | null>) =>
    world.database.withService(undefined, (trx) => trx.raw(sql, bindings))
  switch (one.do) {
    case 'begin':
      return void ids.push(await world.conversation(one.row))
    case 'correct':
      if (id)
        await service(
          `update conversations_users set user_id = :user, conversation_type_id = :type, status = :status, created_at = :at,
             joined_at = :joined, ended_at = :ended, duration_seconds = :seconds, prewarm_ms = :prewarmMs, start_ms = :startMs,
             prewarm = cast(:prewarm as jsonb), facts = cast(:facts as jsonb) where session_id = :id`,
          { ...one.row, id, prewarm: JSON.stringify(one.row.prewarm), facts: JSON.stringify(one.row.facts) },
        )
      return
    case 'remove':
      if (id) await service('delete from conversations_users where session_id = :id', { id })
      return
    case 'call':
      return void calls.push(await world.call(one.row))
    case 'correct call':
      if (callId)
        await service(
          'update call_logs set outcome = :outcome, duration_seconds = :seconds, created_at = :at where id = :id',
          { ...one.row, id: callId },
        )
      return
    case 'remove call':
      if (callId) await service('delete from call_logs where id = :id', { id: callId })
      return
    case 'count':
      return void (await world.counting.step(one.limit))
    case 'move':
      // Until the end of the move days are named by either zone; the test looks when it is over.
      await world.admin('update companies set timezone = $1 where id = $2', [one.zone, one.tenant])
      return void (await world.count(3))
  }
}

describe('analytics @integration', () => {
  it('are what the rows say after any writes, corrections and removals, counted or not', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        await world.admin('delete from conversations_users; delete from call_logs')
        const [ids, calls]: [string[], string[]] = [[], []]
        for (const one of steps) await take(one, ids, calls)
        await expectExact()
        await world.count(7)
        await expectExact()
        expect(await world.admin('select from analytics_session_changes')).toEqual([])
        expect(await world.admin('select from analytics_call_changes')).toEqual([])
      }),
      { numRuns: 60 },
    )
  }, 240_000)

  it('are undone with the transaction that wrote', async () => {
    await world.conversation()
    const written = world.database.withService(undefined, async (trx) => {
      await trx.raw(`update conversations_users set duration_seconds = 9`)
      throw new Error('changed my mind')
    })
    await expect(written).rejects.toThrow('changed my mind')
    await expectExact()
  })

  it('count several rows of one statement, and nothing of one that changes nothing that counts', async () => {
    for (let n = 0; n < 5; n++) await world.call()
    await world.count()
    await world.admin(`update call_logs set metadata = '{"a": 1}'`)
    expect(await world.admin('select from analytics_call_changes')).toEqual([])
    await world.admin(`update call_logs set outcome = 'busy'`)
    expect(await world.admin('select n, outcome from analytics_call_changes order by n')).toEqual([
      { n: -5, outcome: 'completed' },
      { n: 5, outcome: 'busy' },
    ])
    await expectExact()
  })

  it('are counted once by two who count at the same time', async () => {
    for (let n = 0; n < 30; n++) await world.conversation()
    const steps = await Promise.all([world.counting.step(20), world.counting.step(20), world.counting.step(20)])
    const counted = steps.reduce((sum, one) => sum + one.counted, 0)
    expect(counted + (await world.count())).toBe(30)
    await expectExact()
  })

  it('are left alone by a second one who comes while the first one counts', async () => {
    await world.conversation()
    const letGo = await holdTransaction(world.database, (trx) => trx.raw('select pg_advisory_xact_lock(7216)'))
    expect(await world.counting.step(20)).toEqual({ counted: 0, more: false })
    await letGo()
    expect(await world.counting.step(20)).toEqual({ counted: 1, more: false })
    await expectExact()
  })

  it('are read exactly while somebody counts, and while somebody writes', async () => {
    for (let n = 0; n < 10; n++) await world.conversation()
    const letGo = await holdTransaction(world.database, async (trx) => {
      await trx.raw(`update conversations_users set status = 'failed'`)
    })
    await world.count()
    await expectExact()
    await letGo()
    await expectExact()
    await world.count()
    await expectExact()
  })

  it('put values into classes that are less than 3.2 % wide', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { minLength: 1 }), async (values) => {
        const rows = await world.admin<{ value: number; middle: number }>(
          `select value, (parley_quantiles(array[(parley_bucket(value)::bigint << 32) + 1], '{0.5}'))[1] as middle
           from unnest($1::integer[]) as v (value)`,
          [values],
        )
        for (const { value, middle } of rows) {
          expect(middle).toBe(classOf(value))
          expect(Math.abs(middle - value)).toBeLessThanOrEqual(value / 63)
        }
      }),
      { numRuns: 30 },
    )
  })
})

describe('a company that changes its time zone @integration', () => {
  it('has its days moved step by step, and counts each conversation once all the while', async () => {
    await world.admin(`update companies set timezone = 'UTC' where id = $1`, [acme])
    await world.count()
    for (let day = 1; day <= 9; day++) await world.conversation({ at: `2026-03-0${day}T23:30:00Z` })
    await world.count()
    await world.admin(`update companies set timezone = 'Europe/Berlin' where id = $1`, [acme])
    const totals: number[] = []
    for (let more = true; more;) {
      ;({ more } = await world.counting.step(2))
      const { daily } = await seen(acme)
      totals.push(daily.reduce((sum, { conversations }) => sum + conversations, 0))
    }
    expect(totals.length).toBeGreaterThan(3)
    expect(new Set(totals)).toEqual(new Set([9]))
    expect((await seen(acme)).daily.map(({ date }) => date)).toEqual(
      [2, 3, 4, 5, 6, 7, 8, 9].map((day) => `2026-03-0${day}`).concat('2026-03-10'),
    )
    await expectExact()
  })

  it('is counted in UTC under a name that the database does not know', async () => {
    await world.conversation({ at: '2026-03-01T23:30:00Z' })
    await world.admin(`update companies set timezone = 'Mars/Olympus' where id = $1`, [acme])
    await world.count()
    expect((await seen(acme)).daily.map(({ date }) => date)).toEqual(['2026-03-01'])
    await world.admin(`update companies set timezone = 'UTC' where id = $1`, [acme])
    await world.count()
    await expectExact()
  })
})
