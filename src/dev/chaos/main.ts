import { appendFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Table from 'cli-table3'
import { Command, InvalidArgumentError } from 'commander'
import { terminalProgress } from '../progress.js'
import { createSupervisor } from '../supervisor.js'
import type { Check } from './checks.js'
import { runChaos, type ChaosReport } from './run.js'

const whole = (min: number, max: number) => (text: string) => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`)
}

const options = new Command('chaos')
  .description('Runs conversations while everything breaks, and compares the outcome with the simulator’s own record.')
  .option('--sessions <count>', 'conversations to run', whole(1, 5000), 200)
  .option('--callers <count>', 'callers at once', whole(1, 200), 16)
  .option('--seed <number>', 'seed of every choice', whole(0, 2 ** 31), 7)
  .option('--log <file>', 'write the log lines of the API and the worker to a file')
  .option('--keep', 'keep the data folder')
  .parse()
  .opts<{ sessions: number; callers: number; seed: number; log?: string; keep?: boolean }>()

const progress = terminalProgress()
const dataDir = await mkdtemp(join(tmpdir(), 'parley-chaos-'))
await chmod(dataDir, 0o755) // PostgreSQL may run as another user, who passes through here
const supervisor = createSupervisor({ onEvent: (event) => progress.say(`  ${event.child}: ${event.event}`) })
const stop = async () => {
  await supervisor.stopAll()
  if (!options.keep) await rm(dataDir, { recursive: true, force: true })
}
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void stop().finally(() => process.exit(130)))

let failed: boolean
try {
  const report = await runChaos({ ...options, dataDir, supervisor, progress, ...logTo(options.log) })
  process.stdout.write(`${table(report)}\n`)
  failed = report.failures.length > 0 || report.checks.some((check) => check.broken > 0)
} finally {
  await stop()
}
process.exit(failed ? 1 : 0)

function table(report: ChaosReport): string {
  const rows = new Table({ head: ['rule', 'broken', 'of', ''], style: { head: [], border: [] } })
  for (const check of report.checks) rows.push([check.name, check.broken, check.of, verdict(check)])
  rows.push([
    'callers that gave up',
    report.failures.length,
    report.sessions,
    report.failures.length === 0 ? 'ok' : 'FAILED',
  ])
  const facts = report.facts.map(([name, value]) => `${name}: ${value}`).join('\n')
  const examples = [
    ...report.failures,
    ...report.checks.flatMap((check) => check.examples.map((example) => `${check.name}: ${example}`)),
  ]
  return [rows.toString(), facts, ...examples.slice(0, 20)].join('\n')
}

function logTo(file: string | undefined) {
  return file === undefined ? {} : { onLine: (line: string) => appendFileSync(file, `${line}\n`) }
}

function verdict(check: Check): string {
  return check.broken === 0 ? 'ok' : 'FAILED'
}
