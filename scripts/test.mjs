import './node-version.mjs'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureBuilt } from './build.mjs'
import { fail, Refusal, root, run, say, step } from './steps.mjs'

const manual = 'Install Chromium or Google Chrome, so that it is on PATH, and run npm test again.'

/** The pages are tested in a real browser. */
async function ensureChromium() {
  const { findChromium } = await import('../dist/src/dev/chromium.js')
  if (findChromium()) return
  const canInstall = process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0
  if (!canInstall)
    throw new Refusal(
      `there is no Chromium on this machine, and it cannot be installed without root and apt-get.\n${manual}`,
    )
  say('installing Chromium for the browser tests (once)')
  const options = {
    log: join(root, '.parley', 'chromium.log'),
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    whatToDo: manual,
  }
  await step('package lists', () => run('apt-get', ['update'], options))
  await step('Chromium', () => run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], options))
  if (!findChromium()) throw new Refusal(`apt-get installed no Chromium.\n${manual}`)
}

/** Before the runner, whose output would hide a build of minutes. */
async function ensureTemporal() {
  const { findTemporal } = await import('../dist/src/dev/temporal-binary.js')
  const { terminalProgress } = await import('../dist/src/dev/progress.js')
  const progress = terminalProgress()
  await progress.step('Temporal server', (detail) =>
    findTemporal({ cliPath: process.env.TEMPORAL_CLI_PATH, detail, say: progress.say }),
  )
}

/** What the shell sets for a Parley that it runs must not change what is tested. */
async function cleanEnvironment() {
  const { variables } = await import('../dist/src/config.js')
  const ours = Object.keys(variables).filter((name) => name !== 'TEMPORAL_CLI_PATH')
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.includes(name)))
}

/** Every process of the run is its descendant, and ends with it. */
function runTests(args, { report, env }) {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const reporters = [
    `--reporter=${join(root, 'scripts', 'test-reporter.mjs')}`,
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]
  const child = spawn(process.execPath, [vitest, 'run', ...reporters, ...args], { cwd: root, stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)))
}

/** A file that cannot be loaded has no tests to count, and is a failure all the same. */
function count(report) {
  if (!existsSync(report)) return { passed: 0, failed: 0, skipped: 0 }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  )
  const broken = testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  )
  return { passed: numPassedTests, failed: numFailedTests + broken.length, skipped: numPendingTests + numTodoTests }
}

try {
  await ensureBuilt()
  await ensureChromium()
  await ensureTemporal()
  const folder = mkdtempSync(join(tmpdir(), 'parley-report-'))
  const report = join(folder, 'report.json')
  const status = await runTests(process.argv.slice(2), { report, env: await cleanEnvironment() })
  const { passed, failed, skipped } = count(report)
  rmSync(folder, { recursive: true, force: true })
  // An error outside of any test fails the run too.
  const failures = failed === 0 && status !== 0 ? 1 : failed
  if (skipped > 0) say(`${skipped} skipped`)
  process.stdout.write(`${passed} passed, ${failures} failed\n`)
  process.exitCode = failures > 0 || passed === 0 ? 1 : 0
} catch (error) {
  fail(error)
}
