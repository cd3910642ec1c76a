import { randomUUID } from 'node:crypto'
import { NativeConnection, Worker } from '@temporalio/worker'
import { inject } from 'vitest'
import {
  createFollowUpActivities,
  createFollowUpCarrierActivities,
  type FollowUpActivityDeps,
} from '../../activities/follow-ups.js'
import { loadConfig } from '../../src/config.js'
import { seedUsers } from '../../src/dev/seed.js'
import type { FollowUpDrafts } from '../../src/domain/follow-up-draft.js'
import { createFollowUpServices } from '../../src/follow-up-services.js'
import { createFollowUpDrafts } from '../../src/follow-up-drafts.js'
import { followUpRoutes } from '../../src/http/routes/follow-ups.js'
import { quietHoursRoutes } from '../../src/http/routes/quiet-hours.js'
import { createEvents } from '../../src/observability/events.js'
import { createTransport } from '../../src/providers/request.js'
import { startSimulator } from '../../src/simulator/server.js'
import { accountsOf } from '../../src/simulator/webhooks/accounts.js'
import { registerSearchAttributes } from '../../src/temporal/connection.js'
import { secret, startApp, tokenFor } from '../http/harness.js'
import { acme, actors, borealis } from '../store/world.js'
import { call } from '../support/client.js'
import { eventually, startEngine } from '../webhooks/harness.js'

const publicUrl = 'https://parley.example.com'
export const ownNumber = '+15005550006'
export const leads = {
  ofRep: '0192a000-0000-7000-8000-000000000a01',
  ofRep2: '0192a000-0000-7000-8000-000000000a02',
  withoutPhone: '0192a000-0000-7000-8000-000000000a03',
  ofBorealis: '0192a000-0000-7000-8000-000000000a04',
}
export const phoneOf = { ofRep: '+14155552671', ofRep2: '+14155552672', ofBorealis: '+14155552673' }

const baseEnv = (simulator: string) => ({
  PUBLIC_URL: publicUrl,
  TWILIO_ACCOUNT_SID: 'AC00000000000000000000000000000001',
  TWILIO_AUTH_TOKEN: 'the-token-of-the-simulated-account',
  TWILIO_FROM_NUMBER: ownNumber,
  TWILIO_BASE_URL: simulator,
  BLAND_API_KEY: 'the-key-of-the-simulated-account',
  BLAND_WEBHOOK_SECRET: 'the-secret-of-the-simulated-account',
  BLAND_BASE_URL: simulator,
})

export type Who = keyof typeof actors

export interface FollowUpOptions {
  env?: Record<string, string>
  /** Stands in the place of single parts of the activities. */
  change?: (deps: FollowUpActivityDeps) => FollowUpActivityDeps
  drafts?: FollowUpDrafts
  gapMs?: number
  confirmMs?: number
  giveUpMs?: number
  resultMs?: number
  worker?: boolean
  now?: () => number
}

