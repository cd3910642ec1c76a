import { join } from 'node:path'
import { searchAttributeDefinitions } from '../../workflows/messages.js'
import type { Config } from '../config.js'
import { migrateUp } from '../store/migrate.js'
import {
  type Addresses,
  applicationEnvironment,
  needsSimulator,
  simulatedProviders,
} from './application-environment.js'
import type { BannerFacts } from './banner.js'
import { choosePorts, type CheckoutPorts, rememberPorts } from './checkout-ports.js'
import { childEnvironment } from './environment.js'
import { createLogFile } from './output.js'
import { startPostgres } from './postgres.js'
import { applicationRole, ensureDatabase, ensureRoles, ownerRole, urlFor } from './postgres-roles.js'
import { applicationPrograms, simulatorProgram } from './programs.js'
import type { Progress } from './progress.js'
import { Refusal } from './refusal.js'
import { loadSecrets, type Secrets } from './secrets.js'
import { seedDevelopment } from './seed.js'
import type { Supervisor } from './supervisor.js'
import { findTemporal } from './temporal-binary.js'
import { startTemporal, type TemporalOptions } from './temporal.js'

export interface Start {
  config: Config
  supervisor: Supervisor
  progress: Progress
  /** Takes the JSON lines of our own processes. */
  output: (line: string) => void
}

interface Prepared extends Start {
  ports: CheckoutPorts
  secrets: Secrets
}

type DatabaseUrls = Pick<Addresses, 'databaseUrl' | 'migrationUrl'>

const database = 'parley'
const databaseRemedy =
  'Check that it runs and can be reached, and that MIGRATION_DATABASE_URL (or DATABASE_URL) logs in as the owner of its tables; or unset both for an embedded one.'
const demoEmail = 'lead@acme.test'
/** Of finished workflows: long enough to look at last week's, short enough for a laptop's disk. */
const retentionDays = 7

const logFile = ({ config }: Start, name: string) => createLogFile(join(config.dataDir, 'logs', `${name}.log`))

/** PostgreSQL as given, or our own with its two logins. */
async function bringDatabase(start: Prepared): Promise<DatabaseUrls> {
  const { config, supervisor, progress, ports, secrets } = start
  const { url, migrationUrl } = config.database
  if (url !== undefined) return { databaseUrl: url, migrationUrl: migrationUrl ?? url }
  return await progress.step('PostgreSQL', async () => {
    const { adminUrl } = await startPostgres({
      dataDir: join(config.dataDir, 'postgres'),
      port: ports.postgres,
      durable: true,
      password: secrets.postgresPassword,
      supervisor,
      log: logFile(start, 'postgres'),
      say: progress.say,
    })
    await ensureRoles(adminUrl, { owner: secrets.ownerPassword, application: secrets.applicationPassword })
    await ensureDatabase(adminUrl, database)
    return {
      databaseUrl: urlFor(adminUrl, { role: applicationRole, password: secrets.applicationPassword, database }),
      migrationUrl: urlFor(adminUrl, { role: ownerRole, password: secrets.ownerPassword, database }),
    }
  })
}

async function prepareDatabase(
  { config, progress }: Start,
  { databaseUrl, migrationUrl }: DatabaseUrls,
): Promise<void> {
  const login = decodeURIComponent(new URL(databaseUrl).username)
  await progress
    .step('migrations', () => migrateUp({ url: migrationUrl, applicationRole: login }))
    .catch((error: unknown) => {
      if (config.database.url === undefined) throw error
      const reason = error instanceof Error ? error.message : String(error)
      throw new Refusal(`the database of DATABASE_URL could not be migrated: ${reason}\n${databaseRemedy}`, {
        cause: error,
      })
    })
  if (config.database.url !== undefined || config.production) return
  const { demoPassword } = config.identity
  await progress.step('seed data', () =>
    seedDevelopment({ url: databaseUrl, demoPassword, accounts: config, samples: true }),
  )
}

/** The program of our own Temporal server; undefined: one is given. It may have to be built, which takes minutes. */
async function temporalProgram({ config, progress }: Start): Promise<string | undefined> {
  const { address, cliPath } = config.temporal
  if (address !== undefined) return undefined
  return await progress.step('Temporal server', (detail) => findTemporal({ cliPath, detail, say: progress.say }))
}

