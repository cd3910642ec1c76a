import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { anEvent, startEngine, type TestEngine } from './harness.js'

let engine: TestEngine
/** Failures still to come, one per call of the effects. */
let failures: ('passing' | 'lasting' | undefined)[] = []
beforeAll(async () => {
  engine = await startEngine({
    worker: false,
    env: { WEBHOOK_MAX_INFLIGHT: '0' },
    effectsOf: (real) => (delivery) => {
      const failure = failures.shift()
      if (failure === 'passing') throw Object.assign(new Error('deadlock'), { code: '40P01' })
      if (failure === 'lasting') throw new Error('a bug')
      return real(delivery)
    },
  })
})
afterAll(() => engine.close())

const transcript = [
  { role: 'user', content: 'Hi.' },
  { role: 'assistant', content: 'Hello!' },
]
const eventsOf = (conversationId: string) => [
  anEvent(conversationId, 'system.replica_joined', {}, '2026-03-01T10:00:05Z'),
  anEvent(conversationId, 'system.pal_joined', {}, '2026-03-01T10:00:05.000Z'),
  anEvent(
    conversationId,
    'system.shutdown',
    { shutdown_reason: 'participant_left_timeout reached' },
    '2026-03-01T10:10:05Z',
  ),
  anEvent(conversationId, 'application.transcription_ready', { transcript }, '2026-03-01T10:10:06Z'),
  anEvent(
    conversationId,
    'application.recording_ready',
    { bucket_name: 'rec', s3_key: 'k', duration: 600 },
    '2026-03-01T10:12:00Z',
  ),
  anEvent(conversationId, 'application.perception_analysis', { analysis: 'calm' }, '2026-03-01T10:13:00Z'),
]
const count = 6

/** One thing that may happen, in any order and any number of times. */
type Step = { deliver: number } | { drain: number } | { process: number } | { ask: number[] }
const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ deliver: fc.nat(count - 1) }) },
  { weight: 2, arbitrary: fc.record({ drain: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ process: fc.nat(count - 1) }) },
  { weight: 1, arbitrary: fc.record({ ask: fc.subarray([0, 1, 2, 3, 4, 5], { minLength: 1 }) }) },
)

type Session = Awaited<ReturnType<TestEngine['session']>>

async function perform(step: Step, session: Session, events: object[]): Promise<void> {
  const { processing, drain } = engine.engine.activityDeps
  if ('deliver' in step) expect((await engine.post(session.sessionId, events[step.deliver])).status).toBeLessThan(300)
  else if ('drain' in step) await drain.batch(step.drain)
  else if ('ask' in step) await engine.engine.ingest({ ...session, events: step.ask.map((index) => events[index]) })
  else {
    const receipts = await engine.receipts('session_id = $1', [session.sessionId])
    const receipt = receipts[step.process % Math.max(1, receipts.length)]
    if (receipt) await processing.process(receipt.id).catch(() => undefined)
  }
}

/** Delivers what was not, and drains until nothing is left. */
async function finish(session: Session, events: object[]): Promise<void> {
  failures = []
  await Promise.all(events.map((event) => engine.post(session.sessionId, event)))
  const open = () => engine.receipts(`session_id = $1 and status not in ('processed', 'failed')`, [session.sessionId])
  while ((await open()).length > 0) {
    await engine.admin('update webhook_receipts set next_attempt_at = now()')
    await engine.engine.activityDeps.drain.batch(256)
  }
}

async function result(session: Session) {
  const row = await engine.sessionRow(session.sessionId)
  const { status, joined_at, ended_at, duration_seconds, end_reason, recording_url, facts, metadata } = row ?? {}
  const logged = (await engine.eventsOf(session.sessionId))
    .map(({ event, data }) => `${event} ${(data.kind as string | undefined) ?? ''}`.trim())
    .sort()
  return {
    row: {
      status,
      joined_at,
      ended_at,
      duration_seconds,
      end_reason,
      recording_url,
      facts,
      metadata,
      transcript: row?.transcript,
    },
    logged,
  }
}

describe('whatever the order, the repeats and the failures', () => {
  it('every event has its effect once, and the row is the same', async () => {
    const reference = await engine.session()
    await finish(reference, eventsOf(reference.conversationId))
    const expected = await result(reference)
    expect(expected.logged).toHaveLength(4 + 5)
    expect(expected.row).toMatchObject({
      status: 'completed',
      duration_seconds: 600,
      end_reason: 'participant_left',
      recording_url: 's3://rec/k',
    })
    const aRun = fc.record({
      steps: fc.array(aStep, { maxLength: 14 }),
      failing: fc.array(fc.option(fc.constantFrom('passing' as const, 'lasting' as const), { nil: undefined }), {
        maxLength: 4,
      }),
    })
    await fc.assert(
      fc.asyncProperty(aRun, async ({ steps, failing }) => {
        const session = await engine.session()
        const events = eventsOf(session.conversationId)
        failures = [...failing]
        for (const step of steps) await perform(step, session, events)
        await finish(session, events)
        expect(await result(session)).toEqual(expected)
        const receipts = await engine.receipts('session_id = $1', [session.sessionId])
        expect(receipts.map(({ status }) => status)).toEqual(receipts.map(() => 'processed'))
        expect(receipts).toHaveLength(5)
      }),
      { numRuns: 25, endOnFailure: true },
    )
  }, 120_000)
})

describe('events that were asked for', () => {
  it('make the late webhook a duplicate, and take over one that waits', async () => {
    const session = await engine.session()
    const events = eventsOf(session.conversationId)
    await engine.post(session.sessionId, events[2])
    const ask = () => engine.engine.ingest({ ...session, events })
    expect((await ask()).map(({ status }) => status)).toEqual([
      'processed',
      'processed',
      'processed',
      'processed',
      'processed',
    ])
    expect(await ask()).toEqual([])
    for (const event of events)
      expect(await engine.post(session.sessionId, event)).toMatchObject({
        status: 200,
        body: { status: 'duplicate_ignored' },
      })
    const receipts = await engine.receipts('session_id = $1', [session.sessionId])
    expect(receipts.map(({ source }) => source).sort()).toEqual([
      'delivery',
      'reconcile',
      'reconcile',
      'reconcile',
      'reconcile',
    ])
    expect(receipts.some(({ signal_pending }) => signal_pending)).toBe(false)
  })

  it('wait like others when their session has no row yet', async () => {
    const sessionId = '0199a3c2-6d1e-7000-8000-0000000000cc'
    const settled = await engine.engine.ingest({
      provider: 'tavus',
      sessionId,
      conversationId: 'c-early',
      events: [{ event_type: 'system.shutdown', timestamp: '2026-03-01T10:00:00Z' }, 'not an event'],
    })
    expect(settled.map(({ status }) => status)).toEqual(['waiting', 'waiting'])
  })
})
