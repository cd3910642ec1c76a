import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { foreignEnvironment } from './environment.js'
import { freePort } from './ports.js'
import { clusterFolder, giveTo, postgresPrograms, postgresUser, type SystemUser } from './postgres-files.js'
import { endProcess, identify } from './process-identity.js'
import type { ChildSpec } from './supervised-child.js'
import { createSupervisor, type Supervisor } from './supervisor.js'

export interface PostgresOptions {
  /** Folder of the cluster; made when missing. */
  dataDir: string
  port?: number
  /** False trades the data's safety for speed: tests only. */
  durable: boolean
  /** Of the superuser; a random one is set when none is given. */
  password?: string
  /** Keeps it running; without one it runs until stop(). */
  supervisor?: Supervisor
  /** Lines that PostgreSQL writes. */
  log?: (line: string) => void
  /** What a person should know. */
  say?: (message: string) => void
}

export interface RunningPostgres {
  /** Superuser, database postgres. */
  adminUrl: string
  port: number
  stop: () => Promise<void>
}

const superuser = 'postgres'

interface Cluster {
  programs: string
  folder: string
  user: SystemUser | undefined
  log: (line: string) => void
}

/** Brings up an embedded PostgreSQL on 127.0.0.1. */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const { log = () => undefined, say = () => undefined, supervisor = createSupervisor() } = options
  const password = options.password ?? randomBytes(18).toString('base64url')
  const port = options.port ?? (await freePort())
  const user = postgresUser()
  const programs = postgresPrograms(user, say)
  const cluster: Cluster = { programs, folder: clusterFolder(options.dataDir, user, say), user, log }
  if (!existsSync(join(cluster.folder, 'PG_VERSION'))) await createCluster(cluster, password)
  const adminUrl = `postgres://${superuser}:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`
  const spec = childSpec(cluster, { port, durable: options.durable, adminUrl })
  await supervisor.start(spec)
  if (!(await acceptsPassword(adminUrl))) {
    await supervisor.stop(spec.name)
    await spec.beforeStart?.()
    resetPassword(cluster, password)
    await supervisor.start(spec)
  }
  return { adminUrl, port, stop: () => supervisor.stop(spec.name) }
}

/** Made aside and renamed, so that a killed start leaves no half cluster. */
async function createCluster({ programs, folder, user, log }: Cluster, password: string): Promise<void> {
  const aside = `${folder}.new`
  const passwordFile = `${aside}.password`
  rmSync(aside, { recursive: true, force: true })
  mkdirSync(aside, { recursive: true, mode: 0o700 })
  writeFileSync(passwordFile, password, { mode: 0o600 })
  giveTo(user, aside)
  giveTo(user, passwordFile)
  const args = [`--pgdata=${aside}`, `--username=${superuser}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  // The built-in locale sorts and folds the same way on every machine.
  args.push(
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--no-instructions',
  )
  try {
    await run(join(programs, 'initdb'), args, user, log)
  } finally {
    rmSync(passwordFile, { force: true })
  }
  renameSync(aside, folder)
}

function run(
  command: string,
  args: string[],
  user: SystemUser | undefined,
  log: (line: string) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...user,
      cwd: '/',
      env: foreignEnvironment({ LC_ALL: 'C' }),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output: string[] = []
    const take = (chunk: Buffer) => {
      output.push(chunk.toString())
      log(chunk.toString().trimEnd())
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${command} failed (${code})\n${output.join('')}`)),
    )
  })
}

function childSpec(
  cluster: Cluster,
  { port, durable, adminUrl }: { port: number; durable: boolean; adminUrl: string },
): ChildSpec {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' }),
  }
  return {
    name: 'postgres',
    kind: 'foreign',
    command: join(cluster.programs, 'postgres'),
    args: [
      '-D',
      cluster.folder,
      '-p',
      String(port),
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    env: foreignEnvironment({ LC_ALL: 'C' }),
    ...cluster.user,
    // "Fast": ends open connections instead of waiting for them.
    stopSignal: 'SIGINT',
    graceMs: 15_000,
    beforeStart: () => clearPredecessor(cluster),
    isReady: () => answers(adminUrl),
    readyTimeoutMs: 60_000,
    onLine: cluster.log,
  }
}

/** After a SIGKILL: ends a server that lost its holder, and removes a lock file whose process id is another's by now. */
async function clearPredecessor({ folder }: Cluster): Promise<void> {
  const lockFile = join(folder, 'postmaster.pid')
  if (!existsSync(lockFile)) return
  const pid = Number(readFileSync(lockFile, 'utf8').split('\n')[0])
  const known = identify(pid)
  if (known && isServerOf(pid, folder)) await endProcess(known, 15_000, 'SIGINT')
  else rmSync(lockFile, { force: true })
}

function isServerOf(pid: number, folder: string): boolean {
  if (process.platform === 'linux') {
    const parts = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return parts[parts.indexOf('-D') + 1] === folder
  }
  const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.includes(`-D ${folder} `)
}

/** True also when it answers that the password is wrong: it is up then. */
async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return true
  } catch (error) {
    return isWrongPassword(error)
  } finally {
    await client.end().catch(() => undefined)
  }
}

const isWrongPassword = (error: unknown) => (error as { code?: string }).code === '28P01'

async function acceptsPassword(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    return true
  } catch (error) {
    if (isWrongPassword(error)) return false
    throw error
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Who lost secrets.json keeps the data: the single-user mode asks for no password. */
function resetPassword({ programs, folder, user }: Cluster, password: string): void {
  const result = spawnSync(join(programs, 'postgres'), ['--single', '-D', folder, 'postgres'], {
    ...user,
    cwd: '/',
    env: foreignEnvironment({ LC_ALL: 'C' }),
    input: `alter role ${superuser} password '${password.replaceAll("'", "''")}'\n`,
    encoding: 'utf8',
  })
  if (result.status !== 0) throw new Error(`the superuser's password could not be set again\n${result.stderr}`)
}
