import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import { callOf, documentOf, leadOf } from '../store/partner-rows.js'
import { acme } from '../store/world.js'
import { eventually } from '../support/client.js'
import { type Partnered, startWithPartner } from './harness.js'

let partnered: Partnered
beforeAll(async () => {
  partnered = await startWithPartner({ UWC_POLL_SECONDS: '0.5' })
}, 180_000)
afterAll(() => partnered.close())
afterEach(() => {
  partnered.simulator.faults.clear()
  partnered.simulator.configure({ uwc_job_ms: 150, uwc_failure_rate: 0 })
})

interface Operation {
  path: string
  kind: string
  /** Of the simulator: the address of its webhook, without the slash in front. */
  webhook: string
  make: () => Promise<{ body: object; about: Record<string, string>[]; sent: object; result: object }>
}

const url = 'https://recordings.example.com/1.mp3'

const operations: readonly Operation[] = [
  {
    path: '/api/uwc/asr',
    kind: 'asr',
    webhook: 'asr/complete',
    async make() {
      const call_id = await callOf(partnered, acme)
      const audio_urls = [{ call_id, url }]
      return { body: { audio_urls }, about: [{ call_id }], sent: { audio_urls }, result: { minutes: 1.5 } }
    },
  },
  {
    path: '/api/uwc/analysis',
    kind: 'analysis',
    webhook: 'analysis/complete',
    async make() {
      const call_id = await callOf(partnered, acme)
      return { body: { call_id }, about: [{ call_id }], sent: { call_id }, result: { sentiment: 0.4 } }
    },
  },
  {
    path: '/api/uwc/documents',
    kind: 'rag',
    webhook: 'rag/indexed',
    async make() {
      const document_id = await documentOf(partnered, acme)
      const documents = [{ document_id, content: 'Panel A costs 20.' }]
      return { body: { documents }, about: [{ document_id }], sent: { documents }, result: { chunks: 12 } }
    },
  },
  {
    path: '/api/uwc/training',
    kind: 'training',
    webhook: 'training/status',
    async make() {
      const training_data = { rep_id: seedUsers.acmeRep.id, media_urls: [`${url}?${randomUUID()}`] }
      const { rep_id } = training_data
      return { body: training_data, about: [{ rep_id }], sent: { training_data }, result: { epochs: 3 } }
    },
  },
  {
    path: '/api/uwc/followups',
    kind: 'followup',
    webhook: 'followup/draft',
    async make() {
      const lead_id = await leadOf(partnered, acme)
      return {
        body: { lead_id },
        about: [{ lead_id }],
        sent: { lead_id, channel: 'sms' },
        result: { draft: 'Thank you for your time. See you on Thursday.' },
      }
    },
  },
]

async function begin({ path, make }: Operation) {
  const made = await make()
  const answer = await partnered.post(path, made.body)
  expect(answer).toMatchObject({ status: 202, body: { status: 'queued', origin: 'api', error: null } })
  return { ...made, id: answer.body.id as string, requestId: answer.body.request_id as string, answer }
}

/** What the simulator has of a job. */
const atPartner = async (requestId: string) =>
  (await partnered.jobsAtPartner()).filter((job) => job.request_id === requestId)

