import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

const requestMs = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000]
const prewarmSeconds = [0.1, 0.5, 1, 2, 4, 8, 12, 16, 20, 30, 60]
/** Dense around WEBHOOK_ACK_MS. */
const ackMs = [1, 2, 5, 10, 25, 50, 100, 200, 300, 400, 500, 1000, 5000]

/** The process's instruments, in a registry of their own: two applications in one process do not count for each other. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  const sources: (() => Promise<string>)[] = []
  const collectors: (() => void | Promise<void>)[] = []
  collectDefaultMetrics({ register: registry })

  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name, help, labelNames, registers })
  const histogram = <L extends string>(name: string, help: string, buckets: number[], labelNames: readonly L[] = []) =>
    new Histogram<L>({ name, help, buckets, labelNames, registers })

  return {
    registry,
    contentType: registry.contentType,

    httpRequests: counter('http_requests_total', 'Answered requests', ['route', 'method', 'status']),
    httpRequestDurationMs: histogram('http_request_duration_ms', 'Time to the answer', requestMs, [
      'route',
      'method',
      'status',
    ]),
    rateLimitHits: counter('rate_limit_hits_total', 'Requests refused by a limit'),
    rateLimitFallbacks: counter('rate_limit_fallback_total', 'Requests counted in memory because Redis failed'),
    redisUp: new Gauge({
      name: 'redis_up',
      help: 'Whether a connection to Redis stands; absent without REDIS_URL',
      labelNames: ['role'] as const,
      registers,
    }),

    workerTasks: counter('worker_task_total', 'Finished activity attempts', ['name', 'status']),
    workerTaskDurationMs: histogram('worker_task_duration_ms', 'Time of an activity attempt', requestMs, ['name']),

    webhooksProcessed: counter('webhook_processed_total', 'Webhook events taken', ['provider', 'tenant_id', 'status']),
    webhookDuplicates: counter('webhook_duplicates_total', 'Deliveries of an event already taken', [
      'provider',
      'tenant_id',
    ]),
    webhookFailures: counter('webhook_failures_total', 'Webhook events that could not be taken', [
      'provider',
      'tenant_id',
    ]),
    webhookAckDurationMs: histogram('webhook_ack_duration_ms', 'Time to the answer to a provider', ackMs, ['provider']),
    webhookIdempotencyPurged: counter(
      'webhook_idempotency_purged_total',
      'Receipts deleted after IDEMPOTENCY_TTL_DAYS',
    ),

    wsConnections: new Gauge({
      name: 'ws_connections',
      help: 'Open connections for events, by transport',
      labelNames: ['transport'] as const,
      registers,
    }),
    wsMessages: counter('ws_messages_total', 'Messages of connections for events, by direction', ['direction']),
    wsDropped: counter('ws_dropped_total', 'Events that a reader was too slow for'),

    sessionsStarted: counter('session_started_total', 'Sessions started', ['provider']),
    sessionsEnded: counter('session_ended_total', 'Sessions ended', ['provider', 'reason']),
    sessionsActive: new Gauge({ name: 'session_active', help: 'Sessions that run now', registers }),
    prewarmDurationSeconds: histogram(
      'prewarm_duration_seconds',
      'Time of a prewarm of the custom LLM',
      prewarmSeconds,
    ),
    providerRequestDurationMs: histogram('provider_request_duration_ms', 'Time of a request to a provider', requestMs, [
      'provider',
      'operation',
      'status',
    ]),

    uwcRequests: counter('uwc_requests_total', 'Requests to the ML partner; status none without an answer', [
      'endpoint',
      'method',
      'status',
    ]),
    uwcRequestDurationMs: histogram('uwc_request_duration_ms', 'Time of a request to the ML partner', requestMs, [
      'endpoint',
      'method',
    ]),
    uwcRequestErrors: counter('uwc_request_errors_total', 'Requests to the ML partner that failed', [
      'endpoint',
      'error_type',
    ]),
    uwcRetries: counter('uwc_retries_total', 'Requests to the ML partner that were made again', ['endpoint']),

    asrMinutes: counter('asr_minutes_total', 'Minutes of speech that a provider transcribed'),
    llmTokens: counter('llm_tokens_total', 'Tokens that a language model read and wrote', ['model']),
    smsSent: counter('sms_sent_total', 'Text messages that left'),

    /** Every instrument as the documents show it. */
    describe: () => registry.getMetricsAsArray().map(description),
    /** Adds text of another exporter; one that fails leaves the rest readable. */
    addSource(source: () => Promise<string>): void {
      sources.push(source)
    },
    /** Runs before each exposition, to set gauges that are asked for and not counted. */
    addCollector(collect: () => void | Promise<void>): void {
      collectors.push(collect)
    },
    async exposition(): Promise<string> {
      await Promise.allSettled(collectors.map(async (collect) => collect()))
      const others = await Promise.allSettled(sources.map((source) => source()))
      const own = await registry.metrics()
      const texts = [own, ...others.map((text) => (text.status === 'fulfilled' ? text.value : ''))]
      return (
        texts
          .map((text) => text.trim())
          .filter((text) => text !== '')
          .join('\n\n') + '\n'
      )
    },
  }
}

function description(metric: { name: string; help: string }) {
  const { labelNames = [] } = metric as { labelNames?: readonly string[] }
  const type = metric instanceof Counter ? 'counter' : metric instanceof Histogram ? 'histogram' : 'gauge'
  return { name: metric.name, help: metric.help, type, labels: [...labelNames] }
}

export type Metrics = ReturnType<typeof createMetrics>
