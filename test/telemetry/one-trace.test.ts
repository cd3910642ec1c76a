import { randomBytes, randomUUID } from 'node:crypto'
import { Client, Connection } from '@temporalio/client'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { noSpans } from '../../src/temporal/worker.js'
import { call, eventually, login } from '../support/client.js'
import { createOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../support/otlp.js'
import { type Stack, startStack } from '../support/stack.js'

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] })

vi.setConfig({ testTimeout: 120_000 })
const patienceMs = 40_000
let collector: OtlpReceiver
let stack: Stack
let token: string

beforeAll(async () => {
  collector = await createOtlpReceiver()
  stack = await startStack({
    split: true,
    env: {
      LOG_LEVEL: 'debug',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '200',
      OTEL_SERVICE_NAME_API: 'api-under-test',
      OTEL_SERVICE_NAME_WORKER: 'worker-under-test',
      SESSION_ARTIFACT_WAIT_SECONDS: '1',
    },
  })
  token = await login(stack.url)
}, 180_000)
afterAll(async () => {
  await stack?.stop()
  await collector?.close()
})

const newTraceparent = () => {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')]
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-01` }
}

const ofTrace = (traceId: string) => collector.spans.filter((span) => span.traceId === traceId)
const named = (spans: ReceivedSpan[], name: string | RegExp) =>
  spans.filter((span) => (typeof name === 'string' ? span.name === name : name.test(span.name)))
const parentOf = (spans: ReceivedSpan[], span: ReceivedSpan | undefined) =>
  spans.find(({ spanId }) => spanId === span?.parentSpanId)
/** Names from the span up to the root. */
function pathOf(spans: ReceivedSpan[], span: ReceivedSpan | undefined): string[] {
  return span ? [span.name, ...pathOf(spans, parentOf(spans, span))] : []
}
const untilTrace = (traceId: string, isWhole: (spans: ReceivedSpan[]) => boolean) =>
  eventually(async () => ofTrace(traceId), isWhole, patienceMs)

/** A session under a trace of our own. */
async function tracedStart() {
  const sent = newTraceparent()
  const answer = await call(`${stack.url}/sessions`, {
    token,
    headers: { traceparent: sent.traceparent, 'idempotency-key': randomUUID() },
    body: { provider: 'tavus' },
  })
  expect(answer.status).toBe(201)
  return { ...sent, answer, sessionId: (answer.body as { session_id: string }).session_id }
}

describe('a session start @integration', () => {
  it('is one trace from the request through workflow and activity to the provider and the database', async () => {
    const { traceId, spanId, answer, sessionId } = await tracedStart()
    expect(answer.headers.get('x-trace-id')).toBe(traceId)
    const spans = await untilTrace(
      traceId,
      (all) => named(all, 'POST /sessions').length > 0 && named(all, 'RunActivity:createConversation').length > 0,
    )

    const [server] = named(spans, 'POST /sessions')
    expect(server).toMatchObject({ kind: 2, parentSpanId: spanId, service: 'api-under-test' })
    expect(server?.attributes).toMatchObject({ 'http.route': '/sessions', 'http.response.status_code': 201 })

    const [activity] = named(spans, 'RunActivity:createConversation')
    expect(pathOf(spans, activity)).toEqual([
      'RunActivity:createConversation',
      'StartActivity:createConversation',
      'RunWorkflow:conversationSession',
      'UpdateWithStartWorkflow:awaitReady',
      'POST /sessions',
    ])
    expect(activity).toMatchObject({ service: 'worker-under-test' })
    expect(activity?.attributes.temporalWorkflowId).toBe(`session/${sessionId}`)

    const below = spans.filter((span) => span.parentSpanId === activity?.spanId)
    const providerCalls = below.filter(({ attributes }) => 'url.full' in attributes)
    expect(providerCalls.map(({ attributes }) => attributes)).toContainEqual(
      expect.objectContaining({
        'http.request.method': 'POST',
        'url.full': `${stack.simulator.url}/v2/conversations`,
        'http.response.status_code': 200,
      }),
    )
    const statements = below.filter(({ attributes }) => attributes['db.system.name'] === 'postgresql')
    expect(statements.map(({ attributes }) => String(attributes['db.query.text']))).toContainEqual(
      expect.stringContaining('conversations_users'),
    )
    // Whoever is named as a parent is there, but for the caller's own span.
    const known = new Set([spanId, ...spans.map((span) => span.spanId)])
    expect(spans.filter((span) => span.parentSpanId === undefined || !known.has(span.parentSpanId))).toEqual([])
  })

  it('has the same trace id in the answer, in both processes’ logs, and in the end of the session', async () => {
    const { traceId, sessionId } = await tracedStart()
    const logged = () => stack.logLines.filter((line) => line.includes(traceId))
    await eventually(
      async () => logged(),
      (lines) =>
        ['worker-under-test', '"message":"request completed"'].every((text) =>
          lines.some((line) => line.includes(text)),
        ),
    )
    for (const line of logged()) expect(line.match(/"trace_id"/g)).toHaveLength(1)

    const end = newTraceparent()
    const ended = await call(`${stack.url}/sessions/${sessionId}/end`, {
      token,
      headers: { traceparent: end.traceparent },
    })
    expect(ended.status).toBe(200)
    const ends = ['HandleUpdate:end', 'StartWorkflowUpdate:end', 'POST /sessions/:session_id/end']
    const spans = await untilTrace(end.traceId, (all) => ends.every((name) => named(all, name).length > 0))
    expect(pathOf(spans, named(spans, 'HandleUpdate:end')[0])).toEqual(ends)
    // What the end sets off belongs to the session, and so to its start.
    await untilTrace(traceId, (all) => named(all, 'RunActivity:endConversation').length > 0)
  })

  it('gives a refused request the trace of its caller', async () => {
    const { traceId, traceparent } = newTraceparent()
    const answer = await call(`${stack.url}/sessions/${randomUUID()}`, {
      method: 'GET',
      token,
      headers: { traceparent },
    })
    expect(answer.status).toBe(404)
    expect(answer.body).toMatchObject({ trace_id: traceId })
    expect(answer.headers.get('x-trace-id')).toBe(traceId)
  })
})

describe('a webhook @integration', () => {
  it('carries its trace into its workflow and on to the session’s', async () => {
    await tracedStart()
    // Which of them the drain takes instead, a busy machine decides.
    const whole = (name: string) =>
      eventually(
        async () =>
          collector.spans.filter((span) => span.name === name).map((span) => pathOf(ofTrace(span.traceId), span)),
        (paths) => paths.some((path) => path.at(-1) === 'POST /tavus/callback' && path.length >= 5),
        patienceMs,
      )
    const delivery = ['RunWorkflow:webhookDelivery', 'StartWorkflow:webhookDelivery', 'POST /tavus/callback']
    expect(await whole('RunActivity:processReceipt')).toContainEqual([
      'RunActivity:processReceipt',
      'StartActivity:processReceipt',
      ...delivery,
    ])
    expect(await whole('HandleSignal:providerEvent')).toContainEqual([
      'HandleSignal:providerEvent',
      'SignalWorkflow:providerEvent',
      ...delivery,
    ])
    const processed = collector.spans.filter((span) => span.name === 'RunActivity:processReceipt')
    const below = collector.spans.filter((span) => processed.some(({ spanId }) => spanId === span.parentSpanId))
    expect(below.filter(({ attributes }) => attributes['db.system.name'] === 'postgresql').length).toBeGreaterThan(0)
  }, 90_000)
})

describe('a history that was recorded under tracing @integration', () => {
  it('replays on a worker without it, and so does one without on today’s bundle', async () => {
    const { sessionId } = await tracedStart()
    await call(`${stack.url}/sessions/${sessionId}/end`, { token, headers: newTraceparent() })
    const connection = await Connection.connect({ address: stack.temporalAddress })
    try {
      const client = new Client({ connection })
      const session = client.workflow.getHandle(`session/${sessionId}`)
      await session.result()
      const delivery = collector.spans.find(({ name }) => name === 'StartWorkflow:webhookDelivery')
      const webhook = client.workflow.getHandle(String(delivery?.attributes.temporalWorkflowId))
      for (const handle of [session, webhook]) {
        const history = await handle.fetchHistory()
        expect(JSON.stringify(historyToJSON(history))).toContain('_tracer-data')
        const workflowBundle = { codePath: inject('workflowBundlePath') }
        await Worker.runReplayHistory({ workflowBundle, sinks: noSpans }, history)
      }
    } finally {
      await connection.close()
    }
  }, 60_000)
})

describe('what leaves with a span @integration', () => {
  it('names no person, carries no token, and no value of a statement', async () => {
    const email = 'zebulon.quackenbush@secret.example'
    await call(`${stack.url}/auth/login?email=${email}`, { body: { email, password: 'hunter2-hunter2' } })
    await call(`${stack.url}/nowhere/${email}?token=abcdefgh12345678`, {
      method: 'GET',
      headers: { 'user-agent': email },
    })
    const before = collector.spans.length
    await eventually(
      async () => collector.spans.slice(before),
      (spans) => named(spans, /unmatched/).length > 0,
      patienceMs,
    )
    const text = JSON.stringify(collector.spans)
    for (const planted of ['zebulon', 'quackenbush', 'hunter2', 'abcdefgh12345678', 'lead@acme.test', 'token=', token])
      expect(text).not.toContain(planted)
    expect(text).not.toMatch(/"(?:client\.address|user_agent\.original|url\.query|url\.path|memo|searchAttributes)"/)
  })

  it('leaves probes out', () => {
    expect(named(collector.spans, /ready|health|metrics/)).toEqual([])
  })
})

describe('without its collector @integration', () => {
  it('Parley answers as before, and says once that spans are lost', async () => {
    collector.away = true
    const { answer } = await tracedStart()
    expect(answer.status).toBe(201)
    const lost = await eventually(
      async () => stack.logLines.filter((line) => line.includes('trace:lost')),
      (lines) => lines.length > 0,
      60_000,
    )
    expect(lost[0]).toContain('spans could not be delivered')
    expect((await tracedStart()).answer.status).toBe(201)
    collector.away = false
    const { traceId } = await tracedStart()
    await untilTrace(traceId, (spans) => named(spans, 'POST /sessions').length > 0)
  }, 120_000)
})