describe.each(operations)('@integration a job at $path', (operation) => {
  it('is sent with what it is about, answered by a webhook, stored and told once', async () => {
    const { id, requestId, about, sent, result, answer } = await begin(operation)
    expect(answer.headers.get('location')).toBe(`/api/uwc/jobs/${id}`)
    const row = await partnered.ended(id)
    expect(row).toMatchObject({ tenant_id: acme, kind: operation.kind, result, error: null, request: null })
    expect(await atPartner(requestId)).toMatchObject([
      { company_id: acme, items: about, submissions: 1, request: { company_id: acme, request_id: requestId, ...sent } },
    ])
    expect(await partnered.told(id)).toEqual([
      {
        event: 'worker.task.finished',
        tenant_id: acme,
        data: {
          worker: 'uwc',
          kind: operation.kind,
          job_id: row.job_id,
          request_id: requestId,
          id,
          ...about[0],
        },
      },
    ])
    expect((await partnered.get(`/api/uwc/jobs/${id}`)).body).toMatchObject({
      id,
      kind: operation.kind,
      status: 'completed',
      job_id: row.job_id,
      request_id: requestId,
      subjects: [{ id: Object.values(about[0] ?? {})[0] }],
      result,
    })
    await eventually(
      async () => await describeWorkflow(operation.kind, requestId),
      (name) => name === 'COMPLETED',
    )
  })

  it('is completed by asking when its webhook is lost', async () => {
    partnered.simulator.faults.add({
      operation: 'webhook',
      kind: 'lost',
      provider: 'uwc',
      event_type: operation.webhook,
    })
    const { id, result } = await begin(operation)
    expect(await partnered.ended(id)).toMatchObject({ result })
    expect((await partnered.told(id)).map(({ event }) => event)).toEqual(['worker.task.finished'])
  })

  it('is completed once by webhooks that come late, twice, in any order, and badly signed', async () => {
    const provider = 'uwc' as const
    for (const kind of ['delay', 'duplicate', 'reorder', 'bad_signature'] as const)
      partnered.simulator.faults.add({ operation: 'webhook', kind, provider, delay_ms: 1200 })
    const { id, result } = await begin(operation)
    expect(await partnered.ended(id)).toMatchObject({ result })
    await eventually(
      async () => partnered.simulator.webhooks(),
      (sent) => sent.every(({ pending }) => !pending),
      30_000,
    )
    expect((await partnered.told(id)).map(({ event }) => event)).toEqual(['worker.task.finished'])
  })
})

async function describeWorkflow(kind: string, requestId: string): Promise<string> {
  const { services } = partnered.application
  const handle = services.uwc.workflowOf(kind as 'asr', requestId)
  return (await handle.describe()).status.name
}

const [asr] = operations as [Operation]

describe('@idempotency a job of the partner', () => {
  it('is one job for one Idempotency-Key, and another request under it is refused', async () => {
    const { body } = await asr.make()
    const key = { 'idempotency-key': randomUUID() }
    const answers = await Promise.all(Array.from({ length: 5 }, () => partnered.post(asr.path, body, 'acmeLead', key)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 202])
    expect(new Set(answers.map((answer) => answer.body.id as string)).size).toBe(1)
    const replayed = answers.find(({ status }) => status === 200)
    expect(replayed?.headers.get('idempotent-replayed')).toBe('true')
    const other = (await asr.make()).body
    expect(await partnered.post(asr.path, other, 'acmeLead', key)).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: 'header/idempotency-key' }] },
    })
    // The key is the caller's own.
    expect((await partnered.post(asr.path, body, 'acmeCsr', key)).status).toBe(202)
    await partnered.ended(answers[0]?.body.id as string)
    expect(await atPartner(answers[0]?.body.request_id as string)).toMatchObject([{ submissions: 1 }])
  })

  it('is known to the partner when its answer was lost, and sent again as the same', async () => {
    partnered.simulator.faults.add({ operation: 'uwc_submit', kind: 'lost_answer', times: 2 })
    partnered.simulator.configure({ uwc_job_ms: 4000 })
    const { id, requestId } = await begin(asr)
    await partnered.ended(id)
    expect(await atPartner(requestId)).toMatchObject([{ submissions: 3 }])
    expect((await partnered.told(id)).map(({ event }) => event)).toEqual(['worker.task.finished'])
  })

  it('is over as soon as its webhook comes, although the answer to its sending never did', async () => {
    partnered.simulator.faults.add({ operation: 'uwc_submit', kind: 'lost_answer' })
    const { id, requestId } = await begin(asr)
    const row = await partnered.ended(id)
    expect(row).toMatchObject({ result: { minutes: 1.5 } })
    expect(await atPartner(requestId)).toMatchObject([{ job_id: row.job_id }])
    await eventually(
      () => describeWorkflow('asr', requestId),
      (name) => name === 'COMPLETED',
    )
  })

  it('takes what a webhook without its request id said before the partner had answered', async () => {
    partnered.simulator.faults.add({ operation: 'uwc_submit', kind: 'latency', delay_ms: 1500, times: 1 })
    partnered.simulator.faults.add({ operation: 'webhook', kind: 'lost', provider: 'uwc' })
    partnered.simulator.configure({ uwc_job_ms: 60_000 })
    const { id, requestId, about } = await begin(asr)
    const [job] = await eventually(
      () => atPartner(requestId),
      (jobs) => jobs.length === 1,
    )
    partnered.simulator.faults.clear()
    await partnered.tell('asr/complete', {
      job_id: job?.job_id,
      company_id: acme,
      status: 'completed',
      timestamp: new Date().toISOString(),
      ...about[0],
      data: { transcript: 'Told early.' },
    })
    expect(await partnered.ended(id)).toMatchObject({ job_id: job?.job_id, result: { transcript: 'Told early.' } })
    const rows = await partnered.admin('select id from uwc_jobs where job_id = $1', [job?.job_id])
    expect(rows).toEqual([{ id }])
    const told = await partnered.admin<{ event: string }>(
      `select event from event_logs where data->>'job_id' = $1 and event like 'worker.%'`,
      [job?.job_id],
    )
    expect(told).toEqual([{ event: 'worker.task.finished' }])
  })
})

