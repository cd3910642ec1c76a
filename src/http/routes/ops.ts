import { z } from 'zod'
import { UnavailableError } from '../../domain/errors.js'
import type { AppServices } from '../app-services.js'
import { type Route, route } from '../route.js'

/** An orchestrator gives a probe a second or two: a part that hangs is down. */
const probeTimeoutMs = 1500

const component = z.enum(['up', 'down'])

const healthSchema = z
  .object({ status: z.literal('ok'), service: z.string(), version: z.string(), trace_id: z.string() })
  .meta({ id: 'Health' })

const readinessSchema = z
  .object({
    ready: z.boolean(),
    components: z.object({
      database: component,
      temporal: component,
      workers: component,
      redis: component.optional().meta({
        description: 'With REDIS_URL. Down, it leaves the API ready: limits count in memory until it is back',
      }),
    }),
    timestamp: z.string().meta({ description: 'RFC 3339, UTC' }),
    duration_ms: z.number(),
    service: z.string(),
  })
  .meta({
    id: 'Readiness',
    example: {
      ready: true,
      components: { database: 'up', temporal: 'up', workers: 'up' },
      timestamp: '2026-11-21T12:00:00.000Z',
      duration_ms: 4,
      service: 'parley-api',
    },
  })

const heartbeatSchema = z
  .object({
    workers: z.array(z.object({ identity: z.string(), task_queue: z.string(), last_poll: z.string() })),
  })
  .meta({ id: 'WorkerHeartbeat' })

const fresh = { 'Cache-Control': 'no-store' }
const unlimited = { tags: ['operations'], auth: 'none', limits: false } as const

type Deps = Pick<AppServices, 'config' | 'version' | 'metrics' | 'probes' | 'workerHeartbeats'>

/** What orchestrators and Prometheus ask. */
export function opsRoutes({ config, version, metrics, probes, workerHeartbeats }: Deps): Route[] {
  const service = config.observability.apiServiceName
  return [
    route({
      ...unlimited,
      method: 'get',
      path: ['/health', '/livez'],
      operationId: 'health',
      summary: 'Whether the process lives; asks nothing else',
      responses: { 200: { description: 'It lives', schema: healthSchema } },
      handler: ({ traceId }) => ({
        status: 200,
        headers: fresh,
        body: { status: 'ok', service, version, trace_id: traceId },
      }),
    }),
    route({
      ...unlimited,
      method: 'get',
      path: ['/ready', '/readyz'],
      operationId: 'ready',
      summary: 'Whether everything that requests need is there',
      responses: {
        200: { description: 'Ready', schema: readinessSchema },
        503: { description: 'A part is away', schema: readinessSchema },
      },
      async handler() {
        const started = performance.now()
        const [database, temporal, workers, redis] = await Promise.all([
          stateOf(probes.database),
          stateOf(probes.temporal),
          stateOf(probes.workers),
          probes.redis && stateOf(probes.redis),
        ])
        const ready = [database, temporal, workers].every((state) => state === 'up')
        const body = {
          ready,
          components: { database, temporal, workers, ...(redis === undefined ? {} : { redis }) },
          timestamp: new Date().toISOString(),
          duration_ms: Math.round(performance.now() - started),
          service,
        }
        return { status: ready ? 200 : 503, headers: fresh, body }
      },
    }),
    route({
      ...unlimited,
      method: 'get',
      path: '/metrics',
      operationId: 'metrics',
      summary: 'Metrics in the text format of Prometheus',
      responses: { 200: { description: 'Metrics', schema: z.string(), contentType: metrics.contentType } },
      handler: async () => ({ status: 200, headers: fresh, body: await metrics.exposition() }),
    }),
    route({
      method: 'get',
      path: '/internal/worker/heartbeat',
      operationId: 'workerHeartbeat',
      summary: 'Who polls each task queue, and when last',
      tags: ['operations'],
      auth: 'none',
      responses: {
        200: { description: 'Pollers as the workflow engine knows them', schema: heartbeatSchema },
        503: { description: 'The workflow engine is away' },
      },
      async handler() {
        const workers = await workerHeartbeats().catch(() => {
          throw new UnavailableError('the workflow engine did not answer', 'engine_unavailable')
        })
        return { status: 200, headers: fresh, body: { workers } }
      },
    }),
  ]
}

async function stateOf(probe: () => Promise<unknown>): Promise<'up' | 'down'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'down'>((resolve) => (timer = setTimeout(() => resolve('down'), probeTimeoutMs)))
  const state = probe().then(
    () => 'up' as const,
    () => 'down' as const,
  )
  return await Promise.race([state, late]).finally(() => clearTimeout(timer))
}
