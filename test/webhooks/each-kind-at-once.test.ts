import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, startEngine, type TestEngine } from './harness.js'
import { kinds } from './kinds.js'
import { openLedger } from './ledger.js'
import { connectPhones } from './phone.js'
import { deliver, wireEnv } from './wire.js'

// No event gets a workflow of its own: it is processed in the commit of its receipt, or by the drain.
let engine: TestEngine
beforeAll(async () => {
  engine = await startEngine({ env: { ...wireEnv, WEBHOOK_MAX_INFLIGHT: '0' } })
  await connectPhones(engine)
})
afterAll(() => engine.close())

describe.each(kinds)('@integration @idempotency a webhook of $name without a workflow', (kind) => {
  it('has its effect once when fifty come at the same instant, and again', async () => {
    const told = await kind.make(engine)
    const ledger = await openLedger(engine)
    const answers = await Promise.all(Array.from({ length: 50 }, () => deliver(engine, told.message)))
    const ignored = Array.from({ length: 49 }, () => 'duplicate_ignored')
    const taken = kind.ofSession ? 'accepted' : 'processed'
    expect(answers.map(({ said }) => said).sort()).toEqual([...ignored, taken].sort())
    await eventually(async () => (await ledger.receipts()).every(({ status }) => status === 'processed'))
    expect((await deliver(engine, told.message)).said).toBe('duplicate_ignored')
    expect(await ledger.receipts()).toMatchObject([{ status: 'processed', attempts: 51, tries: 0, drain: true }])
    expect(await told.row()).toMatchObject(told.expected)
    expect(await ledger.log()).toEqual(told.log)
  })
})
