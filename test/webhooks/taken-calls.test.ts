import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { acme, holdTransaction } from '../store/world.js'
import { eventually, startEngine, type TestEngine } from './harness.js'
import { connectPhones, phoneEnv, postTwilio } from './phone.js'

// No worker and no workflow: what is not processed in the commit of its receipt is not processed.
let engine: TestEngine
beforeAll(async () => {
  engine = await startEngine({
    worker: false,
    env: { ...phoneEnv, WEBHOOK_MAX_INFLIGHT: '0', WEBHOOK_ACK_MS: '20000' },
  })
  await connectPhones(engine)
})
afterAll(() => engine.close())

const ended = (CallSid: string) => ({
  CallSid,
  AccountSid: 'AC-acme',
  Direction: 'inbound',
  From: '+15550100',
  To: '+15550101',
  CallStatus: 'completed',
  CallDuration: '61',
  SequenceNumber: '2',
})
const send = (callSid: string) => postTwilio(engine, '/webhooks/twilio/call', ended(callSid))
const blocked = async () =>
  (
    await engine.admin(
      `select from pg_stat_activity where wait_event_type = 'Lock' and query like '%insert into call_logs%'`,
    )
  ).length > 0

describe('a call that another transaction makes at the same time @integration @idempotency', () => {
  it('is found once it is there, and the event goes into that row, once', async () => {
    const callSid = `CA${randomUUID().replaceAll('-', '')}`
    const release = await holdTransaction(engine.database, (trx) =>
      trx.raw(
        `insert into call_logs (company_id, provider, external_id, status, metadata) values (?, 'twilio', ?, 'queued', '{}')`,
        [acme, callSid],
      ),
    )
    const answer = send(callSid)
    await eventually(blocked)
    await release()
    expect(await answer).toMatchObject({ said: 'processed' })
    expect(
      await engine.admin('select status, duration_seconds from call_logs where external_id = $1', [callSid]),
    ).toEqual([{ status: 'ended', duration_seconds: 61 }])
    expect(
      (
        await engine.admin<{ event: string }>(
          `select event from event_logs where data->>'external_id' = $1 order by id`,
          [callSid],
        )
      ).map(({ event }) => event),
    ).toEqual([
      'telephony.call.received',
      'telephony.call.status',
      'telephony.call.completed',
      'system.webhook.processed',
    ])
    expect(await engine.receipts(`external_id = '${callSid}'`)).toMatchObject([{ status: 'processed', tries: 0 }])
  })

  it('leaves nothing of it when that other one is undone', async () => {
    const callSid = `CA${randomUUID().replaceAll('-', '')}`
    const hold = await holdTransaction(engine.database, async (trx) => {
      await trx.raw(
        `insert into call_logs (company_id, provider, external_id, status, metadata) values (?, 'twilio', ?, 'queued', '{}')`,
        [acme, callSid],
      )
    })
    const answer = send(callSid)
    await eventually(blocked)
    await engine.admin(
      `select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction' and query like 'insert into call_logs%'`,
    )
    await hold().catch(() => undefined)
    expect(await answer).toMatchObject({ said: 'processed' })
    expect(await engine.admin('select status from call_logs where external_id = $1', [callSid])).toEqual([
      { status: 'ended' },
    ])
  })

  it('names the lead with its number, the newest of its own company', async () => {
    await engine.admin(
      `insert into leads (tenant_id, name, phone, created_at) values ($1, 'Old', '+15550100', now() - interval '1 day'), ($1, 'New', '+15550100', now())`,
      [acme],
    )
    const callSid = `CA${randomUUID().replaceAll('-', '')}`
    expect(await send(callSid)).toMatchObject({ said: 'processed' })
    const [row] = await engine.admin<{ name: string; lead_id: string }>(
      'select l.name, c.lead_id from call_logs c join leads l on l.id::text = c.lead_id::text where c.external_id = $1',
      [callSid],
    )
    expect(row?.name).toBe('New')
    const told = await engine.admin<{ lead_id: string }>(
      `select distinct lead_id::text from event_logs where data->>'external_id' = $1`,
      [callSid],
    )
    expect(told).toEqual([{ lead_id: row?.lead_id }])
  })
})
