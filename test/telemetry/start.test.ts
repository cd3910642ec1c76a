import { trace } from '@opentelemetry/api'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { type ConfigError, loadConfig } from '../../src/config.js'
import { logInto } from '../support/log-lines.js'
import { startTelemetry, type Telemetry } from '../../src/telemetry/start.js'
import { createOtlpReceiver } from '../support/otlp.js'

const lines: Record<string, unknown>[] = []
const log = logInto(lines, { level: 'info' })
const common = { serviceName: 'under-test', version: '1.2.3', log }
const collector = await createOtlpReceiver()
let telemetry: Telemetry | undefined

afterEach(async () => {
  await telemetry?.stop()
  // The next test registers a provider of its own.
  trace.disable()
  lines.length = 0
})
afterAll(() => collector.close())

const tracer = () => trace.getTracer('test')

describe('settings of traces @unit', () => {
  const traces = (env: Record<string, string>) => loadConfig({ NODE_ENV: 'test', ...env }).observability.traces
  const endpoint = 'http://collector:4318'

  it.each([
    [{}, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_EXPORTER: 'none' }, undefined],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, undefined],
    [{ OTEL_TRACES_EXPORTER: 'console' }, { exporter: 'console' }],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: `${endpoint}/` }, { exporter: 'otlp', endpoint, protocol: 'http/protobuf' }],
  ])('%j is %j', (env, expected) => {
    expect(traces(env as Record<string, string>)).toEqual(expected)
  })

  it.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4317'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_TRACES_EXPORTER', 'zipkin'],
  ])('%s=%s stops the start, and is named', (name, value) => {
    const thrown = (() => {
      try {
        traces({ [name]: value })
      } catch (error) {
        return error as ConfigError
      }
    })()
    expect(thrown?.problems.map(({ variable }) => variable)).toEqual([name])
  })
})

describe('traces @integration', () => {
  it('leave as protobuf to /v1/traces when nothing else is said', async () => {
    telemetry = await startTelemetry({
      ...common,
      traces: { exporter: 'otlp', endpoint: collector.url, protocol: 'http/protobuf' },
    })
    tracer().startSpan('by-protobuf').end()
    await telemetry.stop()
    const [body] = collector.bodies
    expect(body).toMatchObject({ type: 'application/x-protobuf', path: '/v1/traces' })
    for (const text of ['by-protobuf', 'under-test', '1.2.3']) expect(body?.bytes.includes(text)).toBe(true)
  })

  it('are lines of the log when the console is wanted, and lines of a span name its trace', async () => {
    telemetry = await startTelemetry({ ...common, traces: { exporter: 'console' } })
    const traceId = tracer().startActiveSpan('on-the-console', (span) => {
      log.info('within')
      log.child({ trace_id: 'its-own' }).info('within a request')
      span.end()
      return span.spanContext().traceId
    })
    await telemetry.stop()
    expect(lines.find(({ message }) => message === 'within')).toMatchObject({ trace_id: traceId })
    expect(lines.find(({ message }) => message === 'within a request')).toMatchObject({ trace_id: 'its-own' })
    expect(lines.find(({ span }) => span === 'on-the-console')).toMatchObject({
      event: 'trace:span',
      trace_id: traceId,
      message: 'span',
    })
  })

  it('are dropped beyond a bound while the collector is away, and the end does not wait for it', async () => {
    collector.away = true
    telemetry = await startTelemetry({
      ...common,
      traces: { exporter: 'otlp', endpoint: collector.url, protocol: 'http/json' },
    })
    const { heapUsed } = process.memoryUsage()
    for (let n = 0; n < 50_000; n++) tracer().startSpan(`lost-${n}`).end()
    // Fifty thousand spans would be some 50 MB; the queue keeps two thousand.
    expect(process.memoryUsage().heapUsed - heapUsed).toBeLessThan(45_000_000)
    const finished = await Promise.race([
      telemetry.stop().then(() => 'finished'),
      new Promise((resolve) => setTimeout(() => resolve('hung'), 20_000)),
    ])
    expect(finished).toBe('finished')
  })
})
