import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import Table from 'cli-table3'
import { Command } from 'commander'
import { childEnvironment } from '../environment.js'
import { labPassword, startLab } from '../lab.js'
import { startScratch, whole } from '../command.js'
import { terminalProgress } from '../progress.js'
import { analyticsReads } from './analytics.js'
import { hardware } from './machine.js'
import { contextComposition } from './context.js'
import { benchEmitKey, fanOut } from './realtime.js'
import { type BenchStack, callbacks, idle, manySessions, type Row, startLatency } from './phases.js'
import { benchSecret } from './call-webhooks.js'
import { platformLayers } from './platform.js'
import { secondStart } from './ready.js'
import { login } from './session-load.js'
import { burst, outcomeReads, prepareWebhooks, saturation, warmUp, webhooksAtRate } from './webhook-phases.js'

const options = new Command('bench')
  .description(
    'Measures Parley against a floor in the same run, everything on this machine, and writes bench/results.json.',
  )
  .option('--seconds <count>', 'length of the measured phases', whole(2, 600), 30)
  .option('--open <count>', 'open sessions to hold', whole(0, 20_000), 5000)
  .option('--calls <count>', 'calls to read outcomes among', whole(1000, 20_000_000), 1_000_000)
  .option(
    '--rows <count>',
    'conversations, and as many calls, to read analytics among',
    whole(1000, 20_000_000),
    10_000_000,
  )
  .option('--only <phase>', 'sessions, webhooks, realtime, platform, context or analytics')
  .option('--readers <count>', 'WebSockets to open', whole(1, 15_000), 5000)
  .option('--no-start', 'leave out the two runs of npm start')
  .parse()
  .opts<{
    seconds: number
    open: number
    calls: number
    rows: number
    only?: string
    start: boolean
    readers: number
  }>()

const progress = terminalProgress()
const { dataDir, supervisor, stop } = await startScratch({ name: 'bench', progress })

try {
  const rows = await measure()
  const table = new Table({ head: ['what', 'measured', 'floor', 'goal', ''], style: { head: [], border: [] } })
  for (const row of rows)
    table.push([row.what, row.value, row.floor ?? '', row.goal, row.goal === '' ? '' : row.ok ? 'ok' : 'MISSED'])
  process.stdout.write(`${hardware()}\n${table.toString()}\n`)
  await mkdir('bench', { recursive: true })
  await writeFile(
    'bench/results.json',
    `${JSON.stringify({ at: new Date().toISOString(), hardware: hardware(), rows }, null, 2)}\n`,
  )
  process.exitCode = rows.every((row) => row.ok) ? 0 : 1
} finally {
  await stop()
}

async function measure(): Promise<Row[]> {
  // Sessions of ten minutes and callbacks as the provider spreads them: nothing ends while it is measured.
  const env = {
    RATE_LIMIT_ANONYMOUS: '1000000/minute',
    WS_CONNECTIONS_USER: '100000',
    CALLRAIL_WEBHOOK_SECRET: benchSecret,
    DEV_EMIT_KEY: benchEmitKey,
    // Nobody joins, and all are to be open at the end.
    TAVUS_PARTICIPANT_ABSENT_TIMEOUT_SECONDS: '3600',
  }
  const lab = await startLab({ dataDir, supervisor, progress, split: false, env })
  const floor = await startFloor(lab.adminUrl)
  try {
    const token = await login(lab.apiUrl, 'lead@acme.test', labPassword)
    const part = (name: string) => supervisor.processes(name).map((known) => known.pid)
    const pids = { app: part('application'), temporal: part('temporal'), postgres: part('postgres') }
    const stack: BenchStack = { ...lab, floorUrl: floor.url, token, pids }
    const phase = (name: string, work: () => Promise<Row[]>) => progress.step(name, work)
    const isWanted = (name: string) => (options.only ?? name) === name
    const platform = () => platformLayers(lab, Math.max(2, Math.round(options.seconds / 2)))
    const layers = isWanted('platform') ? await phase('what the platform adds to a request', platform) : []
    const context = isWanted('context')
      ? await phase('context of users', () => contextComposition(lab, options.seconds))
      : []
    await prepareWebhooks(stack)
    const webhooks = isWanted('webhooks') ? await webhookPhases(stack, phase) : []
    const realtime = isWanted('realtime') ? await realtimePhases(stack, phase) : []
    const sessions = isWanted('sessions') ? await sessionPhases(stack, phase) : []
    // Last: nothing else is to be measured among so many rows.
    const analytics = isWanted('analytics') ? await analyticsPhase(stack) : []
    return [...layers, ...context, ...sessions, ...webhooks, ...realtime, ...analytics]
  } finally {
    await floor.stop()
  }
}

type Phase = (name: string, work: () => Promise<Row[]>) => Promise<Row[]>

async function sessionPhases(stack: BenchStack, phase: Phase): Promise<Row[]> {
  const { seconds, open } = options
  return [
    ...(await phase('idle', () => idle(stack, Math.min(20, seconds)))),
    ...(await phase('starts at 10/s', () => startLatency(stack, seconds))),
    ...(await phase('callbacks at 50/s', () => callbacks(stack, seconds))),
    ...(await phase(`30 starts/s, then up to ${open} open sessions`, () =>
      manySessions(stack, { minuteSeconds: Math.min(60, seconds * 2), open }),
    )),
    ...(options.start ? await phase('npm start twice', () => secondStart(dataDir)) : []),
  ]
}

/** Before the sessions: thousands of open ones would be measured with. */
async function webhookPhases(stack: BenchStack, phase: Phase): Promise<Row[]> {
  const { seconds, calls } = options
  const atRate = (perSecond: number, goals: { p50?: number; p99: number }) =>
    phase(`webhooks at ${perSecond}/s`, () => webhooksAtRate(stack, { perSecond, seconds, goals }))
  await warmUp(stack)
  return [
    ...(await atRate(50, { p50: 12, p99: 40 })),
    ...(await atRate(150, { p99: 250 })),
    ...(await phase('burst of 5000', () => burst(stack, 5000))),
    ...(await phase('saturation', () => saturation(stack, seconds))),
    ...(await phase(`outcome reads among ${calls} calls`, () => outcomeReads(stack, calls))),
  ]
}

function analyticsPhase(stack: BenchStack): Promise<Row[]> {
  const { rows } = options
  return progress.step(`analytics among ${rows} rows`, (detail) => analyticsReads(stack, rows, detail))
}

function realtimePhases(stack: BenchStack, phase: Phase): Promise<Row[]> {
  const { readers } = options
  return phase(`${readers} WebSockets`, () => fanOut(stack, { readers, events: 20 }))
}

async function startFloor(adminUrl: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const file = fileURLToPath(new URL('./floor.js', import.meta.url))
  const child = spawn(process.execPath, [file, adminUrl, benchSecret], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: childEnvironment(),
  })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const { port } = JSON.parse(line) as { port: number }
  return {
    url: `http://127.0.0.1:${port}/`,
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    },
  }
}
