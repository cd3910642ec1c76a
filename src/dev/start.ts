import { join } from 'node:path'
import { searchAttributeDefinitions } from '../../workflows/messages.js'
import type { Config } from '../config.js'
import { migrateUp } from '../store/migrate.js'
import { applicationEnvironment, isSimulated, type Addresses } from './application-environment.js'
import type { BannerFacts } from './banner.js'
import { choosePorts, type CheckoutPorts } from './checkout-ports.js'
import { childEnvironment } from './environment.js'
import { createLogFile } from './output.js'
import { startPostgres } from './postgres.js'
import { applicationRole, ensureDatabase, ensureRoles, ownerRole, urlFor } from './postgres-roles.js'
import { applicationPrograms, simulatorProgram } from './programs.js'
import type { Progress } from './progress.js'
import { loadSecrets, type Secrets } from './secrets.js'
import { seedDevelopment } from './seed.js'
import type { Supervisor } from './supervisor.js'
import { findTemporal } from './temporal-binary.js'
import { startTemporal } from './temporal.js'

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

const database = 'parley'
/** Of finished workflows, as long as receipts are kept by default. */
const retentionDays = 7

const logFile = ({ config }: Start, name: string) => createLogFile(join(config.dataDir, 'logs', `${name}.log`))

/** PostgreSQL as given, or our own with its two logins. */
async function bringDatabase(start: Prepared): Promise<Pick<Addresses, 'databaseUrl' | 'migrationUrl'>> {
  const { config, supervisor, progress, ports, secrets } = start
  const { url, migrationUrl } = config.database
  if (url !== undefined) return { databaseUrl: url, migrationUrl: migrationUrl ?? url }
  const dataDir = join(config.dataDir, 'postgres')
  const log = logFile(start, 'postgres')
  const password = secrets.postgresPassword
  return await progress.step('PostgreSQL', async () => {
    const { adminUrl } = await startPostgres({
      dataDir,
      port: ports.postgres,
      durable: true,
      password,
      supervisor,
      log,
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
  { databaseUrl, migrationUrl }: Pick<Addresses, 'databaseUrl' | 'migrationUrl'>,
) {
  await progress.step('migrations', () =>
    migrateUp({ url: migrationUrl, applicationRole: decodeURIComponent(new URL(databaseUrl).username) }),
  )
  if (config.database.url !== undefined || config.production) return
  const { demoPassword } = config.identity
  await progress.step('seed data', () => seedDevelopment({ url: databaseUrl, demoPassword }))
}

/** Temporal as given, or our own. */
async function bringTemporal(start: Prepared): Promise<{ temporal: string; temporalUi: string | undefined }> {
  const { config, supervisor, progress, ports } = start
  const { address, cliPath, namespace } = config.temporal
  if (address !== undefined) return { temporal: address, temporalUi: config.server.temporalUiUrl }
  return await progress.step('Temporal server', async (detail) => {
    const binary = await findTemporal({ cliPath, detail, say: progress.say })
    detail('starting')
    const { address: temporal, uiUrl } = await startTemporal({
      binary,
      port: ports.temporal,
      uiPort: ports.temporalUi,
      dbFile: join(config.dataDir, 'temporal', 'temporal.db'),
      namespace,
      retentionDays,
      searchAttributes: searchAttributeDefinitions,
      supervisor,
      log: logFile(start, 'temporal'),
    })
    return { temporal, temporalUi: uiUrl }
  })
}

async function bringSimulator(start: Prepared): Promise<string | undefined> {
  const { config, supervisor, progress, ports } = start
  if (!isSimulated(childEnvironment())) return undefined
  const log = logFile(start, 'simulator')
  const spec = simulatorProgram({
    port: ports.simulator,
    dataDir: config.dataDir,
    env: childEnvironment(),
    onLine: log,
  })
  await progress.step('simulator', () => supervisor.start(spec))
  return `http://127.0.0.1:${ports.simulator}`
}

/** All at once; the first failure counts, once the others have come to an end. */
async function together<A, B, C>(a: Promise<A>, b: Promise<B>, c: Promise<C>): Promise<[A, B, C]> {
  await Promise.allSettled([a, b, c])
  return await Promise.all([a, b, c])
}

/** Brings up everything that is missing, in the order that its parts need; answers what a person should know. */
export async function startEverything(start: Start): Promise<BannerFacts> {
  const { config, supervisor, progress, output } = start
  const given = childEnvironment()
  const wanted = given.PORT?.trim() ? config.server.port : undefined
  const portFile = join(config.dataDir, 'ports.json')
  const ports = await choosePorts({
    file: portFile,
    host: config.server.host,
    wanted,
    standard: 8000,
    say: progress.say,
  })
  const prepared: Prepared = { ...start, ports, secrets: loadSecrets(join(config.dataDir, 'secrets.json')) }

  const [databaseUrls, temporal, simulator] = await together(
    bringDatabase(prepared).then(async (urls) => {
      await prepareDatabase(start, urls)
      return urls
    }),
    bringTemporal(prepared),
    bringSimulator(prepared),
  )
  const addresses: Addresses = { ...databaseUrls, ...temporal, simulator }
  const host = config.server.host === '0.0.0.0' ? '127.0.0.1' : config.server.host
  const url = `http://${host}:${ports.api}`
  const programs = applicationPrograms({
    split: config.split,
    url,
    workerMetricsPort: config.observability.workerMetricsPort || ports.workerMetrics,
    shutdownGraceMs: config.shutdownGraceMs,
    env: applicationEnvironment(config, { ...prepared, addresses }),
    onLine: (line, stream) => (stream === 'stdout' ? output(line) : process.stderr.write(`${line}\n`)),
  })
  await progress.step('application', () => Promise.all(programs.map((program) => supervisor.start(program))))
  const ours = config.database.url === undefined
  return {
    url: given.PUBLIC_URL?.trim() || url,
    temporalUi: temporal.temporalUi,
    simulator,
    demo: ours ? { email: 'lead@acme.test', password: config.identity.demoPassword } : undefined,
    dataDir: config.dataDir,
  }
}
