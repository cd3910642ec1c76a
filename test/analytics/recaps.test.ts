import { randomUUID } from 'node:crypto'
import { Client } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { createAnalyticsActivities } from '../../activities/analytics.js'
import { createRecapSchedules } from '../../src/temporal/recap-schedules.js'
import { acme, actors, borealis } from '../store/world.js'
import { eventually } from '../support/client.js'
import { type AnalyticsWorld, createAnalyticsWorld } from './world.js'

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] })

let world: AnalyticsWorld
let connection: NativeConnection
let client: Client
let worker: { stop: () => Promise<void> } | undefined
const taskQueue = `analytics-${randomUUID()}`
const prefix = `daily-recap-${randomUUID()}/`
const countingId = `analytics-counting-${randomUUID()}`

beforeAll(async () => {
  world = await createAnalyticsWorld()
  connection = await NativeConnection.connect({ address: inject('temporalAddress') })
  client = new Client({ connection })
})
afterAll(async () => {
  await client.workflow
    .getHandle(countingId)
    .terminate('the test is over')
    .catch(() => undefined)
  for (const tenantId of await schedules().known()) await schedules().remove(tenantId)
  await worker?.stop()
  await connection.close()
  await world.close()
})

const schedules = () => createRecapSchedules({ client, taskQueue, prefix })
const activities = () =>
  createAnalyticsActivities({ counting: world.counting, recaps: world.recaps, schedules: schedules() })

async function startWorker(): Promise<void> {
  const made = await Worker.create({
    connection,
    taskQueue,
    workflowBundle: { codePath: inject('workflowBundlePath') },
    activities: activities(),
    shutdownForceTime: '5s',
  })
  const done = made.run()
  worker = {
    async stop() {
      worker = undefined
      made.shutdown()
      await done
    },
  }
}

/** The day so many days ago, as UTC has it. */
const ago = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10)
const told = () =>
  world.admin<{ tenant: string; date: string }>(
    `select tenant_id as tenant, data->>'date' as date from event_logs where event = 'analytics.daily_recap.ready' order by id`,
  )
const written = (tenantId: string) =>
  world.admin<{ date: string }>(
    'select date::text as date from analytics_recaps where tenant_id = $1 order by analytics_recaps.date',
    [tenantId],
  )
const countedSince = (tenantId: string, days: number) =>
  world.admin(
    `insert into analytics_calendars (tenant_id, named, timezone, since) values ($1, 'UTC', 'UTC', $2::date)
     on conflict (tenant_id) do update set since = excluded.since`,
    [tenantId, ago(days)],
  )
const forget = () =>
  world.admin(`delete from analytics_recaps; delete from event_logs; delete from analytics_calendars;
    update companies set timezone = 'UTC', disabled_at = null`)

describe('a daily recap @integration', () => {
  it('adds up the day, with what the ML partner made of its calls', async () => {
    await forget()
    const date = '2026-03-10'
    await world.conversation()
    await world.conversation({ type: 2, status: 'failed', seconds: 60, startMs: 40 })
    await world.conversation({ at: '2026-03-11T00:00:01Z' })
    const busy = await world.call({ outcome: 'busy', seconds: 0 })
    const call = await world.call({ seconds: 90 })
    const other = await world.call({ tenant: borealis })
    await world.admin(`insert into transcripts (tenant_id, call_id, text) values ($1, $2, 'Hello'), ($3, $4, 'Hi')`, [
      acme,
      call,
      borealis,
      other,
    ])
    const analyse = (tenant: string, id: string, result: object, job = randomUUID()) =>
      world.admin(
        `insert into uwc_jobs (tenant_id, kind, job_id, status, subject_type, subject_id, result, reported_at)
         values ($1, 'analysis', $2, 'completed', 'call', $3, $4, now())`,
        [tenant, job, id, JSON.stringify(result)],
      )
    await analyse(acme, call, { sentiment: 0.5, topics: ['prices', 'prices', 'visit', 7] })
    await analyse(acme, busy, { sentiment: 'sour', topics: ['visit'] })
    await analyse(borealis, other, { sentiment: -1, topics: ['secret'] })
    expect(await world.recaps.write(acme, date)).toBe(true)
    expect(await world.recaps.find(actors.acmeLead, date)).toEqual({
      date,
      timezone: 'UTC',
      createdAt: expect.any(Date),
      recap: {
        conversations: {
          total: 2,
          ended: 2,
          minutes: 6,
          success_rate: 0.5,
          abandoned_share: 0,
          median_start_ms: 40,
          by_provider: { tavus: 1, elevenlabs: 1 },
        },
        calls: { total: 2, minutes: 1.5, by_outcome: { busy: 1, completed: 1 } },
        call_analysis: {
          transcribed: 1,
          analysed: 2,
          mean_sentiment: 0.5,
          topics: [
            { topic: 'visit', calls: 2 },
            { topic: 'prices', calls: 1 },
          ],
        },
      },
    })
    expect(await told()).toEqual([{ tenant: acme, date }])
    const [event] = await world.admin('select data, user_id, severity from event_logs')
    expect(event).toEqual({
      data: { date, timezone: 'UTC', conversations: 2, calls: 2 },
      user_id: null,
      severity: 'info',
    })
  })

  it('is written and told once, whoever tries at the same time or again', async () => {
    await forget()
    const tries = await Promise.all([1, 2, 3, 4].map(() => world.recaps.write(acme, '2026-03-10')))
    expect(tries.filter(Boolean)).toHaveLength(1)
    expect(await world.recaps.write(acme, '2026-03-10')).toBe(false)
    expect(await told()).toEqual([{ tenant: acme, date: '2026-03-10' }])
  })

  it('is due for each day that is over since the last one, and at most a month back', async () => {
    await forget()
    await countedSince(acme, 3)
    expect(await world.recaps.due(acme)).toEqual([ago(3), ago(2), ago(1)])
    await world.recaps.write(acme, ago(2))
    expect(await world.recaps.due(acme)).toEqual([ago(1)])
    await countedSince(borealis, 400)
    expect(await world.recaps.due(borealis)).toHaveLength(31)
    await world.admin('update companies set disabled_at = now() where id = $1', [borealis])
    expect(await world.recaps.due(borealis)).toEqual([])
  })

  it('is not due for a company that was made today, and begins with that day', async () => {
    await forget()
    expect(await world.recaps.due(acme)).toEqual([])
    const [calendar] = await world.admin<{ since: Date }>(
      'select since from analytics_calendars where tenant_id = $1',
      [acme],
    )
    expect(calendar?.since).toBeInstanceOf(Date)
  })
})

