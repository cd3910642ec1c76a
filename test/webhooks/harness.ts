import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { inject } from 'vitest'
import { createWebhookPurgeActivities } from '../../activities/webhook-purge.js'
import { createWebhookReplayActivities } from '../../activities/webhook-replay.js'
import { createWebhookActivities } from '../../activities/webhooks.js'
import { loadConfig } from '../../src/config.js'
import { webhookRoutes } from '../../src/http/routes/webhooks.js'
import { logInto } from '../support/log-lines.js'
import type { JobSignal } from '../../src/domain/webhook.js'
import { createMetrics } from '../../src/observability/metrics.js'
import { createProviderRegistry, type ProviderRegistry } from '../../src/providers/registry.js'
import { callbackUrl } from '../../src/providers/tavus/callback-token.js'
import { createIdentityLookup } from '../../src/store/identity-lookup.js'
import { createDatabase } from '../../src/store/database.js'
import { createKeptAnswers } from '../../src/store/only-once.js'
import { createTicketStore } from '../../src/store/ws-tickets.js'
import { createReceiptPurge } from '../../src/store/receipt-purge.js'
import { createWebhookClient } from '../../src/temporal/webhooks.js'
import { createWebhookServices } from '../../src/webhook-services.js'
import type { ProviderEventMessage } from '../../workflows/messages.js'
import { secret, startApp } from '../http/harness.js'
import { aSession, createWorld } from '../store/world.js'
import { createFlakyLink } from './flaky-link.js'

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] })

export interface EngineOptions {
  env?: Record<string, string>
  /** Stands in the place of the effects, to fail. */
  effectsOf?: (real: ProviderRegistry['effectsOf']) => ProviderRegistry['effectsOf']
  worker?: boolean
  /** Another server, or nobody. */
  temporalAddress?: string
}

export interface ReceiptRecord {
  id: string
  delivery_key: string
  status: string
  attempts: number
  tries: number
  drain: boolean
  source: string
  tenant_id: string | null
  session_id: string | null
  error: string | null
  error_side: string | null
  last_seen_at: Date
  first_processed_at: Date | null
  signal_pending: boolean
  payload: Buffer
}

