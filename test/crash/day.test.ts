import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Lab, labPassword, startLab } from '../../src/dev/lab.js'
import { createProgress } from '../../src/dev/progress.js'
import { presentReport } from '../../src/dev/simulate/report.js'
import { runDay } from '../../src/dev/simulate/run.js'
import { hurry } from '../../src/dev/simulate/simulator-settings.js'
import { createSupervisor } from '../../src/dev/supervisor.js'
import { call, configureSimulator, eventually, login } from '../support/client.js'
import { freezeProgram, holdDown, killProgram, restartPostgres } from '../support/outages.js'

// A PostgreSQL of its own: the run's is not to be stopped under the others.
const supervisor = createSupervisor()
let dataDir: string
let lab: Lab
let pool: pg.Pool

const settings = {
  SESSION_RECONCILE_SECONDS: '2',
  SESSION_ARTIFACT_WAIT_SECONDS: '20',
  SESSION_MAX_GRACE_SECONDS: '3',
  TAVUS_REQUEST_TIMEOUT_SECONDS: '3',
  WEBHOOK_MATCH_MINUTES: '0.3',
  // Wide enough to kill it in between.
  WEBHOOK_ACK_MS: '3000',
  RATE_LIMIT_ANONYMOUS: '1000000/minute',
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'parley-day-'))
  await chmod(dataDir, 0o755) // PostgreSQL may run as another user, who passes through here
  const progress = createProgress(() => undefined)
  lab = await startLab({ dataDir, supervisor, progress, split: true, temporalOnDisk: true, seed: 5, env: settings })
  pool = new pg.Pool({ connectionString: lab.adminUrl, max: 2 })
  pool.on('error', () => undefined)
  await hurry(lab.simulatorUrl)
  // Who is refused with 401 goes on to the end of its ladder, which is 28 hours long.
  await configureSimulator(lab.simulatorUrl, { webhook_retry_scale: 0.0001 })
})
afterAll(async () => {
  await pool?.end()
  await supervisor.stopAll()
  await rm(dataDir, { recursive: true, force: true })
})

/** Everything that may break does, while the webhooks of the day come in. */
async function breakThings(): Promise<void> {
  await sleep(2000)
  killProgram(supervisor, 'api')
  await sleep(1500)
  const release = holdDown(supervisor, 'temporal')
  await sleep(3000)
  await release()
  restartPostgres(supervisor)
  await sleep(2500)
  killProgram(supervisor, 'api')
}

describe('@idempotency a day of every provider’s webhooks', { timeout: 180_000 }, () => {
  it('has every event that was sent taken exactly once, through kills and outages', async () => {
    const report = await runDay({
      place: { ...lab, password: labPassword, alone: true },
      sessions: 6,
      calls: 20,
      seed: 5,
      dayMs: 10_000,
      duplicates: 0.2,
      reorder: 0.2,
      forged: 0.1,
      meanwhile: breakThings,
      onProgress: () => undefined,
      onSettling: () => undefined,
    })
    const table = presentReport(report)
    const { providers } = report.comparison
    const sum = (of: (row: (typeof providers)[number]) => number) =>
      providers.reduce((total, row) => total + of(row), 0)
    const bad = { missing: sum((row) => row.fates.missing), doubled: sum((row) => row.fates.doubled) }
    expect({ ...bad, forged: sum((row) => row.forgedTaken) }, table).toEqual({ missing: 0, doubled: 0, forged: 0 })
    expect(
      report.effects.flatMap(({ wrong }) => wrong),
      table,
    ).toEqual([])
    expect(
      report.sessions.filter(({ broken }) => broken > 0),
      table,
    ).toEqual([])
    expect(report.failures, table).toEqual([])
    // A day on which nothing happened would hold as well.
    expect(providers.map(({ provider }) => provider).sort()).toEqual([
      'bland',
      'callrail',
      'clerk',
      'elevenlabs',
      'livekit',
      'tavus',
      'twilio',
      'uwc',
    ])
    expect(
      sum((row) => row.fates.processed),
      table,
    ).toBeGreaterThan(60)
    expect(
      sum((row) => row.duplicates),
      table,
    ).toBeGreaterThan(0)
  })
})

interface KeptReceipt {
  id: string
  status: string
  drain: boolean
  attempts: number
}

describe('@idempotency an API that is killed between receipt and workflow', { timeout: 120_000 }, () => {
  const since = new Date()
  const kept = async (provider: string, kind: string) =>
    (
      await pool.query<KeptReceipt>(
        'select id, status, drain, attempts from webhook_receipts where provider = $1 and kind = $2 and received_at > $3',
        [provider, kind, since],
      )
    ).rows
  const both = async () => [
    ...(await kept('tavus', 'application.perception_analysis')),
    ...(await kept('callrail', 'call-complete')),
  ]
  const send = (path: string, body: object) => call(`${lab.simulatorUrl}/__sim/${path}`, { body })

  it('has taken each event exactly once when it is back', async () => {
    const token = await login(lab.apiUrl)
    const { conversation_id: id } = (await call(`${lab.apiUrl}/tavus/start`, { token, body: {} })).body
    since.setTime(Date.now())
    // The engine takes no start, and no row of a call can be written: there is nothing but the receipts.
    const client = await pool.connect()
    await client.query('begin')
    await client.query('lock table call_logs in share row exclusive mode')
    try {
      freezeProgram(supervisor, 'temporal')
      await send(`conversations/${id}/events`, { event_type: 'application.perception_analysis' })
      await send('webhooks/callrail', { direction: 'outbound', modified: 0, span_ms: 0 })
      await eventually(both, (receipts) => receipts.length === 2)
      killProgram(supervisor, 'api')
      // What was on its way to the engine is lost with it.
      killProgram(supervisor, 'temporal')
      const there = { status: 'received', drain: false, attempts: 1 }
      expect(await both()).toMatchObject([there, there])
    } finally {
      await client.query('rollback')
      client.release()
    }
    const ids = (await both()).map((receipt) => receipt.id)
    // As if it had been a while ago: younger ones may have a workflow that is about to take them.
    await pool.query(
      `update webhook_receipts set received_at = received_at - interval '20 seconds' where id = any($1)`,
      [ids],
    )
    const statuses = async () =>
      (await pool.query<KeptReceipt>('select status from webhook_receipts where id = any($1)', [ids])).rows
    await eventually(statuses, (receipts) => receipts.every(({ status }) => status === 'processed'), 60_000)
    const { rows } = await pool.query<{ event: string; count: number }>(
      `select event, count(*)::int from event_logs
       where data->>'receipt_id' = any($1) or (event = 'telephony.call.completed' and ts > $2) group by event order by event`,
      [ids, since],
    )
    expect(rows).toEqual([
      { event: 'system.webhook.processed', count: 2 },
      { event: 'telephony.call.completed', count: 1 },
    ])
  })
})
