import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { searchAttributeDefinitions } from '../../workflows/messages.js'
import { migrateUp } from '../store/migrate.js'
import { simulatedProviders } from './application-environment.js'
import { childEnvironment } from './environment.js'
import { freePort } from './ports.js'
import {
  applicationRole,
  ensureDatabase,
  ensureRoles,
  ownerRole,
  type RolePasswords,
  urlFor,
  withDatabase,
} from './postgres-roles.js'
import { startPostgres } from './postgres.js'
import { applicationPrograms, simulatorProgram } from './programs.js'
import type { Progress } from './progress.js'
import { seedDevelopment } from './seed.js'
import type { Supervisor } from './supervisor.js'
import { findTemporal } from './temporal-binary.js'
import { startTemporal } from './temporal.js'

export interface LabOptions {
  dataDir: string
  supervisor: Supervisor
  progress: Progress
  /** The API and the worker as two processes, so that each can be killed alone. */
  split: boolean
  /** A PostgreSQL that runs already; without one the lab brings up its own, with real fsync. */
  database?: { adminUrl: string; passwords: RolePasswords; name: string }
  /** Workflows on disk, so that Temporal may be killed too. */
  temporalOnDisk?: boolean
  /** Waited for whenever Temporal is to begin: so a run can keep it down. */
  beforeTemporal?: () => Promise<void>
  /** Of the simulator's choices. */
  seed?: number
  /** Settings of the application on top of the lab's own. */
  env?: Record<string, string>
  /** Log lines of the application. */
  onLine?: (line: string) => void
}

export interface Lab {
  apiUrl: string
  simulatorUrl: string
  /** Superuser on the application's database: no policy binds it. */
  adminUrl: string
  databaseUrl: string
  temporalAddress: string
}

export const labPassword = 'parley-demo'

/** One user of a lab does the work of a thousand. */
const unlimited = { RATE_LIMIT_USER: '10000000/minute', RATE_LIMIT_TENANT: '10000000/minute' }

/** The whole system as processes of its own, for a run that measures or breaks it. */
export async function startLab(options: LabOptions): Promise<Lab> {
  const ports = await labPorts()
  const simulatorUrl = `http://127.0.0.1:${ports.simulator}`
  const providers = simulatedProviders(simulatorUrl, { secret: password() })
  const [database, temporal] = await Promise.all([
    options.progress.step('PostgreSQL', () => labDatabase(options)),
    options.progress.step('Temporal', (detail) => labTemporal(options, detail)),
    labSimulator(options, { ports, providers }),
  ])
  await seedDevelopment({ url: database.databaseUrl, demoPassword: labPassword, accounts: {} })
  const apiUrl = await options.progress.step('application', () =>
    labApplication(options, { databaseUrl: database.databaseUrl, temporalAddress: temporal.address, ports, providers }),
  )
  return { ...database, apiUrl, simulatorUrl, temporalAddress: temporal.address }
}

/** Chosen first: the simulator sends to the application, and the application asks the simulator. */
async function labPorts() {
  const simulator = await freePort()
  const api = await freePort(new Set([simulator]))
  return { simulator, api, metrics: await freePort(new Set([simulator, api])) }
}

interface Parts {
  ports: Awaited<ReturnType<typeof labPorts>>
  /** What tells the application and the simulator of each other. */
  providers: Record<string, string>
}

const password = () => randomBytes(18).toString('base64url')

async function labDatabase({ dataDir, supervisor, progress, database }: LabOptions) {
  if (database) return urls(database.adminUrl, database.passwords, database.name)
  const passwords = { owner: password(), application: password() }
  const folder = join(dataDir, 'postgres')
  const { adminUrl } = await startPostgres({ dataDir: folder, durable: true, supervisor, say: progress.say })
  await ensureRoles(adminUrl, passwords)
  await ensureDatabase(adminUrl, 'parley')
  const all = urls(adminUrl, passwords, 'parley')
  await migrateUp({ url: all.ownerUrl, applicationRole })
  return all
}

function urls(adminUrl: string, passwords: RolePasswords, database: string) {
  return {
    adminUrl: withDatabase(adminUrl, database),
    databaseUrl: urlFor(adminUrl, { role: applicationRole, password: passwords.application, database }),
    ownerUrl: urlFor(adminUrl, { role: ownerRole, password: passwords.owner, database }),
  }
}

async function labTemporal(
  { dataDir, supervisor, progress, temporalOnDisk, beforeTemporal }: LabOptions,
  detail: (text: string) => void,
) {
  const binary = await findTemporal({ detail, say: progress.say })
  const onDisk = temporalOnDisk ? { dbFile: join(dataDir, 'temporal', 'temporal.db') } : {}
  const gate = beforeTemporal ? { beforeStart: beforeTemporal } : {}
  return await startTemporal({ binary, searchAttributes: searchAttributeDefinitions, supervisor, ...onDisk, ...gate })
}

async function labSimulator({ dataDir, supervisor, seed }: LabOptions, { ports, providers }: Parts): Promise<void> {
  const spec = simulatorProgram({
    port: ports.simulator,
    dataDir,
    env: childEnvironment(providers),
    webhookTarget: `http://127.0.0.1:${ports.api}`,
    seed,
    onLine: () => undefined,
  })
  await supervisor.start(spec)
}

async function labApplication(
  { dataDir, supervisor, split, env, onLine }: LabOptions,
  { ports, providers, ...at }: Parts & { databaseUrl: string; temporalAddress: string },
): Promise<string> {
  const url = `http://127.0.0.1:${ports.api}`
  const programs = applicationPrograms({
    split,
    url,
    workerMetricsPort: ports.metrics,
    shutdownGraceMs: 20_000,
    env: childEnvironment({
      PORT: String(ports.api),
      HOST: '127.0.0.1',
      PUBLIC_URL: url,
      DATABASE_URL: at.databaseUrl,
      TEMPORAL_ADDRESS: at.temporalAddress,
      JWT_SECRET: randomBytes(32).toString('hex'),
      PARLEY_DATA_DIR: dataDir,
      PARLEY_SPLIT: String(split),
      LOG_LEVEL: 'warn',
      ...unlimited,
      ...providers,
      ...env,
    }),
    onLine: onLine ?? (() => undefined),
  })
  await Promise.all(programs.map((program) => supervisor.start(program)))
  return url
}
