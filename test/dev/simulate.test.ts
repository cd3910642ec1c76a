import { describe, expect, it } from 'vitest'
import { broken, compareEffects } from '../../src/dev/simulate/effects.js'
import { compareEvents, fateOf } from '../../src/dev/simulate/compare.js'
import type { Ledger, LedgerReceipt, LedgerRow } from '../../src/dev/simulate/ledger.js'
import { createTemporalGate } from '../../src/dev/simulate/outages.js'
import { planDay } from '../../src/dev/simulate/plan.js'
import { bar, createProgressBar } from '../../src/dev/simulate/progress-bar.js'
import { share } from '../../src/dev/simulate/share.js'
import type { TruthEvent, TruthSubject } from '../../src/dev/simulate/truth.js'
import { readRequest } from '../../src/simulator/webhooks/scripts.js'
import { accounts } from '../simulator/webhooks-support.js'

const delivery = (status: number | null, answer: string | null = null, forged = false) => ({
  forged,
  attempts: [{ status, answer }],
})
const event = (given: Partial<TruthEvent> = {}): TruthEvent => ({
  provider: 'twilio',
  kind: 'call.completed',
  externalId: 'CA1',
  eventId: null,
  subject: 'CA1',
  sha256: 'aa',
  deliveryKey: null,
  pending: false,
  deliveries: [delivery(204, 'processed')],
  ...given,
})
const receipt = (given: Partial<LedgerReceipt> = {}): LedgerReceipt => ({
  id: 'r1',
  provider: 'twilio',
  kind: 'call.status',
  externalId: 'CA1',
  deliveryKey: 'twilio/call.status/CA1',
  status: 'processed',
  error: null,
  sha256: 'aa',
  processed: 1,
  ...given,
})
const ledger = (receipts: LedgerReceipt[], rows: LedgerRow[] = []): Ledger => ({ receipts, rows })
const only = (events: TruthEvent[], receipts: LedgerReceipt[]) => compareEvents(events, ledger(receipts)).providers[0]

describe('@unit what became of an event', () => {
  it.each([
    ['processed', event(), [receipt()]],
    ['processed', event(), [receipt({ processed: 0 })]],
    ['doubled', event(), [receipt({ processed: 2 })]],
    ['doubled', event(), [receipt(), receipt({ id: 'r2' })]],
    ['doubled', event(), [receipt(), receipt({ id: 'r2', status: 'failed' }), receipt({ id: 'r3' })]],
    ['processed', event(), [receipt({ status: 'failed', processed: 0 }), receipt({ id: 'r2' })]],
    ['unmatched', event(), [receipt({ status: 'unmatched', processed: 0 })]],
    ['failed', event(), [receipt({ status: 'failed', processed: 0 })]],
    ['missing', event(), [receipt({ status: 'received', processed: 0 })]],
    ['missing', event(), []],
    ['missing', event({ deliveries: [delivery(503), delivery(401)] }), []],
    ['missing', event({ deliveries: [delivery(null), delivery(503)] }), []],
    ['lost', event({ deliveries: [delivery(null), delivery(null)] }), []],
    ['lost', event({ deliveries: [] }), []],
    // The receiver took it, and its answer was lost.
    ['processed', event({ deliveries: [delivery(null)] }), [receipt()]],
    // Only the forged copy was answered: nothing was taken.
    ['lost', event({ deliveries: [delivery(null), delivery(401, null, true)] }), []],
  ] as const)('is %s', (fate, one, receipts) => {
    expect(fateOf(one, receipts).fate).toBe(fate)
  })

  it('is found by its bytes, its own id, its subject and kind, or its key', () => {
    const found = (one: Partial<TruthEvent>, stored: Partial<LedgerReceipt>) =>
      only([event(one)], [receipt(stored)])?.fates.processed === 1
    expect(found({}, { externalId: 'other' })).toBe(true)
    expect(found({ sha256: 'bb', eventId: 'EV_1' }, { externalId: 'EV_1' })).toBe(true)
    expect(found({ sha256: 'bb', eventId: 'msg_1' }, { externalId: 'job', deliveryKey: 'uwc/asr/msg_1' })).toBe(true)
    expect(found({ sha256: 'bb', kind: 'post_call_audio' }, { kind: 'post-call-audio' })).toBe(true)
    expect(found({ sha256: 'bb', kind: 'post_call_audio' }, { kind: 'other' })).toBe(false)
    expect(found({ sha256: null, deliveryKey: 'tavus/a/1' }, { deliveryKey: 'tavus/a/1' })).toBe(true)
    expect(found({ provider: 'bland' }, {})).toBe(false)
  })

  it('is counted by provider, with authentic copies, duplicates, and forged ones that were taken', () => {
    const copies = [delivery(200, 'processed'), delivery(200, 'duplicate_ignored'), delivery(200, null, true)]
    expect(only([event({ deliveries: copies })], [receipt()])).toMatchObject({
      provider: 'twilio',
      events: 1,
      authentic: 2,
      duplicates: 1,
      forgedTaken: 1,
    })
  })

  it('says why, where it was not processed', () => {
    const told = compareEvents(
      [event()],
      ledger([receipt({ status: 'unmatched', processed: 0, error: 'no such call' })]),
    )
    expect(told.reasons).toEqual(['unmatched twilio call.completed CA1: unmatched: no such call'])
  })
})