/** The engine as a process runs it: HTTP, batcher, spool, a worker of its own, real PostgreSQL and Temporal. */
export async function startEngine({ env = {}, effectsOf, worker = true, temporalAddress }: EngineOptions = {}) {
  const world = await createWorld()
  const direct = new URL(world.test.url)
  const link = await createFlakyLink({ host: direct.hostname, port: Number(direct.port) })
  const url = new URL(world.test.url)
  url.host = `127.0.0.1:${link.port}`
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-spool-'))
  const config = loadConfig({
    NODE_ENV: 'test',
    JWT_SECRET: secret,
    PARLEY_DATA_DIR: dataDir,
    WEBHOOK_ACK_MS: '3000',
    DATABASE_URL: url.href,
    ...env,
  })
  const lines: Record<string, unknown>[] = []
  const log = logInto(lines)
  const metrics = createMetrics()
  const database = createDatabase({ url: url.href, poolSize: 8 })
  const real = createProviderRegistry(config)
  const registry = effectsOf ? { ...real, effectsOf: effectsOf(real.effectsOf) } : real

  const taskQueue = `webhooks-${randomUUID()}`
  const drainId = `webhook-drain-${randomUUID()}`
  const connection = await NativeConnection.connect({ address: inject('temporalAddress') })
  const client = new Client({ connection })
  const webhookClient = createWebhookClient({
    client: temporalAddress ? unreachable(temporalAddress) : client,
    taskQueue,
  })
  if (!temporalAddress) webhookClient.useNative(client)
  const signals: { sessionId: string; message: ProviderEventMessage }[] = []
  const jobSignals: JobSignal[] = []
  const wakes = { count: 0 }
  const wakeDrain = async () => {
    const input = { workflowId: drainId, taskQueue, args: [{ batchSize: 256, idleMs: 30_000 }], signal: 'wake' }
    await client.workflow.signalWithStart('webhookDrain', input)
  }
  const engine = createWebhookServices({
    config,
    log,
    metrics,
    database,
    registry,
    drainBatchMs: 10_000,
    engineTargetMs: 10_000,
    webhookClient,
    together: env.PARLEY_SPLIT !== 'true',
    async wakeDrain() {
      wakes.count++
      if (temporalAddress) throw new Error('the engine is away')
      if (worker) await wakeDrain()
    },
  })
  const deps = {
    ...engine.activityDeps,
    signalSession: (sessionId: string, message: ProviderEventMessage) =>
      Promise.resolve(void signals.push({ sessionId, message })),
    signalJob: (signal: JobSignal) => Promise.resolve(void jobSignals.push(signal)),
  }
  const { events } = engine
  const activities = {
    ...createWebhookActivities(deps),
    ...createWebhookReplayActivities(deps),
    ...createWebhookPurgeActivities({
      purge: createReceiptPurge({ database }),
      refreshTokens: world.tokens,
      shortLived: [createTicketStore(database, createIdentityLookup(database)), createKeptAnswers(database)],
      events,
    }),
  }
  const app = await startApp({
    routes: webhookRoutes({
      providers: engine.registry.all,
      receiver: engine.receiver,
      bodyLimitBytes: config.webhooks.bodyLimitBytes,
    }),
  })
  const makeWorker = () =>
    Worker.create({
      connection,
      taskQueue,
      workflowBundle: { codePath: inject('workflowBundlePath') },
      activities,
      maxCachedWorkflows: 200,
    })
  let running: { worker: Worker; done: Promise<void> } | undefined
  const startWorker = async () => {
    const created = await makeWorker()
    running = { worker: created, done: created.run() }
  }
  if (worker) await startWorker()

  async function post(sessionId: string, body: unknown, path = '/tavus/callback') {
    const address = callbackUrl({ base: `${app.url}${path}`, sessionId, secrets: config.tavus.callbackSecrets })
    const text = typeof body === 'string' ? body : JSON.stringify({ webhook_url: address, ...(body as object) })
    const response = await fetch(address, {
      method: 'POST',
      body: text,
      headers: { 'content-type': 'application/json' },
      redirect: 'manual',
    })
    return { status: response.status, body: (await response.json().catch(() => undefined)) as Record<string, unknown> }
  }

  return {
    ...world,
    database,
    config,
    engine,
    activities,
    app,
    client,
    link,
    lines,
    metrics,
    signals,
    jobSignals,
    wakes,
    wakeDrain,
    together: true,
    taskQueue,
    drainId,
    dataDir,
    post,
    startWorker,
    /** A session whose row is there. */
    async session(changes: Parameters<typeof aSession>[0] = {}) {
      const session = aSession(changes)
      await world.sessions.track(session)
      return session
    },
    receipts: (where = 'true', values: unknown[] = []) =>
      world.admin<ReceiptRecord & Record<string, unknown>>(
        `select * from webhook_receipts where ${where} order by received_at, id`,
        values,
      ),
    eventsOf: (sessionId: string) =>
      world.admin<{ event: string; data: Record<string, unknown> }>(
        'select event, data from event_logs where session_id = $1 order by id',
        [sessionId],
      ),
    sessionRow: async (sessionId: string) =>
      (
        await world.admin<Record<string, unknown>>('select * from conversations_users where session_id = $1', [
          sessionId,
        ])
      )[0],
    async close() {
      await app.stop()
      await engine.background.stop()
      await client.workflow
        .getHandle(drainId)
        .terminate()
        .catch(() => undefined)
      running?.worker.shutdown()
      await running?.done
      await connection.close()
      await database.destroy()
      await link.close()
      await world.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

export type TestEngine = Awaited<ReturnType<typeof startEngine>>

function unreachable(address: string): Client {
  return new Client({ connection: Connection.lazy({ address }) })
}

let clock = Date.parse('2026-03-01T10:00:05.000Z')

/** An event of its own time, hence of its own key. */
export function anEvent(conversationId: string, eventType: string, properties: object = {}, timestamp?: string) {
  clock += 1000
  return {
    message_type: eventType.split('.')[0],
    event_type: eventType,
    conversation_id: conversationId,
    timestamp: timestamp ?? new Date(clock).toISOString(),
    properties,
  }
}

export const shutdown = (conversationId: string, reason = 'participant_left_timeout reached') =>
  anEvent(conversationId, 'system.shutdown', { shutdown_reason: reason })

/** Asks until it holds. */
export async function eventually<T>(ask: () => Promise<T | undefined | false>, timeoutMs = 15_000): Promise<T> {
  for (const until = Date.now() + timeoutMs; ;) {
    const answer = await ask()
    if (answer) return answer
    if (Date.now() > until) throw new Error('it did not come to be in time')
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
