import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode } from '@temporalio/worker'
import type { TestProject } from 'vitest/node'
import { findChromium } from '../../src/dev/chromium.js'
import { startPostgres } from '../../src/dev/postgres.js'
import { childEnvironment } from '../../src/dev/environment.js'
import {
  applicationRole,
  ensureDatabase,
  ensureRoles,
  ownerRole,
  urlFor,
  type RolePasswords,
} from '../../src/dev/postgres-roles.js'
import { identify, isRunning, type ProcessIdentity } from '../../src/dev/process-identity.js'
import { createProgress } from '../../src/dev/progress.js'
import { createSupervisor, type Supervisor } from '../../src/dev/supervisor.js'
import { findTemporal } from '../../src/dev/temporal-binary.js'
import { startTemporal } from '../../src/dev/temporal.js'
import { migrateUp } from '../../src/store/migrate.js'
import { searchAttributeDefinitions } from '../../workflows/messages.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** One PostgreSQL for the run: its superuser, and what the two roles log in with. */
    postgres: { adminUrl: string; passwords: RolePasswords }
    /** Migrated once; createTestDatabase() clones it. */
    templateDatabase: string
    /** host:port of one Temporal server for the run, namespace "default". */
    temporalAddress: string
    /** Path of the workflows' bundle, for `workflowBundle: { codePath }`. */
    workflowBundlePath: string
    /** Path of a Chromium, when the machine has one. */
    chromiumPath: string | undefined
  }
}

const templateDatabase = 'parley_template'
const randomPassword = () => randomBytes(18).toString('base64url')
const progress = createProgress((line) => process.stderr.write(`${line}\n`))

async function preparePostgres(folder: string, supervisor: Supervisor) {
  const { adminUrl } = await startPostgres({
    dataDir: join(folder, 'postgres'),
    durable: false,
    supervisor,
    say: progress.say,
  })
  const passwords = { owner: randomPassword(), application: randomPassword() }
  await ensureRoles(adminUrl, passwords)
  await ensureDatabase(adminUrl, templateDatabase)
  const url = urlFor(adminUrl, { role: ownerRole, password: passwords.owner, database: templateDatabase })
  await migrateUp({ url, applicationRole })
  return { adminUrl, passwords }
}

async function prepareTemporal(supervisor: Supervisor): Promise<string> {
  const binary = await progress.step('Temporal server', (detail) =>
    findTemporal({ cliPath: childEnvironment().TEMPORAL_CLI_PATH, detail, say: progress.say }),
  )
  const { address } = await startTemporal({ binary, supervisor, searchAttributes: searchAttributeDefinitions })
  return address
}

/** From the sources, so that a test never runs yesterday's workflows. */
async function bundleWorkflows(folder: string): Promise<string> {
  const workflowsPath = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url))
  const silent = { trace() {}, debug() {}, info() {}, warn: console.warn, error: console.error, log() {} }
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules: [fileURLToPath(new URL('../../workflows/tracing.ts', import.meta.url))],
    preloadModules: ['@opentelemetry/semantic-conventions'],
    logger: silent,
  })
  const path = join(folder, 'workflow-bundle.js')
  await writeFile(path, code)
  return path
}

const prefix = 'parley-test-'
const owner = 'owner.json'

/** A run that was killed could not clear up after itself. */
async function clearKilledRuns(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix)) continue
    const folder = join(tmpdir(), name)
    const text = await readFile(join(folder, owner), 'utf8').catch(() => undefined)
    if (text !== undefined && !isRunning(JSON.parse(text) as ProcessIdentity))
      await rm(folder, { recursive: true, force: true })
  }
}

async function ownFolder(): Promise<string> {
  await clearKilledRuns().catch(() => undefined)
  const folder = await mkdtemp(join(tmpdir(), prefix))
  await writeFile(join(folder, owner), JSON.stringify(identify(process.pid)))
  // PostgreSQL may have to run as another user, who passes through here.
  await chmod(folder, 0o755)
  return folder
}

/** Starts what the run shares; answers how to end it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await ownFolder()
  const supervisor = createSupervisor()
  const teardown = async () => {
    await supervisor.stopAll()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const [postgres, temporalAddress, workflowBundlePath] = await Promise.all([
      progress.step('PostgreSQL', () => preparePostgres(folder, supervisor)),
      prepareTemporal(supervisor),
      progress.step('workflow bundle', () => bundleWorkflows(folder)),
    ])
    project.provide('postgres', postgres)
    project.provide('templateDatabase', templateDatabase)
    project.provide('temporalAddress', temporalAddress)
    project.provide('workflowBundlePath', workflowBundlePath)
    project.provide('chromiumPath', findChromium())
    return teardown
  } catch (error) {
    await teardown()
    throw error
  }
}