/** Follow-ups as a process runs them: routes, workflow, webhooks, a simulator that is called and written through. */
export async function startFollowUps(options: FollowUpOptions = {}) {
  const { gapMs = 0, confirmMs = 2000, giveUpMs = 20_000, resultMs = 60_000 } = options
  const known = loadConfig({ NODE_ENV: 'test', JWT_SECRET: secret, ...baseEnv('http://127.0.0.1') })
  const simulator = await startSimulator({
    port: 0,
    host: '127.0.0.1',
    apiKey: 'sim',
    seed: 7,
    accounts: accountsOf(known),
  })
  const engine = await startEngine({ env: { ...baseEnv(simulator.url), ...options.env } })
  simulator.configure({ webhook_target: engine.app.url, webhook_signed_base: publicUrl })
  const queue = `follow-ups-${randomUUID()}`
  const config = {
    ...engine.config,
    temporal: {
      ...engine.config.temporal,
      taskQueues: { ...engine.config.temporal.taskQueues, sessions: queue, providers: queue },
    },
    followUps: {
      gapMs,
      confirmMs,
      giveUpMs,
      requestMs: 1000,
      limits: { draftPauseMs: 50, draftMs: 20_000, resultMs, resultAsks: 5 },
    },
  }
  const transports = { twilio: createTransport({ provider: 'twilio' }), bland: createTransport({ provider: 'bland' }) }
  const services = createFollowUpServices({
    config,
    database: engine.database,
    client: engine.client,
    events: createEvents(engine.app.services.log, engine.metrics),
    transports,
    drafts: options.drafts ?? createFollowUpDrafts(),
    ingest: async ({ provider, path, body }) => {
      const { ingestDeliveries, registry, events } = engine.engine
      events.asked(await ingestDeliveries([registry.parse(provider, body, path)]))
    },
    pauses: { firstPauseMs: 50 },
  })
  await registerSearchAttributes(engine.client, 'default')
  const api = await startApp({
    routes: [...followUpRoutes({ followUps: services }), ...quietHoursRoutes({ followUps: services })],
  })
  await engine.admin(
    `insert into leads (id, tenant_id, name, phone, owner_user_id) values ($1, $5, 'One', $6, $9), ($2, $5, 'Two', $7, $10),
       ($3, $5, 'Three', null, $9), ($4, $11, 'Four', $8, null)`,
    [...Object.values(leads), acme, ...Object.values(phoneOf), seedUsers.acmeRep.id, seedUsers.acmeRep2.id, borealis],
  )
  // No test depends on the time of day but those that say so.
  await engine.admin(`insert into quiet_hours (tenant_id) values ($1), ($2)`, [acme, borealis])
  const tokens: Record<string, string> = {}
  for (const [name, { tenantId, userId, role }] of Object.entries(actors))
    tokens[name] = await tokenFor({ sub: userId, company_id: tenantId, role }, { expiresInSeconds: 3600 })

  const workers: { worker: Worker; done: Promise<unknown>; connection: NativeConnection }[] = []
  async function startWorker(change: FollowUpOptions['change'] = (deps) => deps) {
    const usual: FollowUpActivityDeps = { ...services.activityDeps, ...(options.now && { now: options.now }) }
    const deps = change(options.change?.(usual) ?? usual)
    const connection = await NativeConnection.connect({ address: inject('temporalAddress') })
    const worker = await Worker.create({
      connection,
      taskQueue: queue,
      workflowBundle: { codePath: inject('workflowBundlePath') },
      activities: { ...createFollowUpActivities(deps), ...createFollowUpCarrierActivities(deps) },
      shutdownForceTime: '200ms',
      stickyQueueScheduleToStartTimeout: 1000,
    })
    const running = { worker, connection, done: worker.run().catch(() => undefined) }
    workers.push(running)
    return {
      /** As a process that is killed: what it was doing is never heard of again. */
      async kill() {
        worker.shutdown()
        await running.done
      },
    }
  }
  if (options.worker ?? true) await startWorker()

  const ask = (who: Who, method: string, path: string, body?: object, headers: Record<string, string> = {}) =>
    call(`${api.url}${path}`, { method, token: tokens[who], body, headers })
  const row = async (id: string) =>
    (await engine.admin<Record<string, unknown>>('select * from follow_ups where id = $1', [id]))[0]

  return {
    engine,
    simulator,
    services,
    api,
    queue,
    ask,
    row,
    startWorker,
    admin: engine.admin,
    post: (who: Who, body: object, headers?: Record<string, string>) => ask(who, 'POST', '/follow-ups', body, headers),
    /** The row once it has one of these statuses. */
    until: (id: string, statuses: readonly string[], timeoutMs = 60_000) =>
      eventually(async () => {
        const found = await row(id)
        return found && statuses.includes(String(found.status)) ? found : undefined
      }, timeoutMs),
    /** Messages and calls that the simulator has brought to people for one follow-up. */
    reachedFor(id: string) {
      const { messages, calls } = simulator.reached()
      return [
        ...messages.filter(({ statusCallback }) => statusCallback?.includes(id)),
        ...calls.filter(({ metadata }) => metadata.follow_up_id === id),
      ]
    },
    eventsOf: async (id: string) =>
      engine.admin<{ event: string; data: Record<string, unknown>; lead_id: string; tenant_id: string }>(
        `select event, data, lead_id, tenant_id from event_logs where data->>'follow_up_id' = $1 order by id`,
        [id],
      ),
    async close() {
      await api.stop()
      for (const { worker, done, connection } of workers) {
        if (worker.getState() === 'RUNNING') worker.shutdown()
        await done
        await connection.close().catch(() => undefined)
      }
      await Promise.all([transports.twilio.close(), transports.bland.close()])
      await simulator.close()
      await engine.close()
    },
  }
}

export type FollowUpWorld = Awaited<ReturnType<typeof startFollowUps>>