describe('@integration a partner that is away', () => {
  it('for an hour, time compressed, loses no job', async () => {
    for (const operation of ['uwc_submit', 'uwc_status'] as const) {
      partnered.simulator.faults.add({ operation, kind: 'reset', rate: 0.5 })
      partnered.simulator.faults.add({ operation, kind: 'status', status: 503 })
    }
    const begun = await Promise.all([...operations, ...operations, ...operations].map(begin))
    // Every job has been tried and tried again: an hour of minutes between the tries, half a second each.
    await eventually(
      async () => partnered.requests().filter(({ status }) => status === 503 || status === 0).length,
      (count) => count >= begun.length * 6,
      60_000,
    )
    expect(await partnered.jobsAtPartner()).not.toEqual(
      expect.arrayContaining([expect.objectContaining({ request_id: begun[0]?.requestId })]),
    )
    expect(await partnered.rowOf(begun[0]?.id ?? '')).toMatchObject({ status: 'queued', error: null })
    partnered.simulator.faults.clear()
    for (const { id, result } of begun) expect(await partnered.ended(id)).toMatchObject({ result })
    for (const { requestId } of begun) expect(await atPartner(requestId)).toHaveLength(1)
  }, 120_000)

  it('and comes back without its memory is sent the job again', async () => {
    partnered.simulator.faults.add({ operation: 'webhook', kind: 'lost', provider: 'uwc' })
    partnered.simulator.configure({ uwc_job_ms: 60_000 })
    const { id, requestId } = await begin(asr)
    const before = await eventually(
      () => partnered.rowOf(id),
      (row) => typeof row?.job_id === 'string',
    )
    const url = partnered.url
    partnered.simulator.reset()
    partnered.simulator.configure({ webhook_target: url })
    const row = await partnered.ended(id)
    expect(row.job_id).not.toBe(before?.job_id)
    expect(await atPartner(requestId)).toMatchObject([{ job_id: row.job_id }])
  })
})

