import { appendFileSync } from 'node:fs'
import Table from 'cli-table3'
import { Command } from 'commander'
import { startScratch, whole } from '../command.js'
import { terminalProgress } from '../progress.js'
import type { Check } from './checks.js'
import { runChaos, type ChaosReport } from './run.js'

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
const { dataDir, supervisor, stop } = await startScratch({ name: 'chaos', progress, keep: options.keep ?? false })

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
