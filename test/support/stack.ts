import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { inject } from 'vitest'
import { type Lab, startLab } from '../../src/dev/lab.js'
import { createProgress } from '../../src/dev/progress.js'
import { createSupervisor, type Supervisor } from '../../src/dev/supervisor.js'
import { createTestDatabase } from './database.js'

export interface StackOptions {
  /** Settings of the application. */
  env?: Record<string, string>
  /** The API and the worker as two processes. */
  split?: boolean
  /** Workflows on disk, for tests that kill Temporal. */
  temporalOnDisk?: boolean
}

export interface Stack extends Lab {
  url: string
  simulator: { url: string }
  supervisor: Supervisor
  /** Log lines of the application so far. */
  logLines: string[]
  /** Rows as the superuser sees them. */
  rows: <T extends pg.QueryResultRow>(sql: string, values?: unknown[]) => Promise<T[]>
  stop: () => Promise<void>
}

/** What `npm start` runs, as processes of the build, with a database of its own in the run's PostgreSQL. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-stack-'))
  await chmod(dataDir, 0o755)
  const database = await createTestDatabase()
  const { adminUrl, passwords } = inject('postgres')
  const supervisor = createSupervisor()
  const logLines: string[] = []
  const pool = new pg.Pool({ connectionString: database.adminUrl, max: 2 })
  pool.on('error', () => undefined)
  const stop = async () => {
    await supervisor.stopAll()
    await pool.end()
    await database.drop()
    await rm(dataDir, { recursive: true, force: true })
  }
  try {
    const lab = await startLab({
      dataDir,
      supervisor,
      progress: createProgress(() => undefined),
      split: options.split ?? false,
      temporalOnDisk: options.temporalOnDisk ?? false,
      database: { adminUrl, passwords, name: database.name },
      env: { LOG_LEVEL: 'info', ...options.env },
      onLine: (line) => logLines.push(line),
    })
    const rows = async <T extends pg.QueryResultRow>(sql: string, values?: unknown[]) =>
      (await pool.query<T>(sql, values)).rows
    return { ...lab, url: lab.apiUrl, simulator: { url: lab.simulatorUrl }, supervisor, logLines, rows, stop }
  } catch (error) {
    await stop()
    throw new Error(`the stack did not start\n${logLines.slice(-20).join('\n')}`, { cause: error })
  }
}
