import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Connection } from '@temporalio/client'
import { inject } from 'vitest'
import { startApplication } from '../../src/application.js'
import { loadConfig } from '../../src/config.js'
import type { seedUsers } from '../../src/dev/seed.js'
import { type Simulator, startSimulator } from '../../src/simulator/server.js'
import { noAccounts } from '../../src/simulator/webhooks/accounts.js'
import { secret } from '../http/harness.js'
import { tokenOf } from '../http/identity-world.js'
import { createWorld, type World } from '../store/world.js'
import { type Answer, call, eventually } from '../support/client.js'
import { logInto } from '../support/log-lines.js'
import { createFlakyLink } from '../webhooks/flaky-link.js'
import { send, standardHeaders, webhookSecret } from '../webhooks/signed.js'
import { wireEnv } from '../webhooks/wire.js'

export const uwcKey = 'the-key-of-the-partner'

/** All that may be sent to the partner. */
export const everything = {
  ENABLE_UWC_ASR: 'true',
  ENABLE_UWC_RAG: 'true',
  ENABLE_UWC_TRAINING: 'true',
  ENABLE_UWC_FOLLOWUPS: 'true',
}

/** The partner alone, as npm run simulator:uwc has it. */
export const startPartner = (): Promise<Simulator> =>
  startSimulator({
    port: 0,
    host: '127.0.0.1',
    apiKey: 'unused',
    only: 'uwc',
    seed: 7,
    accounts: { ...noAccounts, secrets: { ...noAccounts.secrets, uwc: [webhookSecret] }, uwcApiKey: uwcKey },
    timings: { uwc_job_ms: 150, webhook_retry_scale: 0.00001 },
  })

/** Where the application finds the simulated partner. */
export const partnerEnv = (simulatorUrl: string) => ({
  ...wireEnv,
  UWC_BASE_URL: simulatorUrl,
  UWC_API_KEY: uwcKey,
  UWC_HMAC_SECRET: webhookSecret,
  UWC_REQUEST_TIMEOUT_SECONDS: '3',
  // Long enough that a webhook that comes is first; a test of lost ones makes it short.
  UWC_POLL_SECONDS: '20',
})

/** A namespace of one's own: then task queues and standing workflows have the names that they have in an installation. */
async function ownNamespace(): Promise<string> {
  const namespace = `uwc-${randomUUID()}`
  const connection = await Connection.connect({ address: inject('temporalAddress') })
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 } as never,
  })
  // Every part of the server learns of it on its own.
  await eventually(
    () =>
      connection.workflowService
        .describeTaskQueue({ namespace, taskQueue: { name: 'a queue' }, taskQueueType: 1 })
        .then(() => true)
        .catch(() => false),
    (there) => there,
    60_000,
  )
  await connection.close()
  return namespace
}

/** The whole application in this process, API and worker, with the simulated partner. */
export async function startWithPartner(env: Record<string, string> = {}) {
  const [world, simulator, namespace] = await Promise.all([createWorld(), startPartner(), ownNamespace()])
  const [host = '', port = ''] = inject('temporalAddress').split(':')
  const temporal = await createFlakyLink({ host, port: Number(port) })
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-uwc-'))
  const lines: Record<string, unknown>[] = []
  const application = await startApplication({
    config: loadConfig({
      NODE_ENV: 'test',
      PORT: '0',
      JWT_SECRET: secret,
      PARLEY_DATA_DIR: dataDir,
      DATABASE_URL: world.test.url,
      TEMPORAL_ADDRESS: `127.0.0.1:${temporal.port}`,
      TEMPORAL_NAMESPACE: namespace,
      RATE_LIMIT_USER: '100000/minute',
      RATE_LIMIT_TENANT: '100000/minute',
      RATE_LIMIT_ANONYMOUS: '100000/minute',
      ...partnerEnv(simulator.url),
      ...everything,
      ...env,
    }),
    api: true,
    worker: true,
    workflowBundlePath: inject('workflowBundlePath'),
    version: '1',
    log: logInto(lines),
    onFatal: (error) => console.error(error),
  })
  const url = application.url ?? ''
  simulator.configure({ webhook_target: url })
  return {
    ...world,
    ...helpers(world, simulator, url),
    application,
    simulator,
    temporal,
    lines,
    url,
    /** As the senders of webhooks take it. */
    app: { url },
    async close() {
      if (!temporal.isOpen()) await temporal.mend()
      await application.stop()
      await temporal.close()
      await simulator.close()
      await world.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

export type Partnered = Awaited<ReturnType<typeof startWithPartner>>

type Users = keyof typeof seedUsers

export interface SimulatedJob {
  job_id: string
  kind: string
  request_id: string
  company_id: string
  status: string
  submissions: number
  items: Record<string, string>[]
  request: Record<string, unknown>
}

export interface JobRow extends Record<string, unknown> {
  id: string
  status: string
  request_id: string
  job_id: string | null
  error: string | null
}

function helpers({ admin }: Pick<World, 'admin'>, simulator: Simulator, url: string) {
  const post = async (path: string, body: unknown, user: Users = 'acmeLead', headers: Record<string, string> = {}) =>
    await call(`${url}${path}`, { token: await tokenOf(user), body, headers })
  const get = async (path: string, user: Users = 'acmeLead'): Promise<Answer> =>
    await call(`${url}${path}`, { method: 'GET', token: await tokenOf(user) })
  const rowOf = async (id: string): Promise<JobRow | undefined> =>
    (await admin<JobRow>('select * from uwc_jobs where id = $1', [id]))[0]
  return {
    post,
    get,
    rowOf,
    /** A job's row, once it has one of these statuses. */
    ended: async (id: string, ...statuses: string[]): Promise<JobRow> => {
      const wanted = statuses.length > 0 ? statuses : ['completed']
      const row = await eventually(
        () => rowOf(id),
        (one) => one !== undefined && wanted.includes(one.status),
        60_000,
      )
      return row as JobRow
    },
    /** What the partner has of them. */
    jobsAtPartner: async (): Promise<SimulatedJob[]> =>
      (await call(`${simulator.url}/__sim/uwc/jobs`, { method: 'GET' })).body.jobs as SimulatedJob[],
    /** Entries of the log about a job of ours. */
    told: async (id: string) =>
      (
        await admin<{ event: string; data: Record<string, unknown>; tenant_id: string }>(
          `select event, data, tenant_id from event_logs where data->>'id' = $1 order by id`,
          [id],
        )
      ).map(({ event, data, tenant_id }) => ({ event, data, tenant_id })),
    /** A webhook of the partner, signed, as it is given. */
    tell: async (path: string, body: object, id = `msg_${randomUUID()}`) => {
      const text = JSON.stringify(body)
      return await send(`${url}/webhooks/uwc/${path}`, text, standardHeaders(text, { id }))
    },
    /** Requests to the partner's API so far, the newest first. */
    requests: () => simulator.requests(1000).filter(({ path }) => path.startsWith('/uwc/')),
  }
}
