import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type LabOptions, labPassword, startLab } from '../lab.js'
import { Refusal } from '../refusal.js'
import { breakThings, createTemporalGate } from './outages.js'
import type { DayRun, Place } from './run.js'
import { hurry } from './simulator-settings.js'

/** Short times, so that a run of minutes shows what takes hours in life. */
const settings = {
  SESSION_RECONCILE_SECONDS: '3',
  SESSION_ARTIFACT_WAIT_SECONDS: '30',
  SESSION_MAX_GRACE_SECONDS: '5',
  TAVUS_REQUEST_TIMEOUT_SECONDS: '5',
  WEBHOOK_MATCH_MINUTES: '1',
  RATE_LIMIT_ANONYMOUS: '1000000/minute',
}

type LabPart = Pick<LabOptions, 'dataDir' | 'supervisor' | 'progress' | 'onLine'>
type Prepared = Pick<DayRun, 'place' | 'meanwhile'>

/** A stack of the run's own, whose parts may be broken. */
export async function ownPlace(
  lab: LabPart,
  run: { seed: number; dayMs: number; outages: boolean },
): Promise<Prepared> {
  const gate = createTemporalGate()
  const { seed, dayMs, outages } = run
  const stack = await startLab({
    ...lab,
    seed,
    split: true,
    temporalOnDisk: true,
    beforeTemporal: gate.pass,
    env: settings,
  })
  await hurry(stack.simulatorUrl)
  const { supervisor, progress } = lab
  return {
    place: { ...stack, password: labPassword, alone: true },
    meanwhile: async () => {
      if (outages) await breakThings({ supervisor, gate, dayMs, say: progress.say })
    },
  }
}

export interface RunningOptions {
  base: string
  simulator?: string
  database?: string
  dataDir: string
  password: string
}

/** A stack that runs already: that of npm start in this checkout, unless the addresses are given. */
export function runningPlace({ base, simulator, database, dataDir, password }: RunningOptions): Prepared {
  const place: Place = {
    apiUrl: base.replace(/\/+$/, ''),
    simulatorUrl: simulator?.replace(/\/+$/, '') ?? `http://127.0.0.1:${read(dataDir, 'ports.json', 'simulator')}`,
    adminUrl: database ?? embeddedDatabase(dataDir),
    password,
    alone: false,
  }
  return { place, meanwhile: async () => undefined }
}

function embeddedDatabase(dataDir: string): string {
  const password = encodeURIComponent(read(dataDir, 'secrets.json', 'postgresPassword'))
  return `postgres://postgres:${password}@127.0.0.1:${read(dataDir, 'ports.json', 'postgres')}/parley`
}

function read(dataDir: string, file: string, name: string): string {
  const path = join(dataDir, file)
  if (!existsSync(path))
    throw new Refusal(`there is no ${path}: name the simulator with --simulator and the database with --database`)
  const value = (JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>)[name]
  if (typeof value === 'string' || typeof value === 'number') return String(value)
  throw new Refusal(`${path} has no ${name}`)
}