describe('@unit what became of a call', () => {
  const expected = { outcome: ['completed'], duration_seconds: 61, recording: true, decided_by: 'call.completed' }
  const subject: TruthSubject = { provider: 'twilio', external_id: 'CA1', expected }
  const row: LedgerRow = {
    provider: 'twilio',
    externalId: 'CA1',
    outcome: 'completed',
    durationSeconds: 61,
    recording: true,
    completed: 1,
  }
  const wrong = (rows: LedgerRow[], receipts = [receipt()]) => {
    const all = ledger(receipts, rows)
    const comparison = compareEvents([event({ deliveries: [delivery(503), delivery(204)] })], all)
    return compareEffects([subject], { ledger: all, ...comparison })[0]?.wrong.map((text) => text.split(': ')[1])
  }

  it('is right within a second', () => {
    expect(wrong([row])).toEqual([])
    expect(wrong([{ ...row, durationSeconds: 62 }])).toEqual([])
  })

  it('is wrong with another outcome or duration, a second end, or no row', () => {
    expect(wrong([{ ...row, outcome: 'busy' }])).toEqual(['outcome busy, truth completed'])
    expect(wrong([{ ...row, durationSeconds: 63 }])).toEqual(['duration 63 s, truth 61 s'])
    expect(wrong([{ ...row, durationSeconds: null }])).toEqual(['duration null s, truth 61 s'])
    expect(wrong([{ ...row, completed: 2 }])).toEqual(['its end was told 2 times'])
    expect(wrong([])).toEqual(['there is no row'])
  })

  it('may be unknown when what decides it was never taken, but not something else', () => {
    expect(wrong([{ ...row, outcome: null, durationSeconds: null }], [])).toEqual([])
    expect(wrong([], [])).toEqual([])
    expect(wrong([{ ...row, outcome: 'failed' }], [])).toEqual(['outcome failed, truth completed'])
  })

  it('counts as a broken rule', () => {
    const all = ledger([receipt()], [])
    const comparison = compareEvents([event()], all)
    expect(broken(comparison, compareEffects([subject], { ledger: all, ...comparison }))).toBe(1)
    expect(broken(compareEvents([event()], ledger([])), [])).toBe(1)
  })
})

describe('@unit the day', () => {
  const options = { calls: 500, sessions: 200, dayMs: 100_000, seed: 7, companyId: 'co' }

  it('is the same for the same seed, within its length, and has as many calls as asked for', () => {
    const actions = planDay(options)
    expect(planDay(options)).toEqual(actions)
    expect(planDay({ ...options, seed: 8 })).not.toEqual(actions)
    expect(actions.every(({ atMs }) => atMs >= 0 && atMs <= 100_000)).toBe(true)
    const calls = actions.filter(
      ({ do: what, life }) => ['livekit', 'callrail', 'bland'].includes(what) || life.life === 'call',
    )
    expect(calls).toHaveLength(500)
    expect(new Set(actions.map(({ do: what }) => what)).size).toBe(7)
  })

  it('asks the simulator for nothing that it refuses', () => {
    const context = { now: Date.now(), random: Math.random, accounts: accounts.script }
    for (const { do: provider, life } of planDay(options))
      expect(() => readRequest(provider, life, context)).not.toThrow()
  })

  it('takes shares as people write them', () => {
    expect(['10%', '10 %', '0.1', '0', '100%'].map(share)).toEqual([0.1, 0.1, 0.1, 0, 1])
    expect(['101%', '-1', 'ten', ''].map(share)).toEqual([undefined, undefined, undefined, undefined])
  })

  it('shows how far it is, over and over on a terminal and ten times elsewhere', () => {
    expect(bar(1, 4)).toBe('[########                      ] 25 %  1 of 4')
    const lines: string[] = []
    const quiet = createProgressBar({ write: (text) => lines.push(text) })
    for (let done = 0; done <= 100; done++) quiet.show(done, 100)
    expect(lines).toHaveLength(11)
    const drawn: string[] = []
    const loud = createProgressBar({ isTTY: true, write: (text) => drawn.push(text) })
    loud.show(1, 2)
    loud.rest()
    loud.rest()
    expect(drawn).toEqual([`\r${bar(1, 2)} `, '\n'])
  })

  it('keeps Temporal away as long as the gate is closed', async () => {
    const gate = createTemporalGate()
    const began = Date.now()
    await gate.pass()
    gate.closeFor(150)
    await gate.pass()
    expect(Date.now() - began).toBeGreaterThanOrEqual(149)
  })
})
