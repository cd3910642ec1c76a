import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PartnerEffect } from '../../src/domain/webhook.js'
import { applyToPartner } from '../../src/store/partner-applier.js'
import type { Applied } from '../../src/store/receipt-applier.js'
import { createUwcJobStore } from '../../src/store/uwc-jobs.js'
import { queueJobs, queueRecordings } from '../../src/store/uwc-queue.js'
import { applyWith } from './apply.js'
import { callOf } from './partner-rows.js'
import { acme, borealis, createWorld, type World } from './world.js'

let world: World
let apply: (...effects: PartnerEffect[]) => Promise<Applied[]>
let jobs: ReturnType<typeof createUwcJobStore>
beforeAll(async () => {
  world = await createWorld()
  apply = applyWith(world, applyToPartner)
  jobs = createUwcJobStore(world.database)
})
afterAll(() => world.close())

async function queued(tenantId = acme): Promise<{ id: string; requestId: string; jobId: string }> {
  const requestId = randomUUID()
  const job = { tenantId, requestId, kind: 'training', origin: 'api', subjects: [], request: { a: 1 } } as const
  const [row] = await world.database.withService(undefined, (trx) => queueJobs(trx, [job]))
  return { id: row?.id ?? '', requestId, jobId: `job_${randomUUID()}` }
}

const answer = (jobId: string, changes: Partial<PartnerEffect>): PartnerEffect => ({
  target: 'partner',
  kind: 'training',
  tenant: { by: 'company', companyId: acme },
  jobId,
  status: 'running',
  partnerStatus: 'running',
  subjects: [],
  data: {},
  at: '2026-11-21T09:00:00.000000Z',
  ...changes,
})

const rowsOf = ({ jobId, requestId }: { jobId: string; requestId: string }) =>
  world.admin<Record<string, unknown>>('select * from uwc_jobs where job_id = $1 or request_id = $2', [
    jobId,
    requestId,
  ])

describe('@idempotency a job of ours', () => {
  it('is one row and told once, in whatever order its taking and its answers come, and however often', async () => {
    const steps = fc.shuffledSubarray([0, 1, 2, 3, 0, 1, 2, 3], { minLength: 8 })
    await fc.assert(
      fc.asyncProperty(steps, async (order) => {
        const job = await queued()
        const { jobId, requestId } = job
        const said = [
          answer(jobId, { requestId }),
          answer(jobId, { status: 'completed', partnerStatus: 'done', data: { score: 7 } }),
          answer(jobId, { requestId, status: 'failed', partnerStatus: 'error' }),
        ]
        const told: string[] = []
        for (const step of order) {
          const effect = said[step]
          if (!effect) await jobs.submitted(acme, job.id, { jobId })
          else
            for (const applied of await apply(effect))
              if (applied.state === 'applied') told.push(...applied.events.map(({ event }) => event))
        }
        expect(await rowsOf(job)).toMatchObject([
          { id: job.id, origin: 'api', job_id: jobId, status: 'completed', result: { score: 7 }, request: null },
        ])
        expect(told.filter((event) => event === 'worker.task.finished')).toHaveLength(1)
      }),
      { numRuns: 40 },
    )
  }, 120_000)

  it('tells its workflow of its end, and of nothing else', async () => {
    const { jobId, requestId } = await queued()
    const applied = await apply(
      answer(jobId, { requestId }),
      answer(jobId, { requestId, status: 'completed', partnerStatus: 'done' }),
      answer(`job_${randomUUID()}`, { status: 'completed', partnerStatus: 'done' }),
    )
    const signals = applied.map((one) => (one.state === 'applied' ? one.signal : one))
    expect(signals).toMatchObject([undefined, { kind: 'job_over', job: 'training', requestId }, undefined])
  })

  it('is not taken for another one whose id the partner repeats', async () => {
    const [first, second] = [await queued(), await queued()]
    await jobs.submitted(acme, first.id, { jobId: first.jobId })
    await expect(jobs.submitted(acme, second.id, { jobId: first.jobId })).rejects.toMatchObject({
      code: 'provider_failed',
    })
    expect(await rowsOf(second)).toMatchObject([{ job_id: null, status: 'queued' }])
  })

  it('that is over is neither ended nor forgotten', async () => {
    const { id, jobId, requestId } = await queued()
    await jobs.submitted(acme, id, { jobId })
    await apply(answer(jobId, { requestId, status: 'completed', partnerStatus: 'done' }))
    await jobs.end(acme, id, { error: 'timed_out' })
    await jobs.forget(acme, id, jobId)
    expect(await rowsOf({ jobId, requestId })).toMatchObject([{ status: 'completed', error: null, job_id: jobId }])
  })

  it('is reached under its own company only', async () => {
    const { id, jobId } = await queued()
    expect(await jobs.open(borealis, id)).toBeUndefined()
    expect(await jobs.end(borealis, id, { error: 'timed_out' })).toBeUndefined()
    await expect(jobs.submitted(borealis, id, { jobId })).rejects.toThrow()
    expect(await jobs.open(acme, id)).toMatchObject({ status: 'queued', jobId: null, request: { a: 1 } })
  })
})

describe('@integration jobs that wait for their workflow', () => {
  it('are those that nobody has begun, and those that are open for too long', async () => {
    const [fresh, begun, stale, over] = [await queued(), await queued(), await queued(), await queued()]
    await jobs.started([begun.id, stale.id])
    await world.admin(`update uwc_jobs set started_at = now() - interval '2 hours' where id = $1`, [stale.id])
    await jobs.end(acme, over.id, { error: 'timed_out' })
    const found = new Set((await jobs.unstarted(1000, 3600)).map(({ id }) => id))
    expect([fresh, begun, stale, over].map(({ id }) => found.has(id))).toEqual([true, false, true, false])
  })
})

describe('@idempotency a recording', () => {
  it('is one job, whatever its address is signed with, and another for another recording', async () => {
    const id = await callOf(world, acme)
    const queue = (...urls: string[]) =>
      world.database.withService(undefined, (trx) => queueRecordings(trx, [{ tenantId: acme, id, urls }]))
    const url = 'https://r.example/1.mp3'
    expect(await queue(url)).toHaveLength(1)
    expect(await queue(`${url}?X-Amz-Signature=1`, `${url}#t=1`)).toEqual([])
    expect(await queue(url, 'https://r.example/2.mp3')).toHaveLength(1)
    expect(await world.admin('select request from uwc_jobs where subject_id = $1 order by created_at', [id])).toEqual([
      { request: { audio_urls: [{ url, call_id: id }] } },
      { request: { audio_urls: [{ url: 'https://r.example/2.mp3', call_id: id }] } },
    ])
  })
})
