import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Lab, startLab } from '../../src/dev/lab.js'
import { createProgress } from '../../src/dev/progress.js'
import { createSupervisor } from '../../src/dev/supervisor.js'
import { type Answer, call, configureSimulator, eventually, login, truthOf } from '../support/client.js'
import { freezePostgres, holdDown, killProgram } from '../support/outages.js'

// A PostgreSQL of its own: the run's is not to be stopped under the others.
const supervisor = createSupervisor()
const logLines: string[] = []
let dataDir: string
let lab: Lab
let pool: pg.Pool
let token: string

const settings = {
  SESSION_RECONCILE_SECONDS: '1',
  SESSION_START_TIMEOUT_SECONDS: '4',
  SESSION_ARTIFACT_WAIT_SECONDS: '30',
  SESSION_TRACK_WAIT_MS: '500',
  TAVUS_REQUEST_TIMEOUT_SECONDS: '2',
  RATE_LIMIT_ANONYMOUS: '100000/minute',
  LOGIN_RATE_LIMIT: '1000/minute',
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'parley-outage-'))
  await chmod(dataDir, 0o755) // PostgreSQL may run as another user, who passes through here
  const progress = createProgress(() => undefined)
  const onLine = (line: string) => logLines.push(line)
  lab = await startLab({ dataDir, supervisor, progress, split: false, temporalOnDisk: true, env: settings, onLine })
  pool = new pg.Pool({ connectionString: lab.adminUrl, max: 2 })
  pool.on('error', () => undefined)
  await configureSimulator(lab.simulatorUrl, { join_delay_ms: [100, 200], transcript_delay_ms: 100 })
  token = await login(lab.apiUrl)
})
afterAll(async () => {
  await pool?.end()
  await supervisor.stopAll()
  await rm(dataDir, { recursive: true, force: true })
})

const start = (more: Parameters<typeof call>[1] = {}) => call(`${lab.apiUrl}/tavus/start`, { token, body: {}, ...more })
const end = (id: string) => call(`${lab.apiUrl}/tavus/end/${id}`, { token })
const rowOf = async (id: string) =>
  (await pool.query('select * from conversations_users where external_conversation_id = $1', [id])).rows[0]
const perception = 'application.perception_analysis'
const receiptsOf = async (id: string) =>
  (
    await pool.query<{ status: string; source: string }>(
      'select status, source from webhook_receipts where delivery_key like $1',
      [`tavus/${perception}/%:${id}:%`],
    )
  ).rows

/** An ordinary answer of a caller who tries again while there is none. */
const untilAnswered = (ask: () => Promise<Answer>, limitMs = 30_000) =>
  eventually(
    () => ask().catch((error: unknown) => ({ status: 0, headers: new Headers(), body: String(error) })),
    ({ status }) => status === 200,
    limitMs,
  )

/** A callback of the provider, and what it was answered. */
async function callback(id: string): Promise<{ status: number; attempts: number }> {
  await call(`${lab.simulatorUrl}/__sim/conversations/${id}/events`, { body: { event_type: perception } })
  const { deliveries } = await eventually(
    () => truthOf(lab.simulatorUrl, id),
    (truth) => truth.deliveries.some((delivery: { event_type: string }) => delivery.event_type === perception),
  )
  return deliveries.find((delivery: { event_type: string }) => delivery.event_type === perception)
}

const untilJoined = (id: string) =>
  eventually(
    () => rowOf(id),
    (row) => row?.joined_at,
  )

/** The provider ended it once, and the row says of it what the provider knows. */
async function expectEnded(id: string): Promise<void> {
  const truth = await eventually(
    () => truthOf(lab.simulatorUrl, id),
    (known) => known.status === 'ended',
  )
  const shutdowns = () =>
    truthOf(lab.simulatorUrl, id).then(({ events }) =>
      events.filter(({ event_type }: { event_type: string }) => event_type === 'system.shutdown'),
    )
  expect(await eventually(shutdowns, (events) => events.length > 0), 'ended once').toHaveLength(1)
  const row = await eventually(
    () => rowOf(id),
    (known) => known?.transcript,
    40_000,
  )
  expect(row).toMatchObject({ status: 'completed', end_reason: 'user', duration_seconds: expect.any(Number) })
  expect(Math.abs(row.duration_seconds - truth.duration_seconds)).toBeLessThanOrEqual(1)
}

