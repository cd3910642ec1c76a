import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPurgeSchedule } from '../../src/temporal/purge-schedule.js'
import { seedUsers } from '../../src/dev/seed.js'
import { acme } from '../store/world.js'
import { eventually, startEngine, type TestEngine } from './harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await startEngine()
})
afterAll(() => engine.close())
beforeEach(() => engine.admin('delete from webhook_receipts'))

/** Receipts of one status, so many days old. */
const insert = (status: string, days: number, count = 1) =>
  engine.admin(
    `insert into webhook_receipts (delivery_key, provider, kind, external_id, tenant_id, status, payload, received_at)
     select 'tavus/' || gen_random_uuid(), 'tavus', 'x', $1, $2, $3, '{}', now() - $4 * interval '1 day'
     from generate_series(1, $5)`,
    [`${status}-${days}`, acme, status, days, count],
  )
const left = async () => (await engine.receipts()).map(({ external_id }) => external_id as string).sort()
const input = { receiptTtlDays: 90, batchSize: 10 }
const run = async (changes: Partial<typeof input> = {}) => {
  const workflowId = `purge-${randomUUID()}`
  const { taskQueue } = engine
  const handle = await engine.client.workflow.start('webhookPurge', {
    workflowId,
    taskQueue,
    args: [{ ...input, ...changes }],
  })
  return { result: (await handle.result()) as unknown, history: await handle.fetchHistory() }
}
const purged = async () =>
  Number(/^webhook_idempotency_purged_total (\d+)$/m.exec(await engine.metrics.exposition())?.[1])

describe('the purge @integration', () => {
  it('deletes what is settled and old, in bounded batches, and never what is still to be taken', async () => {
    await insert('processed', 91, 23)
    for (const status of ['failed', 'unmatched', 'received', 'waiting']) await insert(status, 91)
    for (const status of ['processed', 'failed']) await insert(status, 89)
    const before = await purged()
    const { result, history } = await run()
    expect(result).toMatchObject({ receipts: 25 })
    expect(await left()).toEqual(['failed-89', 'processed-89', 'received-91', 'waiting-91'])
    expect((await purged()) - before).toBe(25)
    const batches = history.events?.filter(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'purgeReceipts',
    )
    expect(batches).toHaveLength(3)
    expect(engine.lines.filter(({ event }) => event === 'webhook:purged').at(-1)).toMatchObject({
      level: 'info',
      receipts: 25,
      message: 'old receipts deleted',
    })
  })

  it('deletes tickets that nobody used and answers that are no longer given again, and no others', async () => {
    await engine.admin(
      `insert into ws_tickets (tenant_id, user_id, role, ticket_hash, expires_at)
       select $1, 'u' || n, 'rep', sha256(n::text::bytea), now() - interval '1 minute' * n from generate_series(-1, 25) n where n <> 0`,
      [acme],
    )
    await engine.admin(
      `insert into kept_answers (tenant_id, user_id, request_key, digest, created_at)
       select $1, 'u', 'k' || n, sha256(n::text::bytea), now() - interval '1 hour' * n from generate_series(22, 50) n`,
      [acme],
    )
    await run()
    expect(await engine.admin('select user_id from ws_tickets')).toEqual([{ user_id: 'u-1' }])
    expect(await engine.admin('select request_key from kept_answers order by 1')).toEqual([
      { request_key: 'k22' },
      { request_key: 'k23' },
    ])
  })

  it('deletes LiveKit’s events of rooms that were nobody’s call with them, and keeps those of calls', async () => {
    const [call] = await engine.admin<{ id: string }>(
      `insert into call_logs (company_id, provider, external_id, status) values ($1, 'livekit', 'kept', 'ended') returning id`,
      [acme],
    )
    const events = (name: string, days: number, count: number, callId: string | null) =>
      engine.admin(
        `insert into livekit_call_events ("eventId", event, room_name, "createdAt", received_at, processed, call_id, tenant_id)
         select 'EV' || gen_random_uuid(), 'room_started', $1, now(), now() - $2 * interval '1 day', $4::uuid is not null, $4,
           case when $4::uuid is not null then $5::uuid end from generate_series(1, $3)`,
        [name, days, count, callId, acme],
      )
    await events('nobody', 91, 25, null)
    await events('recent', 89, 1, null)
    await events('called', 91, 1, call?.id ?? null)
    await insert('processed', 91)
    expect((await run()).result).toMatchObject({ receipts: 1 })
    const rooms = await engine.admin('select room_name from livekit_call_events order by room_name')
    expect(rooms.map(({ room_name }) => room_name as string)).toEqual(['called', 'recent'])
  })

  it('keeps them as long as IDEMPOTENCY_TTL_DAYS says', async () => {
    for (const days of [2, 4]) await insert('processed', days)
    expect((await run({ receiptTtlDays: 3 })).result).toMatchObject({ receipts: 1 })
    expect(await left()).toEqual(['processed-2'])
  })

  it('leaves one that another transaction holds to the next time', async () => {
    await insert('failed', 91, 2)
    await engine.admin('begin')
    await engine.admin(
      `select from webhook_receipts where id = (select min(id::text)::uuid from webhook_receipts) for update`,
    )
    expect((await run()).result).toMatchObject({ receipts: 1 })
    await engine.admin('commit')
    expect((await run()).result).toMatchObject({ receipts: 1 })
  })

  it('forgets expired refresh tokens too', async () => {
    const { id: userId, companyId: tenantId } = seedUsers.acmeRep
    const issue = (ms: number) => engine.tokens.issue({ tenantId, userId, expiresAt: new Date(Date.now() + ms) })
    for (let n = 0; n < 12; n++) await issue(-1000)
    const { token } = await issue(60_000)
    expect((await run()).result).toEqual({ receipts: 0, refreshTokens: 12 })
    expect(await engine.tokens.rotate(token)).toMatchObject({ state: 'rotated' })
  })
})

