import type { Client } from './client.js'
import { type CheckRunner, ensure } from './results.js'

const metrics = [
  'http_requests_total',
  'http_request_duration_ms',
  'worker_task_total',
  'worker_task_duration_ms',
  'webhook_processed_total',
  'webhook_duplicates_total',
  'webhook_failures_total',
  'webhook_ack_duration_ms',
  'session_started_total',
  'session_ended_total',
  'session_active',
  'prewarm_duration_seconds',
  'provider_request_duration_ms',
  'asr_minutes_total',
  'llm_tokens_total',
  'sms_sent_total',
  'rate_limit_hits_total',
  'ws_connections',
  'ws_messages_total',
  'ws_dropped_total',
]

/** What orchestrators and Prometheus ask. */
export async function checkOperations({ client, check }: { client: Client; check: CheckRunner }): Promise<void> {
  await check('/health lives', async () => {
    const { status, body, seen } = await client.ask('/health')
    ensure(status === 200 && body?.status === 'ok' && typeof body.trace_id === 'string', () => seen)
    return `version ${String(body.version)}`
  })
  await check('/ready is ready', async () => {
    const { status, body, seen } = await client.ask('/ready')
    const components = Object.entries((body?.components ?? {}) as Record<string, string>)
    const states = components.map(([name, state]) => `${name} ${state}`).join(', ')
    ensure(status === 200 && body?.ready === true, () => `${seen}: ${states}`)
    return states
  })
  await check('/metrics has every metric', async () => {
    const { status, text, seen } = await client.ask('/metrics')
    ensure(status === 200, () => seen)
    const missing = metrics.filter((name) => !new RegExp(`^# TYPE ${name} `, 'm').test(text))
    ensure(missing.length === 0, () => `without ${missing.join(', ')}`)
    return `${metrics.length} names`
  })
}
