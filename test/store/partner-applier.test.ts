import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import type { PartnerEffect } from '../../src/domain/webhook.js'
import { applyToPartner } from '../../src/store/partner-applier.js'
import type { Applied } from '../../src/store/receipt-applier.js'
import { applyWith } from './apply.js'
import { callOf, leadOf, documentOf } from './partner-rows.js'
import { acme, actors, borealis, createWorld, type World } from './world.js'

let world: World
let apply: (...effects: PartnerEffect[]) => Promise<Applied[]>

beforeAll(async () => {
  world = await createWorld()
  apply = applyWith(world, applyToPartner)
})
afterAll(() => world.close())

const answer = (changes: Partial<PartnerEffect> = {}): PartnerEffect => ({
  target: 'partner',
  kind: 'training',
  tenant: { by: 'company', companyId: acme },
  jobId: randomUUID(),
  status: 'completed',
  partnerStatus: 'succeeded',
  subjects: [],
  data: {},
  ...changes,
})

const jobs = (jobId: string) =>
  world.admin<Record<string, unknown>>('select * from uwc_jobs where job_id = $1', [jobId])
const eventsOf = (applied: Applied | undefined) =>
  applied?.state === 'applied' ? applied.events.map(({ event }) => event) : applied

describe('@integration an answer of the partner', () => {
  it('becomes its job, and is told once', async () => {
    const effect = answer({
      requestId: 'r1',
      subjects: [{ type: 'rep', id: seedUsers.acmeRep.id }],
      data: { score: 7 },
      at: '2026-11-21T09:29:58.120000Z',
    })
    const [first, again] = await apply(effect, effect)
    expect(first).toEqual({
      state: 'applied',
      tenantId: acme,
      events: [
        {
          event: 'worker.task.finished',
          tenantId: acme,
          userId: seedUsers.acmeRep.id,
          leadId: undefined,
          data: {
            worker: 'uwc',
            kind: 'training',
            job_id: effect.jobId,
            request_id: 'r1',
            rep_id: seedUsers.acmeRep.id,
          },
        },
      ],
    })
    expect(eventsOf(again)).toEqual([])
    expect(await jobs(effect.jobId)).toMatchObject([
      {
        tenant_id: acme,
        kind: 'training',
        request_id: 'r1',
        status: 'completed',
        partner_status: 'succeeded',
        subject_type: 'rep',
        subject_id: seedUsers.acmeRep.id,
        result: { score: 7 },
        reported_at: new Date('2026-11-21T09:29:58.120Z'),
        failed_at: null,
      },
    ])
  })

  it('that is late does not undo the end', async () => {
    const jobId = randomUUID()
    await apply(answer({ jobId, data: { score: 7 } }))
    const [late] = await apply(answer({ jobId, status: 'running', partnerStatus: 'running', data: { percent: 90 } }))
    expect(eventsOf(late)).toEqual([])
    expect(await jobs(jobId)).toMatchObject([
      { status: 'completed', partner_status: 'succeeded', result: { score: 7 } },
    ])
  })

  it('that failed is told as that, and may be told otherwise later', async () => {
    const jobId = randomUUID()
    const failed = answer({ jobId, status: 'failed', partnerStatus: 'error', data: { error: 'out of memory' } })
    expect((await apply(failed, failed, answer({ jobId }))).map(eventsOf)).toEqual([
      ['worker.task.failed'],
      [],
      ['worker.task.finished'],
    ])
    expect(await jobs(jobId)).toMatchObject([{ status: 'completed' }])
  })

  it('of a status that we do not know changes nothing', async () => {
    const jobId = randomUUID()
    expect(await apply(answer({ jobId, status: 'other', partnerStatus: 'pondering' }))).toEqual([
      { state: 'applied', tenantId: acme, leadId: undefined, events: [] },
    ])
    expect(await jobs(jobId)).toEqual([])
  })

  it('of the speech recognition is the call’s transcript', async () => {
    const callId = await callOf(world, acme)
    const subjects = [{ type: 'call' as const, id: callId }]
    const entries = [{ speaker: 'a', text: 'hello' }]
    await apply(
      answer({ kind: 'asr', subjects, data: { text: 'hello', entries }, at: '2026-11-21T09:00:01.000000Z' }),
      answer({ kind: 'asr', subjects, data: { text: 'an earlier draft' }, at: '2026-11-21T09:00:00.000000Z' }),
      answer({ kind: 'asr', subjects, status: 'failed', data: { text: 'half' }, at: '2026-11-21T09:00:02.000000Z' }),
    )
    expect(await world.admin('select tenant_id, text, entries from transcripts where call_id = $1', [callId])).toEqual([
      { tenant_id: acme, text: 'hello', entries },
    ])
  })

  it('is read by leadership, and by nobody of another company or without the rank', async () => {
    const jobId = randomUUID()
    await apply(answer({ jobId, subjects: [{ type: 'rep', id: seedUsers.acmeRep.id }] }))
    const seen = async (actor: (typeof actors)['acmeLead']) =>
      (await world.database.withTenant(actor, (trx) => trx('uwc_jobs').where({ job_id: jobId }))).length
    expect([
      await seen(actors.acmeLead),
      await seen(actors.acmeRep),
      await seen(actors.acmeRep2),
      await seen(actors.borealisLead),
    ]).toEqual([1, 1, 0, 0])
  })
})