const untilProcessed = (id: string) =>
  eventually(
    () => receiptsOf(id),
    (receipts) => receipts.length === 1 && receipts[0]?.status === 'processed',
    40_000,
  )

describe('with a PostgreSQL that hangs', { timeout: 120_000 }, () => {
  it('a call starts and a callback is kept; both are in the database once it is back, and the call can be ended', async () => {
    const thaw = freezePostgres(supervisor)
    let started: Answer, told: { status: number; attempts: number }
    try {
      started = await start({ signal: AbortSignal.timeout(20_000) })
      expect(started).toMatchObject({ status: 200, body: { status: 'active', debug: { db_tracking: 'pending' } } })
      told = await callback(started.body.conversation_id)
    } finally {
      thaw()
    }
    expect(told).toMatchObject({ status: 202, attempts: 1 })
    const id = started.body.conversation_id
    const row = await eventually(
      () => rowOf(id),
      (known) => known !== undefined,
      40_000,
    )
    expect(row).toMatchObject({ session_id: started.body.session_id, status: 'active', ended_at: null })
    await untilProcessed(id)
    expect((await untilAnswered(() => end(id))).body).toMatchObject({ conversation_id: id, status: 'completed' })
    await expectEnded(id)
  })

  it('a call is ended at the provider all the same, and its row follows', async () => {
    const { conversation_id: id } = (await start()).body
    await untilJoined(id)
    const thaw = freezePostgres(supervisor)
    try {
      const ended = await call(`${lab.apiUrl}/tavus/end/${id}`, { token, signal: AbortSignal.timeout(20_000) })
      expect(ended).toMatchObject({ status: 200, body: { conversation_id: id, status: 'completed' } })
      expect(await truthOf(lab.simulatorUrl, id)).toMatchObject({ status: 'ended' })
    } finally {
      thaw()
    }
    await expectEnded(id)
  })
})

describe('when the application is killed', { timeout: 120_000 }, () => {
  it('between start and end, it comes back and ends the call', async () => {
    const { conversation_id: id } = (await start()).body
    await untilJoined(id)
    killProgram(supervisor, 'application')
    const ended = await untilAnswered(() => end(id), 60_000)
    expect(ended.body).toMatchObject({ conversation_id: id, status: 'completed', end_reason: 'user' })
    await expectEnded(id)
  })
})

describe('when Temporal is killed', { timeout: 180_000 }, () => {
  it('a start is refused in time, a callback is kept, and the call of before is ended once Temporal is back', async () => {
    const { conversation_id: id } = (await start()).body
    await untilJoined(id)
    const before = (await call(`${lab.simulatorUrl}/__sim/conversations?summary=true`, { method: 'GET' })).body
    const release = holdDown(supervisor, 'temporal')
    try {
      const began = Date.now()
      const [refused, told] = await Promise.all([start({ signal: AbortSignal.timeout(30_000) }), callback(id)])
      expect(refused).toMatchObject({ status: 503, body: { code: 'engine_unavailable' } })
      // Found by its pings, long before the start's own time is over.
      expect(Date.now() - began).toBeLessThan(15_000)
      expect(told).toMatchObject({ status: 202, attempts: 1 })
      expect(await receiptsOf(id)).toMatchObject([{ status: 'received' }])
    } finally {
      await release()
    }
    const ended = await untilAnswered(() => end(id), 60_000)
    expect(ended.body).toMatchObject({ conversation_id: id, status: 'completed', end_reason: 'user' })
    await expectEnded(id)
    await untilProcessed(id)
    const after = (await call(`${lab.simulatorUrl}/__sim/conversations?summary=true`, { method: 'GET' })).body
    expect(after.conversations, 'a refused start created nothing').toHaveLength(before.conversations.length)
  })

  it('while it is away, an end is carried out at the provider, and the session closes when it is back', async () => {
    const { conversation_id: id } = (await untilAnswered(() => start())).body
    await untilJoined(id)
    const release = holdDown(supervisor, 'temporal')
    try {
      const ended = await call(`${lab.apiUrl}/tavus/end/${id}`, { token, signal: AbortSignal.timeout(40_000) })
      expect(ended).toMatchObject({ status: 200, body: { conversation_id: id, status: 'completed' } })
      expect(await truthOf(lab.simulatorUrl, id)).toMatchObject({ status: 'ended' })
    } finally {
      await release()
    }
    await expectEnded(id)
  })
})
