import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEngine, type TestEngine } from './harness.js'
import { openLedger } from './ledger.js'
import { type Life, lives } from './lives.js'
import { connectPhones } from './phone.js'
import { createSabotage, lasting, passing, type Sabotage } from './sabotage.js'
import { newId, twilioCompleted, twilioStatus } from './subjects.js'
import { deliver, type Message, wireEnv } from './wire.js'

// No workflows and no worker: each step is taken when the test says so.
let engine: TestEngine
let sabotage: Sabotage
beforeAll(async () => {
  engine = await startEngine({ worker: false, env: { ...wireEnv, WEBHOOK_MAX_INFLIGHT: '0' } })
  await connectPhones(engine)
  sabotage = await createSabotage(engine)
})
afterAll(() => engine.close())

type Ledger = Awaited<ReturnType<typeof openLedger>>

/** One thing that may happen, any number of times. */
type Step = { together: number[] } | { drain: number } | { process: number }

/** Webhooks that come at one instant, the drain, and a single receipt's own try. */
const aStep = (count: number): fc.Arbitrary<Step> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ together: fc.array(fc.nat(count - 1), { minLength: 1, maxLength: 4 }) }) },
    { weight: 2, arbitrary: fc.record({ drain: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 1, arbitrary: fc.record({ process: fc.nat(count - 1) }) },
  )

const aFailure = fc.record({ write: fc.integer({ min: 1, max: 20 }), code: fc.constantFrom(passing, lasting) })
/** A receipt has five tries: fewer failures than that leave it one. */
const failures = fc.uniqueArray(aFailure, { maxLength: 4, selector: ({ write }) => write })

async function send(events: readonly Message[], chosen: readonly number[]): Promise<void> {
  const answers = await Promise.all(chosen.map((index) => deliver(engine, events[index] as Message)))
  expect(answers.filter(({ status }) => status >= 300)).toEqual([])
}

async function perform(step: Step, events: readonly Message[], ledger: Ledger): Promise<void> {
  const { processing, drain } = engine.engine.activityDeps
  if ('together' in step) return await send(events, step.together)
  if ('drain' in step) return void (await drain.batch(step.drain).catch(again))
  const receipts = await ledger.receipts()
  const receipt = receipts[step.process % Math.max(1, receipts.length)]
  if (receipt) await processing.process(receipt.id).catch(() => undefined)
}

/** The drain's activity is tried again for what may pass, and for nothing else. */
function again(error: unknown): void {
  if ((error as { code?: unknown }).code !== passing) throw error
}

/** Delivers what was not, and drains until nothing is left. */
async function finish(events: readonly Message[], ledger: Ledger): Promise<void> {
  await sabotage.forgive()
  await send(
    events,
    events.map((_, index) => index),
  )
  const open = async () => (await ledger.receipts()).some(({ status }) => status === 'received' || status === 'waiting')
  for (let rounds = 0; await open(); rounds++) {
    expect(rounds).toBeLessThan(20)
    await engine.admin('update webhook_receipts set next_attempt_at = now()')
    await engine.engine.activityDeps.drain.batch(256)
  }
}

/** What a life has become, after these steps and all of its events. */
async function live(life: Life, steps: readonly Step[], failing: readonly { write: number; code: string }[] = []) {
  const { events, row } = await life.begin(engine)
  const ledger = await openLedger(engine)
  await sabotage.refuse(failing)
  for (const step of steps) await perform(step, events, ledger)
  await finish(events, ledger)
  const receipts = await ledger.receipts()
  expect(receipts.map(({ status }) => status)).toEqual(events.map(() => 'processed'))
  const entries = await ledger.entries()
  const taken = entries.filter(({ event }) => event === 'system.webhook.processed')
  expect(taken.map(({ data }) => data.receipt_id).sort()).toEqual(receipts.map(({ id }) => id).sort())
  expect(
    entries
      .map(({ event }) => event)
      .filter((event) => life.once.includes(event))
      .sort(),
  ).toEqual([...life.once].sort())
  const words = entries.filter(({ event }) => event.endsWith('.status')).map(({ data }) => said(data))
  expect(words.filter((word, index) => word === words[index - 1])).toEqual([])
  // In other orders fewer changes are seen on the way: what is told is the same set, and the last word of it.
  const names = new Set(entries.map(({ event }) => event).filter((event) => !/\.(status|updated)$/.test(event)))
  return { row: await row(), names: [...names].sort(), last: words.at(-1) }
}

const said = ({ status, outcome }: Record<string, unknown>) => [status, outcome].join(' ')

const expectedOf = async (life: Life) => {
  const { events } = await life.begin(engine)
  const inOrder = await live(
    life,
    events.map((_, index) => ({ together: [index] })),
  )
  expect(inOrder.row).toMatchObject(life.expected)
  return { count: events.length, inOrder }
}

describe.each(lives)('@idempotency $name', (life) => {
  it('is the same in every order of its events, with repeats', { timeout: 120_000 }, async () => {
    const { count, inOrder } = await expectedOf(life)
    const all = Array.from({ length: count }, (_, index) => index)
    const order = fc.shuffledSubarray(all, { minLength: count })
    const repeats = fc.array(fc.nat(count - 1), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(order, repeats, async (first, again) => {
        const steps = [...first, ...again].map((index) => ({ together: [index] }))
        expect(await live(life, steps)).toEqual(inOrder)
      }),
      { numRuns: 5, endOnFailure: true },
    )
  })

  it('has every effect once, whatever fails on the way', { timeout: 120_000 }, async () => {
    const { count, inOrder } = await expectedOf(life)
    await fc.assert(
      fc.asyncProperty(fc.array(aStep(count), { maxLength: 10 }), failures, async (steps, failing) => {
        expect(await live(life, steps, failing)).toEqual(inOrder)
      }),
      { numRuns: 6, endOnFailure: true },
    )
  })
})

describe('@idempotency a webhook whose entry the event log refuses', () => {
  it('fails alone in the end and stops no other of its batch, and succeeds when it is sent again', async () => {
    const ledger = await openLedger(engine)
    const [bad, good] = [twilioCompleted(newId('CA')), twilioStatus(newId('CA'), 'ringing', 1)]
    await sabotage.mark('telephony.call')
    for (const message of [bad, good]) expect((await deliver(engine, message)).said).toBe('accepted')
    await sabotage.forgive()
    await sabotage.mark('telephony.call.completed')
    for (let tries = 1; tries <= 5; tries++) {
      await engine.admin('update webhook_receipts set next_attempt_at = now()')
      await engine.engine.activityDeps.drain.batch(256)
      const status = tries < 5 ? 'received' : 'failed'
      expect(await ledger.receipts()).toMatchObject([
        { tries, status },
        { tries: 0, status: 'processed' },
      ])
    }
    expect(await ledger.log()).toEqual(['telephony.call.status', 'system.webhook.processed'])
    await sabotage.forgive()
    expect((await deliver(engine, bad)).said).toBe('processed')
    expect((await ledger.log()).slice(2)).toEqual([
      'telephony.call.status',
      'telephony.call.completed',
      'system.webhook.processed',
    ])
  })
})