describe('the workflow of the daily recap @integration', () => {
  it('makes up for the days on which no worker was there, once each', async () => {
    await forget()
    await countedSince(acme, 2)
    const start = () =>
      client.workflow.start('dailyRecap', {
        taskQueue,
        workflowId: `${prefix}${acme}-${randomUUID()}`,
        args: [{ tenantId: acme }],
      })
    // As the schedule would on two mornings; nobody takes them.
    const waiting = [await start(), await start()]
    await startWorker()
    const results = (await Promise.all(waiting.map((handle) => handle.result()))) as { written: string[] }[]
    expect(results.flatMap((result) => result.written).sort()).toEqual([ago(2), ago(1)])
    expect(await (await start()).result()).toEqual({ written: [] })
    expect(await written(acme)).toEqual([{ date: ago(2) }, { date: ago(1) }])
    expect((await told()).map(({ date }) => date).sort()).toEqual([ago(2), ago(1)])
  })

  it('is scheduled for every company in its zone, for one that comes later, and for nobody who has left', async () => {
    await forget()
    if (!worker) await startWorker()
    await world.admin(`update companies set timezone = 'Asia/Tokyo' where id = $1`, [acme])
    const wake = () =>
      client.workflow.signalWithStart('analyticsCounting', {
        taskQueue,
        workflowId: countingId,
        args: [{ batchSize: 100, idleMs: 200, recapHour: 6 }],
        signal: 'count',
      })
    await wake()
    const zoneOf = async (tenantId: string) => {
      const found = await client.schedule
        .getHandle(`${prefix}${tenantId}`)
        .describe()
        .catch(() => undefined)
      return found && { zone: found.spec.timezone, hour: found.spec.calendars?.[0]?.hour?.[0]?.start }
    }
    const becomes = (tenantId: string, wanted: object | undefined) =>
      eventually(
        () => zoneOf(tenantId),
        (found) => JSON.stringify(found) === JSON.stringify(wanted),
        60_000,
      )
    await becomes(acme, { zone: 'Asia/Tokyo', hour: 6 })
    await becomes(borealis, { zone: 'UTC', hour: 6 })
    const later = randomUUID()
    await world.admin(`insert into companies (id, name, timezone) values ($1, 'Later', 'America/Lima')`, [later])
    await becomes(later, { zone: 'America/Lima', hour: 6 })
    await world.admin(`update companies set timezone = 'Asia/Seoul' where id = $1`, [later])
    await becomes(later, { zone: 'Asia/Seoul', hour: 6 })
    await client.schedule.getHandle(`${prefix}${later}`).delete()
    await becomes(later, { zone: 'Asia/Seoul', hour: 6 })
    await world.admin('update companies set disabled_at = now() where id = $1', [later])
    await becomes(later, undefined)
    // It counts, too.
    await world.conversation()
    await eventually(
      () => world.admin('select from analytics_session_changes'),
      (rows) => rows.length === 0,
      60_000,
    )
    expect((await world.admin(`select from analytics_sessions where grain = 'day'`)).length).toBeGreaterThan(0)
  }, 180_000)

  it('is started by its schedule', async () => {
    await world.admin('delete from analytics_recaps; delete from event_logs')
    await countedSince(borealis, 1)
    await eventually(
      async () => (await schedules().known()).has(borealis),
      (known) => known,
      60_000,
    )
    await client.schedule.getHandle(`${prefix}${borealis}`).trigger()
    await eventually(
      () => written(borealis),
      (rows) => rows.length === 1,
      60_000,
    )
    expect(await told()).toEqual([{ tenant: borealis, date: ago(1) }])
  }, 120_000)
})
