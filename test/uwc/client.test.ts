import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import { MockActivityEnvironment } from '@temporalio/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { createUwcActivities } from '../../activities/uwc.js'
import type { PartnerJobKind } from '../../src/domain/webhook.js'
import { createMetrics } from '../../src/observability/metrics.js'
import { createUwcEvents } from '../../src/observability/uwc-events.js'
import { createTransport } from '../../src/providers/request.js'
import { createUwcClient, type UwcConfig } from '../../src/providers/uwc/client.js'
import { logInto } from '../support/log-lines.js'
import { webhookSecret } from '../webhooks/signed.js'

interface Seen {
  method: string
  path: string
  headers: IncomingMessage['headers']
  body: string
}
type Reply = (response: ServerResponse) => void

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Reply =>
  (response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))

/** A partner that answers as it is told, the last of its replies again and again. */
async function partner(replies: Reply[], config: Partial<UwcConfig> = {}) {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    void readText(request).then((body) => {
      const { method = '', url: path = '', headers } = request
      seen.push({ method, path, headers, body })
      ;(replies.length > 1 ? replies.shift() : replies[0])?.(response)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const metrics = createMetrics()
  const lines: Record<string, unknown>[] = []
  const transport = createTransport({ provider: 'uwc' })
  const client = createUwcClient(
    {
      baseUrl,
      apiKey: 'the-key',
      version: 'v1',
      staging: false,
      webhookSecrets: [webhookSecret, 'an older one'],
      requestTimeoutMs: 2000,
      askTimeoutMs: 5000,
      ...config,
    },
    transport,
    { events: createUwcEvents(logInto(lines), metrics), now: () => Date.parse('2026-03-01T10:00:00Z') },
  )
  cleanups.push(async () => {
    await transport.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const samples = async (name: string) =>
    (await metrics.exposition()).split('\n').filter((line) => line.startsWith(`${name}{`))
  return { client, seen, samples, lines }
}

const caller = { companyId: 'company-1', requestId: '0199a3c2-6d1e-8c4b-9a51-2f8e6b1c0d01' }
const submission = { ...caller, payload: { call_id: 'c1' }, again: false }

describe('@unit a request to the partner', () => {
  it.each([
    ['asr', '/uwc/v1/asr/batch'],
    ['rag', '/uwc/v1/documents/index'],
    ['training', '/uwc/v1/training/submit'],
    ['analysis', '/uwc/v1/analysis/submit'],
    ['followup', '/uwc/v1/followups/draft'],
  ] as [PartnerJobKind, string][])('of the kind %s names company and request, and is signed', async (kind, path) => {
    const { client, seen } = await partner([json(202, { job_id: 'job-1' })])
    expect(await client.submit(kind, submission)).toEqual({ jobId: 'job-1' })
    const [request] = seen as [Seen]
    expect(request).toMatchObject({ method: 'POST', path })
    expect(JSON.parse(request.body)).toEqual({
      company_id: 'company-1',
      request_id: caller.requestId,
      call_id: 'c1',
    })
    const key = Buffer.from(webhookSecret.replace('whsec_', ''), 'base64')
    const timestamp = String(Date.parse('2026-03-01T10:00:00Z') / 1000)
    const signature = createHmac('sha256', key).update(`${caller.requestId}.${timestamp}.${request.body}`)
    expect(request.headers).toMatchObject({
      authorization: 'Bearer the-key',
      'x-company-id': 'company-1',
      'x-request-id': caller.requestId,
      'idempotency-key': caller.requestId,
      'x-uwc-version': 'v1',
      'webhook-id': caller.requestId,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature.digest('base64')}`,
    })
    expect(request.headers).not.toHaveProperty('x-uwc-environment')
  })

  it('is of the configured version, and marked when it is for staging', async () => {
    const { client, seen } = await partner([json(200, { status: 'running' })], { version: 'v2', staging: true })
    await client.job('a/job', caller)
    expect(seen).toMatchObject([
      {
        method: 'GET',
        path: '/uwc/v2/jobs/a%2Fjob',
        headers: { 'x-uwc-environment': 'staging', 'x-uwc-version': 'v2' },
      },
    ])
  })

  it('is not signed without a secret, and not made without an address or a key', async () => {
    const unsigned = await partner([json(202, { job_id: 'job-1' })], { webhookSecrets: [] })
    await unsigned.client.submit('asr', submission)
    expect(unsigned.seen[0]?.headers).not.toHaveProperty('webhook-signature')
    for (const config of [{ baseUrl: undefined }, { apiKey: undefined }]) {
      const { client, seen } = await partner([json(202, {})], config)
      expect(client.configured).toBe(false)
      await expect(client.submit('asr', submission)).rejects.toMatchObject({ code: 'provider_not_configured' })
      expect(seen).toEqual([])
    }
  })
})

describe('@unit a failure of the partner', () => {
  it.each([
    [400, 'provider_rejected', false],
    [401, 'provider_credentials', false],
    [402, 'provider_out_of_credits', false],
    [403, 'provider_credentials', false],
    [404, 'provider_not_found', false],
    [408, 'provider_failed', true],
    [409, 'provider_rejected', false],
    [422, 'provider_rejected', false],
    [425, 'provider_failed', true],
    [429, 'provider_rate_limited', true],
    [301, 'provider_failed', true],
    [500, 'provider_failed', true],
    [503, 'provider_failed', true],
  ])('of status %i is %s', async (status, code, retryable) => {
    const { client, samples } = await partner([json(status, { error: { message: 'Anna Berg, +1 415 555 2671' } })])
    const failure = await client.submit('asr', submission).catch((error: unknown) => error as Error)
    expect(failure).toMatchObject({ code, retryable, providerStatus: status, provider: 'uwc' })
    expect((failure as Error).message).not.toContain('Anna')
    expect(await samples('uwc_requests_total')).toEqual([
      `uwc_requests_total{endpoint="submit_asr",method="POST",status="${status}"} 1`,
    ])
    expect(await samples('uwc_request_errors_total')).toEqual([
      `uwc_request_errors_total{endpoint="submit_asr",error_type="${code}"} 1`,
    ])
  })

  it.each([
    ['no JSON', (response: ServerResponse) => void response.end('<html>')],
    ['no job', json(200, { status: 'queued' })],
    ['a job without an id', json(200, { job_id: 7 })],
    ['a list', json(200, [])],
  ])('that answers with %s is one of the partner, result unknown', async (_, reply) => {
    const { client } = await partner([reply])
    await expect(client.submit('asr', submission)).rejects.toMatchObject({
      code: 'provider_failed',
      unknownResult: true,
    })
  })

  it('that does not answer in time, or not at all, is told apart', async () => {
    const silent = await partner([() => undefined], { requestTimeoutMs: 100 })
    await expect(silent.client.submit('asr', submission)).rejects.toMatchObject({ code: 'provider_timeout' })
    const gone = await partner([(response) => void response.destroy()])
    await expect(gone.client.submit('asr', submission)).rejects.toMatchObject({ code: 'provider_unreachable' })
    expect(await gone.samples('uwc_requests_total')).toEqual([
      'uwc_requests_total{endpoint="submit_asr",method="POST",status="none"} 1',
    ])
    expect(await silent.samples('uwc_request_errors_total')).toEqual([
      'uwc_request_errors_total{endpoint="submit_asr",error_type="provider_timeout"} 1',
    ])
  })
})

const question = { ...caller, query: 'When?', userRole: 'rep' }

describe('@unit a question to the partner', () => {
  it('is asked with the caller’s role, and again while the partner is away', async () => {
    const { client, seen, samples } = await partner([
      json(503, {}),
      json(429, {}, { 'retry-after': '0' }),
      json(200, { answer: 'Thursday.', sources: ['doc-1', { document_id: 'doc-2', score: 0.5 }, 7] }),
    ])
    expect(await client.ask(question)).toMatchObject({
      answer: 'Thursday.',
      sources: [{ document_id: 'doc-1' }, { document_id: 'doc-2', score: 0.5 }],
    })
    expect(seen.map(({ body }) => JSON.parse(body) as object)).toEqual(
      Array.from({ length: 3 }, () => ({
        company_id: 'company-1',
        request_id: caller.requestId,
        query: 'When?',
        context: { user_role: 'rep' },
      })),
    )
    expect(await samples('uwc_retries_total')).toEqual(['uwc_retries_total{endpoint="ask"} 2'])
  })

  it('is not asked again when it is refused, nor when the partner wants to be left alone for longer', async () => {
    const refused = await partner([json(422, {})])
    await expect(refused.client.ask(question)).rejects.toMatchObject({ code: 'provider_rejected' })
    const busy = await partner([json(429, {}, { 'retry-after': '60' })])
    await expect(busy.client.ask(question)).rejects.toMatchObject({
      code: 'provider_rate_limited',
      retryAfterSeconds: 60,
    })
    expect([refused.seen.length, busy.seen.length]).toEqual([1, 1])
  })

  it('is given up after some tries', async () => {
    const { client, seen } = await partner([json(500, {})])
    await expect(client.ask(question)).rejects.toMatchObject({ code: 'provider_failed' })
    expect(seen).toHaveLength(4)
  })

  it.each([
    [{ data: { response: 'In data.', citations: [{ id: 1 }] } }, { answer: 'In data.', sources: [{ id: 1 }] }],
    [{ text: 'As text.' }, { answer: 'As text.', sources: [] }],
  ])('may be answered as %j', async (body, expected) => {
    const { client } = await partner([json(200, body)])
    expect(await client.ask(question)).toMatchObject(expected)
  })
})

describe('@unit the step that sends a job', () => {
  const row = { kind: 'asr' as const, status: 'queued' as const, requestId: caller.requestId, jobId: null, request: {} }
  async function failureOf(reply: Reply, enabled = true) {
    const { client, seen, samples } = await partner([reply])
    const never = () => Promise.reject(new Error('not expected'))
    const activities = createUwcActivities({
      jobs: { open: () => Promise.resolve(row), submitted: never, forget: never, end: never },
      client,
      enabled: () => enabled,
      ingest: never,
      log: logInto([]),
    })
    const environment = new MockActivityEnvironment({ attempt: 2 })
    const failure: unknown = await environment
      .run(activities.submitUwcJob, { id: 'i', tenantId: 't' })
      .catch((error: unknown) => error)
    return { failure, seen, samples }
  }

  it('waits as long as the partner says', async () => {
    const { failure, samples } = await failureOf(json(429, {}, { 'retry-after': '120' }))
    expect(failure).toMatchObject({ type: 'provider_rate_limited', nonRetryable: false, nextRetryDelay: 120_000 })
    expect(await samples('uwc_retries_total')).toEqual(['uwc_retries_total{endpoint="submit_asr"} 1'])
  })

  it.each([
    [422, 'provider_rejected', true],
    [401, 'provider_credentials', false],
    [402, 'provider_out_of_credits', false],
    [404, 'provider_not_found', false],
    [503, 'provider_failed', false],
  ])('after %i fails as %s, for good: %s', async (status, type, nonRetryable) => {
    expect((await failureOf(json(status, {}))).failure).toMatchObject({ type, nonRetryable })
  })

  it('sends nothing of what was switched off meanwhile', async () => {
    const { failure, seen } = await failureOf(json(202, {}), false)
    expect(failure).toMatchObject({ type: 'feature_disabled', nonRetryable: true })
    expect(seen).toEqual([])
  })
})