describe('@integration a job that the partner does not do', () => {
  it('fails with the partner’s word, and is told', async () => {
    partnered.simulator.configure({ uwc_failure_rate: 1 })
    const { id } = await begin(asr)
    expect(await partnered.ended(id, 'failed')).toMatchObject({
      partner_status: 'failed',
      error: null,
      result: { error: 'the partner could not do it' },
    })
    expect(await partnered.told(id)).toMatchObject([{ event: 'worker.task.failed' }])
  })

  it('fails at once when the partner refuses it, and says why', async () => {
    partnered.simulator.faults.add({ operation: 'uwc_submit', kind: 'status', status: 422, times: 1 })
    const { id, requestId } = await begin(asr)
    await partnered.ended(id, 'failed')
    expect(await partnered.told(id)).toMatchObject([
      { event: 'worker.task.failed', data: { id, job_id: null, error: 'provider_rejected' } },
    ])
    expect((await partnered.get(`/api/uwc/jobs/${id}`)).body).toMatchObject({
      status: 'failed',
      job_id: null,
      error: { code: 'provider_rejected', detail: 'uwc answered submit_asr with 422' },
    })
    expect(await atPartner(requestId)).toEqual([])
  })

  it('waits while the fault is ours to mend', async () => {
    partnered.simulator.faults.add({ operation: 'uwc_submit', kind: 'status', status: 401, times: 3 })
    const { id } = await begin(asr)
    expect(await partnered.ended(id)).toMatchObject({ error: null })
  })
})

describe('@integration several things in one job', () => {
  it('make it complete when each of them is, whatever is lost of it', async () => {
    const ids = await Promise.all([0, 1, 2].map(() => callOf(partnered, acme)))
    partnered.simulator.faults.add({ operation: 'webhook', kind: 'lost', provider: 'uwc', times: 2 })
    const { body } = await partnered.post(asr.path, { audio_urls: ids.map((call_id) => ({ call_id, url })) })
    const { id } = body as { id: string }
    const row = await partnered.ended(id)
    const result = row.result as { items: { call_id: string; status: string }[] }
    expect(result.items.map(({ call_id, status }) => [call_id, status])).toEqual(ids.map((one) => [one, 'completed']))
    expect(await partnered.admin('select count(*)::int as n from transcripts where call_id = any($1)', [ids])).toEqual([
      { n: 3 },
    ])
    expect((await partnered.told(id)).map(({ event }) => event)).toEqual(['worker.task.finished'])
  })

  it('are documents that are new, and known ones by the company’s own id', async () => {
    const externalId = randomUUID()
    const documents = [
      { name: 'Prices', external_id: externalId, content: 'A costs 20.' },
      { name: 'Opening hours', content: 'From 9.' },
    ]
    const first = await partnered.post('/api/uwc/documents', { documents })
    const second = await partnered.post('/api/uwc/documents', { documents: documents.slice(0, 1) })
    await partnered.ended(first.body.id as string)
    await partnered.ended(second.body.id as string)
    const [prices] = await partnered.admin<{ id: string }>('select id from documents where external_id = $1', [
      externalId,
    ])
    expect([first.body.subjects[0], second.body.subjects[0]]).toEqual([
      { type: 'document', id: prices?.id },
      { type: 'document', id: prices?.id },
    ])
    expect(first.body.subjects).toHaveLength(2)
  })
})

describe('@integration what the partner says was used', () => {
  it('is counted once, by webhook or by asking', async () => {
    const samples = async () => {
      const text = (await partnered.application.services.metrics.exposition()).split('\n')
      const of = (name: string) =>
        Number(
          text
            .find((line) => line.startsWith(`${name} `))
            ?.split(' ')
            .at(-1) ?? 0,
        )
      return { minutes: of('asr_minutes_total'), tokens: of('llm_tokens_total{model="uwc-writer"}') }
    }
    const before = await samples()
    partnered.simulator.faults.add({ operation: 'webhook', kind: 'duplicate', provider: 'uwc' })
    const [told, draft] = [await begin(asr), await begin(operations[4] as Operation)]
    await partnered.ended(told.id)
    await partnered.ended(draft.id)
    partnered.simulator.faults.clear()
    partnered.simulator.faults.add({ operation: 'webhook', kind: 'lost', provider: 'uwc' })
    const asked = await begin(asr)
    await partnered.ended(asked.id)
    const after = await eventually(samples, ({ minutes }) => minutes >= before.minutes + 3)
    expect(after).toEqual({ minutes: before.minutes + 3, tokens: before.tokens + 64 })
  })
})
