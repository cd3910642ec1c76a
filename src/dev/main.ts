import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError, loadConfig, type Config } from '../config.js'
import { environmentToCheck } from './application-environment.js'
import { banner } from './banner.js'
import { lockCheckout, type CheckoutLock } from './checkout-lock.js'
import { childEnvironment } from './environment.js'
import { createLogOutput, logLine } from './output.js'
import { watchNpm } from './parent-watch.js'
import { endOrphans } from './pids.js'
import { terminalProgress } from './progress.js'
import { ChildFailure, Refusal } from './refusal.js'
import { startEverything } from './start.js'
import { createSupervisor } from './supervisor.js'

/** A terminal's Ctrl-C comes twice: from the terminal and, passed on, from npm. */
const sameKeyMs = 500

const progress = terminalProgress()
const output = createLogOutput()

/** Signals in the order that they matter: the first ends everything in order, a second one ends it at once. */
function onSignals(stop: (reason: string) => void, hasten: () => void): void {
  let first = 0
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (first === 0) {
        first = Date.now()
        stop(signal)
      } else if (Date.now() - first > sameKeyMs) hasten()
    })
  }
  watchNpm(childEnvironment().npm_lifecycle_event !== undefined, () => {
    first ||= Date.now()
    stop('npm is gone')
  })
}

async function run(config: Config, lock: CheckoutLock): Promise<void> {
  const pidFile = join(config.dataDir, 'pids.json')
  const supervisor = createSupervisor({
    pidFile,
    onEvent: ({ event, ...fields }) =>
      output(logLine(event === 'restarted' ? 'info' : 'warn', `child ${event.replace('_', ' ')}`, fields)),
  })
  let ending: Promise<void> | undefined
  const end = () =>
    (ending ??= (async () => {
      lock.stopping()
      await progress.step('stopping', (detail) => supervisor.stopAll(detail))
      lock.release()
    })())
  let interrupted = false
  onSignals(
    (reason) => {
      interrupted = true
      progress.say(`\nstopping (${reason}); once more ends it at once`)
      void end().then(() => {
        progress.say('stopped')
        process.exit(0)
      })
    },
    () => supervisor.hasten(),
  )
  try {
    await endOrphans(pidFile, (name, pid) =>
      progress.say(`ending ${name} (process ${pid}), left from an earlier start`),
    )
    const facts = await startEverything({ config, supervisor, progress, output })
    lock.running(facts.url)
    progress.say(banner(facts))
  } catch (error) {
    if (interrupted) return
    await end()
    if (error instanceof ChildFailure)
      progress.say(`all that PostgreSQL, Temporal and the simulator wrote is in ${join(config.dataDir, 'logs')}`)
    throw error
  }
}

async function main(): Promise<void> {
  const config = loadConfig(environmentToCheck(childEnvironment()))
  // PostgreSQL may have to run as another user, who passes through here; what is secret in it is so by its own mode.
  mkdirSync(config.dataDir, { recursive: true, mode: 0o755 })
  const lock = await lockCheckout(join(config.dataDir, 'lock.json'), progress.say)
  await run(config, lock)
}

/** What a person can do something about comes without a stack. */
function explain(error: unknown): string {
  if (error instanceof ConfigError)
    return `${error.message}\nCorrect these in the environment or in .env (see .env.example), and start again.`
  if (error instanceof Refusal || (error as { code?: unknown }).code !== undefined) return (error as Error).message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

await main().catch((error: unknown) => {
  progress.say(`\n${explain(error)}`)
  process.exit(1)
})
