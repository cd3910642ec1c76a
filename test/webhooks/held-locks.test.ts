import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createReceiptCipher } from '../../src/store/receipt-cipher.js'
import { isTransient } from '../../src/store/receipt-errors.js'
import { createWebhookReceipts } from '../../src/store/webhook-receipts.js'
import { acme, holdTransaction } from '../store/world.js'
import { startEngine, type TestEngine } from './harness.js'
import { connectPhones, phoneEnv } from './phone.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await startEngine({ worker: false, env: phoneEnv })
  await connectPhones(engine)
})
afterAll(() => engine.close())
beforeEach(() => engine.admin('delete from webhook_receipts'))

/** Receipts of calls that nobody has taken yet. */
async function leave(...callSids: string[]): Promise<void> {
  const twilio = engine.engine.registry.all.find(({ name }) => name === 'twilio')
  const url = new URL('http://localhost/webhooks/twilio/call')
  const receipts = createWebhookReceipts({ database: engine.database, cipher: createReceiptCipher([]) })
  const arrivals = callSids.flatMap((CallSid) => {
    const fields = {
      CallSid,
      AccountSid: 'AC-acme',
      Direction: 'inbound',
      CallStatus: 'completed',
      SequenceNumber: '2',
    }
    const delivery = twilio?.parse(Buffer.from(new URLSearchParams(fields).toString()), {}, url, {})
    return delivery ? [{ delivery, drain: true, source: 'delivery' as const, count: 1 }] : []
  })
  await receipts.insert(arrivals)
}
const states = async () =>
  (await engine.receipts()).map(({ external_id, status, tries, error }) => [external_id, status, tries, error])

describe('a row that somebody else holds @integration', () => {
  it('puts its own receipt off, costs it no try, and stops no other of the batch', async () => {
    await engine.admin(
      `insert into call_logs (company_id, provider, external_id, status) values ($1, 'twilio', 'CAheld', 'queued')`,
      [acme],
    )
    await engine.admin(`create table limits (lock_timeout text); grant insert on limits to public`)
    await engine.admin(`create function note_limit() returns trigger language plpgsql as $$
      begin insert into limits values (current_setting('lock_timeout')); return new; end $$`)
    await engine.admin(`create trigger note_limit after insert on call_logs for each row execute function note_limit()`)
    await leave('CAfree1', 'CAheld', 'CAfree2')
    const release = await holdTransaction(engine.database, (trx) =>
      trx.raw(`select 1 from call_logs where external_id = 'CAheld' for update`),
    )
    await engine.engine.activityDeps.drain.batch(256)
    expect((await states()).sort()).toEqual([
      ['CAfree1', 'processed', 0, null],
      ['CAfree2', 'processed', 0, null],
      ['CAheld', 'received', 0, null],
    ])
    expect(
      (await engine.admin('select distinct lock_timeout from limits')).map((row) => row.lock_timeout as string),
    ).toEqual(['2s'])
    await release()
    await engine.admin('update webhook_receipts set next_attempt_at = now()')
    await engine.engine.activityDeps.drain.batch(256)
    expect((await engine.receipts(`external_id = 'CAheld'`))[0]).toMatchObject({ status: 'processed', tries: 0 })
  }, 60_000)

  it.each(['57014', '55P03'])('is no fault of ours: %s', async (code) => {
    expect(isTransient(Object.assign(new Error('canceled'), { code }))).toBe(true)
    await engine.admin(`create or replace function cancelled() returns trigger language plpgsql as $$
      begin raise exception 'canceling statement' using errcode = '${code}'; end $$`)
    await engine.admin(`create trigger cancelled before insert on call_logs for each row execute function cancelled()`)
    await leave(`CA${code}`)
    for (let n = 0; n < 6; n++) {
      await engine.admin('update webhook_receipts set next_attempt_at = now()')
      await engine.engine.activityDeps.drain.batch(256)
    }
    expect(await states()).toEqual([[`CA${code}`, 'received', 0, null]])
    await engine.admin('drop trigger cancelled on call_logs')
  })
})
