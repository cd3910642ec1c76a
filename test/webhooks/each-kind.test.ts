import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEngine, type TestEngine } from './harness.js'
import { kinds } from './kinds.js'
import { openLedger } from './ledger.js'
import { connectPhones } from './phone.js'
import { deliver, forgeries, sendWire, wireEnv } from './wire.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await startEngine({ env: wireEnv })
  await connectPhones(engine)
})
afterAll(() => engine.close())

const good = [200, 204]

describe.each(kinds)('@integration @idempotency a webhook of $name', (kind) => {
  it('has its effect before it is answered; sent again, it is ignored and counted', async () => {
    const told = await kind.make(engine)
    const ledger = await openLedger(engine)
    const first = await deliver(engine, told.message)
    expect(first.said, first.text).toBe('processed')
    expect(good).toContain(first.status)
    const row = await told.row()
    expect(row).toMatchObject(told.expected)
    expect(await ledger.log()).toEqual(told.log)
    const [before] = await ledger.receipts()
    expect(before).toMatchObject({ status: 'processed', attempts: 1, tries: 0, error: null })

    const second = await deliver(engine, told.message)
    expect(second).toMatchObject({ status: first.status, said: 'duplicate_ignored' })
    const [after, ...others] = await ledger.receipts()
    expect(others).toEqual([])
    expect(after).toMatchObject({ id: before?.id, status: 'processed', attempts: 2 })
    expect(after?.last_seen_at.getTime()).toBeGreaterThan(before?.last_seen_at.getTime() ?? Infinity)
    expect(after?.first_processed_at).toEqual(before?.first_processed_at)
    expect(await told.row()).toEqual(row)
    expect(await ledger.log()).toEqual(told.log)
  })

  it('has it once when fifty come at the same instant', async () => {
    const told = await kind.make(engine)
    const ledger = await openLedger(engine)
    const answers = await Promise.all(Array.from({ length: 50 }, () => deliver(engine, told.message)))
    const ignored = Array.from({ length: 49 }, () => 'duplicate_ignored')
    expect(answers.map(({ said }) => said).sort()).toEqual([...ignored, 'processed'])
    expect(await ledger.receipts()).toMatchObject([{ status: 'processed', attempts: 50 }])
    expect(await told.row()).toMatchObject(told.expected)
    expect(await ledger.log()).toEqual(told.log)
  })

  it('does not swallow another status or type of the same id', async () => {
    const told = await kind.make(engine)
    const ledger = await openLedger(engine)
    for (const message of [told.message, told.other])
      expect([message.target, (await deliver(engine, message)).said]).toEqual([message.target, 'processed'])
    const receipts = await ledger.receipts()
    expect(receipts).toMatchObject([
      { status: 'processed', attempts: 1 },
      { status: 'processed', attempts: 1 },
    ])
    const processed = (await ledger.entries()).filter(({ event }) => event === 'system.webhook.processed')
    expect(processed.map(({ data }) => data.receipt_id).sort()).toEqual(receipts.map(({ id }) => id).sort())
  })

  it('is refused for anything that is not its signature, and leaves nothing', async () => {
    const told = await kind.make(engine)
    const ledger = await openLedger(engine)
    const row = await told.row()
    for (const [what, wire] of await forgeries(told.message)) {
      const { status, text } = await sendWire(engine, wire)
      expect([what, status, text]).toEqual([what, 401, expect.stringContaining('webhook_not_authentic')])
    }
    expect(await ledger.receipts()).toEqual([])
    expect(await ledger.log()).toEqual([])
    expect(await told.row()).toEqual(row)
  })
})
