import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FollowUpActivityDeps } from '../../activities/follow-ups.js'
import { acme } from '../store/world.js'
import { type FollowUpWorld, leads, startFollowUps } from './harness.js'

const sms = { channel: 'sms', lead_id: leads.ofRep, message: 'Shall we talk on Thursday?' }
const phoneCall = { channel: 'call', lead_id: leads.ofRep2, task: 'Ask whether Thursday is fine.' }
const settled = ['sent', 'completed', 'failed', 'unknown']

async function within(world: FollowUpWorld, work: () => Promise<void>) {
  try {
    await work()
  } finally {
    await world.close()
  }
}

const operation = fc.constantFrom('sms_create', 'sms_read', 'call_create', 'call_read')
const fault = fc.oneof(
  fc.record({ operation, kind: fc.constant('lost_answer'), times: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ operation, kind: fc.constant('reset'), times: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ operation, kind: fc.constant('latency'), delay_ms: fc.constantFrom(300, 1400), times: fc.constant(1) }),
  fc.record({
    operation,
    kind: fc.constant('status'),
    status: fc.constantFrom(429, 500, 502, 503),
    retry_after: fc.constantFrom(0, 1),
    times: fc.integer({ min: 1, max: 2 }),
  }),
  fc.record({
    operation: fc.constant('webhook'),
    kind: fc.constantFrom('lost', 'duplicate', 'reorder', 'delay'),
    rate: fc.constantFrom(0.5, 1),
    delay_ms: fc.constantFrom(100, 800),
  }),
)

describe('a follow-up @idempotency', () => {
  it('reaches its lead at most once, whatever faults the providers have', async () => {
    const world = await startFollowUps({ confirmMs: 1600 })
    await within(world, async () => {
      const runs = fc.sample(fc.array(fault, { minLength: 1, maxLength: 4 }), { numRuns: 10, seed: 20261121 })
      for (const [run, faults] of runs.entries()) {
        world.simulator.faults.clear()
        for (const one of faults) world.simulator.faults.add(one)
        const asked = await Promise.all([
          world.post('acmeLead', { ...sms, message: `Thursday? ${run}` }),
          world.post('acmeLead', phoneCall),
        ])
        for (const { body, status } of asked) {
          expect(status).toBe(201)
          const row = await world.until(body.id, settled, 90_000)
          const reached = world.reachedFor(body.id)
          expect([JSON.stringify(faults), reached.length <= 1]).toEqual([JSON.stringify(faults), true])
          // What it says of itself is true.
          if (row.status === 'sent' || row.status === 'completed') expect(reached).toHaveLength(1)
        }
      }
      const ids = (await world.admin<{ id: string }>('select id from follow_ups')).map(({ id }) => id)
      expect(ids.map((id) => world.reachedFor(id).length).filter((count) => count > 1)).toEqual([])
    })
  }, 300_000)

  it.each([
    ['sms', sms],
    ['call', phoneCall],
  ])(
    'whose worker is killed between sending and recording is found at the provider, by %s',
    async (_channel, body) => {
      const world = await startFollowUps({ worker: false })
      await within(world, async () => {
        world.simulator.faults.add({ operation: 'webhook', kind: 'lost' })
        let gone = () => {}
        const sent = new Promise<void>((resolve) => (gone = resolve))
        /** Sends, and is not heard of any more. */
        const dying = (deps: FollowUpActivityDeps): FollowUpActivityDeps => {
          const dead = (carrier: FollowUpActivityDeps['carriers']['sms']) => ({
            ...carrier,
            async send(...args: Parameters<typeof carrier.send>) {
              await carrier.send(...args)
              gone()
              return await new Promise<never>(() => undefined)
            },
          })
          return { ...deps, carriers: { sms: dead(deps.carriers.sms), call: dead(deps.carriers.call) } }
        }
        const first = await world.startWorker(dying)
        const { body: made } = await world.post('acmeLead', body)
        await sent
        await first.kill()
        expect(await world.row(made.id)).toMatchObject({ status: 'sending', attempt_open: true, external_id: null })
        await world.startWorker()
        expect(await world.until(made.id, settled)).toMatchObject({ status: 'sent', attempts: 1 })
        expect(world.reachedFor(made.id)).toHaveLength(1)
      })
    },
    120_000,
  )

  it('whose worker is killed after its ticket and before sending is sent by the next one', async () => {
    const world = await startFollowUps({ worker: false, confirmMs: 1500 })
    await within(world, async () => {
      let gone = () => {}
      const reached = new Promise<void>((resolve) => (gone = resolve))
      const first = await world.startWorker((deps) => ({
        ...deps,
        carriers: {
          ...deps.carriers,
          sms: {
            ...deps.carriers.sms,
            send: () => {
              gone()
              return new Promise<never>(() => undefined)
            },
          },
        },
      }))
      const { body: made } = await world.post('acmeLead', sms)
      await reached
      await first.kill()
      await world.startWorker()
      expect(await world.until(made.id, settled)).toMatchObject({ attempts: 2 })
      expect(world.reachedFor(made.id)).toHaveLength(1)
    })
  }, 120_000)

  it('has one ticket for each try, whoever asks for it, until the result of the one before is known', async () => {
    const world = await startFollowUps({ worker: false })
    await within(world, async () => {
      const { body: made } = await world.post('acmeLead', sms)
      const ref = { tenantId: acme, followUpId: made.id as string }
      const { steps, carriers, fromNumber } = world.services.activityDeps
      const options = { now: Date.now(), gapMs: 0, fromNumber, carrier: (channel: 'sms' | 'call') => carriers[channel] }
      const statesOf = async () =>
        (await Promise.all(Array.from({ length: 5 }, () => steps.ticket(ref, options))))
          .map(({ state }) => state)
          .sort()
      const once = ['go', 'unresolved', 'unresolved', 'unresolved', 'unresolved']
      expect(await statesOf()).toEqual(once)
      expect(await steps.record(ref, { state: 'unclear' })).toEqual({ state: 'unresolved' })
      expect(await statesOf()).not.toContain('go')
      expect(await steps.record(ref, { state: 'not_accepted', retryAfterSeconds: 7 })).toEqual({
        state: 'again',
        afterMs: 7000,
      })
      expect(await statesOf()).toEqual(once)
      expect(await steps.record(ref, { state: 'accepted', externalId: 'SM1' })).toEqual({ state: 'sent' })
      expect(await statesOf()).toEqual(Array.from({ length: 5 }, () => 'sent'))
      expect(await world.row(made.id)).toMatchObject({ status: 'sent', attempts: 2, external_id: 'SM1' })
    })
  })

  it('is taken in once under one key, and by one workflow however often that is started', async () => {
    const world = await startFollowUps()
    await within(world, async () => {
      const headers = { 'idempotency-key': 'key-1' }
      const answers = await Promise.all(Array.from({ length: 8 }, () => world.post('acmeRep', sms, headers)))
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 200, 200, 201])
      const [id, ...others] = new Set(answers.map(({ body }) => body.id as string))
      expect(others).toEqual([])
      await world.until(id ?? '', settled)
      const again = await world.post('acmeRep', sms, headers)
      expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true'])
      const other = await world.post('acmeRep', { ...sms, message: 'Something else' }, headers)
      expect([other.status, other.body.errors]).toEqual([
        422,
        [{ pointer: 'header/idempotency-key', detail: 'was used with another request body' }],
      ])
      // The key is the caller's own.
      expect((await world.post('acmeLead', sms, headers)).status).toBe(201)
      await sleep(200)
      expect(world.reachedFor(id ?? '')).toHaveLength(1)
    })
  }, 120_000)
})