describe('the schedule of the purge @integration', () => {
  const scheduleId = `webhook-purge-${randomUUID()}`
  const scheduled = (receiptTtlDays: number) =>
    createPurgeSchedule({
      client: engine.client,
      taskQueue: engine.taskQueue,
      purge: { receiptTtlDays, batchSize: 10 },
      scheduleId,
    })
  afterAll(() =>
    engine.client.schedule
      .getHandle(scheduleId)
      .delete()
      .catch(() => undefined),
  )

  it('is made once, at 02:00 UTC, catches a day up and never runs twice at once', async () => {
    await Promise.all([scheduled(90).ensure(), scheduled(90).ensure()])
    const { spec, policies, info } = await engine.client.schedule.getHandle(scheduleId).describe()
    expect(policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 86_400_000 })
    expect(spec.timezone).toBe('UTC')
    const now = new Date()
    const today = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate(), 2)
    const next = today > now.getTime() ? today : today + 86_400_000
    expect(info.nextActionTimes.slice(0, 2).map((at) => at.getTime())).toEqual([next, next + 86_400_000])
  })

  it('takes new settings, and stays paused when somebody paused it', async () => {
    const handle = engine.client.schedule.getHandle(scheduleId)
    await handle.pause('for a while')
    await scheduled(30).ensure()
    const { action, state } = await handle.describe()
    expect(action).toMatchObject({ args: [{ receiptTtlDays: 30, batchSize: 10 }] })
    expect(state).toMatchObject({ paused: true, note: 'for a while' })
    await handle.unpause()
  })

  it('deletes when it is triggered', async () => {
    await insert('processed', 31, 3)
    await insert('processed', 29)
    await engine.client.schedule.getHandle(scheduleId).trigger()
    await eventually(async () => (await engine.receipts()).length === 1)
    expect(await left()).toEqual(['processed-29'])
  })
})
