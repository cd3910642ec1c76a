import './node-version.mjs'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureBuilt } from './build.mjs'
import { fail, Refusal, root, run, say, step } from './steps.mjs'

/** Debian's policy for services: whatever a package brings is installed, and none of it is started. */
const servicePolicy = '/usr/sbin/policy-rc.d'

/** Installs a Debian package that the tests need, without starting anything; what it cannot do, a person is told. */
async function installPackage({ name, title, purpose, manual, find }) {
  const canInstall = process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0
  if (!canInstall)
    throw new Refusal(
      `there is no ${title} on this machine, and it cannot be installed without root and apt-get.\n${manual}`,
    )
  say(`installing ${title} for ${purpose} (once)`)
  const options = {
    log: join(root, '.parley', `${name}.log`),
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    whatToDo: manual,
  }
  const ownPolicy = !existsSync(servicePolicy)
  if (ownPolicy) writeFileSync(servicePolicy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    await step('package lists', () => run('apt-get', ['update'], options))
    await step(title, () => run('apt-get', ['install', '-y', '--no-install-recommends', name], options))
  } finally {
    if (ownPolicy) rmSync(servicePolicy, { force: true })
  }
  if (!find()) throw new Refusal(`apt-get installed no ${title}.\n${manual}`)
}

/** The pages are tested in a real browser. */
async function ensureChromium() {
  const { findChromium: find } = await import('../dist/src/dev/chromium.js')
  const manual = 'Install Chromium or Google Chrome, so that it is on PATH, and run npm test again.'
  if (!find()) await installPackage({ name: 'chromium', title: 'Chromium', purpose: 'the browser tests', manual, find })
}

/** Limits and channels are tested with a real Redis, which is killed. */
async function ensureRedis() {
  const { findRedisServer: find } = await import('../dist/src/dev/redis-server.js')
  const manual = 'Install Redis or Valkey, so that it is on PATH, or set REDIS_SERVER_PATH, and run npm test again.'
  if (find()) return
  if (process.env.REDIS_SERVER_PATH?.trim())
    throw new Refusal(`REDIS_SERVER_PATH names ${process.env.REDIS_SERVER_PATH}, and there is no such file.\n${manual}`)
  await installPackage({ name: 'redis-server', title: 'Redis', purpose: 'the tests', manual, find })
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
  await ensureRedis()
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