async function bringTemporal(start: Prepared, binary: string): Promise<void> {
  const { config, supervisor, progress, ports } = start
  const options: TemporalOptions = {
    binary,
    port: ports.temporal,
    uiPort: ports.temporalUi,
    dbFile: join(config.dataDir, 'temporal', 'temporal.db'),
    namespace: config.temporal.namespace,
    retentionDays,
    searchAttributes: searchAttributeDefinitions,
    supervisor,
    log: logFile(start, 'temporal'),
  }
  await progress.step('Temporal', () => startTemporal(options))
}

async function bringSimulator(start: Prepared): Promise<void> {
  const { config, supervisor, progress, ports, secrets } = start
  const given = childEnvironment()
  const spec = simulatorProgram({
    port: ports.simulator,
    dataDir: config.dataDir,
    env: { ...given, ...simulatedProviders(simulatorUrl(start), { given, secret: secrets.simulatedSecret }) },
    webhookTarget: localUrl(start),
    webhookSignedBase: given.PUBLIC_URL?.trim() || undefined,
    onLine: logFile(start, 'simulator'),
  })
  await progress.step('simulator', () => supervisor.start(spec))
}

async function bringApplication(start: Prepared, addresses: Addresses): Promise<void> {
  const { config, supervisor, progress, output, ports } = start
  const programs = applicationPrograms({
    split: config.split,
    url: localUrl(start),
    workerMetricsPort: config.observability.workerMetricsPort || ports.workerMetrics,
    shutdownGraceMs: config.shutdownGraceMs,
    env: applicationEnvironment(config, { ...start, addresses }),
    onLine: (line, stream) => (stream === 'stdout' ? output(line) : process.stderr.write(`${line}\n`)),
  })
  await progress.step('application', () => Promise.all(programs.map((program) => supervisor.start(program))))
}

const simulatorUrl = ({ ports }: Prepared) => `http://127.0.0.1:${ports.simulator}`

function localUrl({ config, ports }: Prepared): string {
  const everywhere = config.server.host === '0.0.0.0' || config.server.host === '::'
  return `http://${everywhere ? '127.0.0.1' : config.server.host}:${ports.api}`
}

/** Where ports are noted, and the one that the user named. */
const portNote = ({ dataDir, server }: Config) => ({
  file: join(dataDir, 'ports.json'),
  wanted: childEnvironment().PORT?.trim() ? server.port : undefined,
})

async function prepare(start: Start): Promise<Prepared> {
  const { config, progress } = start
  const { host } = config.server
  const ports = await choosePorts({ ...portNote(config), host, standard: 8000, say: progress.say })
  return { ...start, ports, secrets: loadSecrets(join(config.dataDir, 'secrets.json')) }
}

/** Brings up everything that is missing, as much of it at once as its parts allow; answers what a person should know. */
export async function startEverything(start: Start): Promise<BannerFacts> {
  const { config } = start
  const prepared = await prepare(start)
  const { ports } = prepared
  const binary = await temporalProgram(start)
  const temporal = config.temporal.address ?? `127.0.0.1:${ports.temporal}`
  const temporalUi = config.server.temporalUiUrl ?? (binary && `http://127.0.0.1:${ports.temporalUi}`)
  const simulator = needsSimulator(childEnvironment()) ? simulatorUrl(prepared) : undefined
  await Promise.all([
    binary && bringTemporal(prepared, binary),
    simulator && bringSimulator(prepared),
    // The application waits for Temporal by itself: it loads while that comes up.
    bringDatabase(prepared).then(async (urls) => {
      await prepareDatabase(start, urls)
      await bringApplication(prepared, { ...urls, temporal, temporalUi, simulator })
    }),
  ])
  rememberPorts(portNote(config), ports)
  return {
    url: childEnvironment().PUBLIC_URL?.trim() || localUrl(prepared),
    temporalUi,
    simulator,
    demo: config.database.url === undefined ? { email: demoEmail, password: config.identity.demoPassword } : undefined,
    dataDir: config.dataDir,
  }
}
