import { appendFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import { startScratch, whole } from '../command.js'
import { labPassword } from '../lab.js'
import { createProgress } from '../progress.js'
import { ownPlace, runningPlace } from './place.js'
import { createProgressBar } from './progress-bar.js'
import { brokenIn, presentReport } from './report.js'
import { runDay } from './run.js'
import { share } from './share.js'

const options = new Command('simulate')
  .description('A day’s traffic of every provider in about two minutes, compared with the simulator’s own record.')
  .option('--sessions <count>', 'video sessions', whole(0, 5000), 200)
  .option('--calls <count>', 'telephone calls', whole(0, 20_000), 500)
  .option('--duplicates <share>', 'webhooks that come twice, such as 10%', asShare, 0.1)
  .option('--reorder [share]', 'webhooks that come late and out of order', asShare, 0.1)
  .option('--forged <share>', 'webhooks that somebody without the key sends as well', asShare, 0.02)
  .option('--seed <number>', 'seed of every choice', whole(0, 2 ** 31), 7)
  .option('--seconds <count>', 'length of the day', whole(5, 3600), 100)
  .option('--no-outages', 'leave Temporal, PostgreSQL and the API alone')
  .option('--base <url>', 'a running Parley instead of one of its own; nothing is broken there')
  .option('--simulator <url>', 'its simulator; that of npm start in this checkout when left out')
  .option('--database <url>', 'its database, for comparing; that of npm start when left out')
  .option('--data-dir <folder>', 'data folder of that npm start', '.parley')
  .option('--password <text>', 'of its demo users', labPassword)
  .option('--log <file>', 'write the log lines of the API and the worker to a file')
  .option('--keep', 'keep the data folder')
  .parse()
  .opts<{
    sessions: number
    calls: number
    duplicates: number
    reorder: number | true
    forged: number
    seed: number
    seconds: number
    outages: boolean
    base?: string
    simulator?: string
    database?: string
    dataDir: string
    password: string
    log?: string
    keep?: boolean
  }>()

const progressBar = createProgressBar(process.stderr)
const progress = createProgress((line) => {
  progressBar.rest()
  process.stderr.write(`${line}\n`)
})

process.exit((await simulate()) === 0 ? 0 : 1)

async function simulate(): Promise<number> {
  const { base, log, seed, outages } = options
  const dayMs = options.seconds * 1000
  if (base !== undefined) return await day(runningPlace({ ...options, base }))
  const scratch = await startScratch({ name: 'simulate', progress, keep: options.keep ?? false })
  const onLine = log === undefined ? {} : { onLine: (line: string) => appendFileSync(log, `${line}\n`) }
  try {
    return await day(await ownPlace({ ...scratch, progress, ...onLine }, { seed, dayMs, outages }))
  } finally {
    await scratch.stop()
  }
}

async function day(prepared: ReturnType<typeof runningPlace>): Promise<number> {
  const report = await runDay({
    ...options,
    ...prepared,
    reorder: options.reorder === true ? 0.1 : options.reorder,
    dayMs: options.seconds * 1000,
    onProgress: progressBar.show,
    onSettling: (open) => progress.say(`… coming to rest: ${open}`),
  })
  progressBar.rest()
  process.stdout.write(`${presentReport(report)}\n`)
  return brokenIn(report)
}

function asShare(text: string): number {
  const value = share(text)
  if (value === undefined) throw new InvalidArgumentError('must be a share such as 10% or 0.1')
  return value
}