describe('@multitenant an answer of the partner', () => {
  it('of a company that is not there waits', async () => {
    for (const companyId of [randomUUID(), 'acme', ''])
      expect(await apply(answer({ tenant: { by: 'company', companyId } }))).toEqual([
        { state: 'unknown', reason: 'no such company' },
      ])
  })

  it('about what is another company’s is refused, and nothing is stored', async () => {
    const owned = {
      call: await callOf(world, borealis),
      document: await documentOf(world, borealis),
      rep: seedUsers.borealisLead.id,
      lead: await leadOf(world, borealis),
    }
    for (const [type, id] of Object.entries(owned) as [keyof typeof owned, string][]) {
      const effect = answer({ kind: 'asr', subjects: [{ type, id }], data: { text: 'stolen' } })
      expect(await apply(effect)).toEqual([{ state: 'mismatch', reason: `the ${type} is not the company’s` }])
      expect(await jobs(effect.jobId)).toEqual([])
      const theirs = { ...effect, tenant: { by: 'company' as const, companyId: borealis } }
      expect(await apply(theirs)).toMatchObject([{ state: 'applied', tenantId: borealis }])
    }
    expect(await world.admin(`select from transcripts where tenant_id = $1 and text = 'stolen'`, [acme])).toEqual([])
  })

  it('is refused when only one of two things is the company’s, or when nothing has the id', async () => {
    const [mine, theirs] = [await leadOf(world, acme), await leadOf(world, borealis)]
    const both = [mine, theirs].map((id) => ({ type: 'lead' as const, id }))
    for (const subjects of [both, [{ type: 'lead' as const, id: 'nobody' }], [{ type: 'call' as const, id: 'a\0b' }]])
      expect(await apply(answer({ subjects }))).toMatchObject([{ state: 'mismatch' }])
  })

  it('finds things by the id that they have outside as well, within the company', async () => {
    const id = `outside-${randomUUID()}`
    const [mine] = [await leadOf(world, acme, id), await leadOf(world, borealis, id)]
    expect(await apply(answer({ subjects: [{ type: 'lead', id }] }))).toMatchObject([
      { state: 'applied', leadId: mine },
    ])
  })

  it('in a batch is judged for itself', async () => {
    const lead = await leadOf(world, acme)
    const [other, none, own] = await apply(
      answer({ tenant: { by: 'company', companyId: borealis }, subjects: [{ type: 'lead', id: lead }] }),
      answer({ tenant: { by: 'company', companyId: randomUUID() }, subjects: [{ type: 'lead', id: lead }] }),
      answer({
        subjects: [
          { type: 'lead', id: lead },
          { type: 'rep', id: seedUsers.acmeRep.id },
        ],
      }),
    )
    expect([other?.state, none?.state, own?.state]).toEqual(['mismatch', 'unknown', 'applied'])
  })
})

describe('@idempotency the answers on one job', () => {
  it('give one row in every order, with repetitions', async () => {
    const said = fc.array(
      fc.record({
        status: fc.constantFrom('queued' as const, 'running' as const, 'failed' as const, 'completed' as const),
        at: fc.option(fc.constantFrom('2026-11-21T09:00:00.000000Z', '2026-11-21T09:00:01.000000Z'), {
          nil: undefined,
        }),
        data: fc.record({ n: fc.integer({ min: 0, max: 2 }) }),
      }),
      { minLength: 1, maxLength: 6 },
    )
    const run = async (all: { status: PartnerEffect['status'] }[]) => {
      const jobId = randomUUID()
      const events: unknown[] = []
      for (const one of all) {
        const [applied] = await apply(answer({ ...one, jobId, partnerStatus: one.status }))
        if (applied?.state === 'applied') events.push(...applied.events)
      }
      expect(events.length).toBeLessThanOrEqual(2)
      return await world.admin('select status, partner_status, result, reported_at from uwc_jobs where job_id = $1', [
        jobId,
      ])
    }
    await fc.assert(
      fc.asyncProperty(
        said.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2 })),
        ),
        async ([all, shuffled]) => {
          expect(await run(shuffled)).toEqual(await run(all))
        },
      ),
      { numRuns: 40 },
    )
  })

  it('tell of its end once when they come at the same instant', async () => {
    const effect = answer()
    const applied = await Promise.all(Array.from({ length: 8 }, () => apply(effect)))
    expect(applied.flatMap(([one]) => (one?.state === 'applied' ? one.events.map(({ event }) => event) : []))).toEqual([
      'worker.task.finished',
    ])
  })
})
