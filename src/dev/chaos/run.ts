import { setTimeout as sleep } from 'node:timers/promises'
import { type Lab, labPassword, type LabOptions, startLab } from '../lab.js'
import { onDatabase } from '../postgres-roles.js'
import { type Check, checkSessions, readTruth } from './checks.js'
import { type DrivenSession, driveSessions } from './driver.js'
import { kills, killPart, setFaults } from './faults.js'
import { seededRandom } from './random.js'

export interface ChaosOptions extends Pick<LabOptions, 'dataDir' | 'supervisor' | 'progress' | 'onLine' | 'database'> {
  sessions: number
  callers: number
  seed: number
}

export interface ChaosReport {
  sessions: number
  checks: Check[]
  failures: string[]
  facts: [string, string | number][]
}

/** Short times, so that a run of minutes shows what takes hours in life. */
const settings = {
  SESSION_RECONCILE_SECONDS: '3',
  SESSION_ARTIFACT_WAIT_SECONDS: '30',
  SESSION_MAX_GRACE_SECONDS: '5',
  TAVUS_REQUEST_TIMEOUT_SECONDS: '5',
}

/** How long after the last call everything may take to come to rest. */
const restMs = 90_000

/** Runs conversations under faults and kills on a stack of its own. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const stack = await startLab({ ...options, split: true, temporalOnDisk: true, env: settings })
  const random = seededRandom(options.seed)
  await setFaults(stack.simulatorUrl)
  const began = Date.now()
  let done = 0

  const killing = (async () => {
    for (const kill of kills) {
      while (done < kill.at * options.sessions) await sleep(50)
      options.progress.say(`  ${done} of ${options.sessions} sessions: ${kill.signal} to ${kill.part}`)
      killPart(options.supervisor, kill)
    }
  })()
  const driven = await options.progress.step('conversations', (detail) =>
    driveSessions({
      ...stack,
      ...options,
      random,
      password: labPassword,
      users: ['lead@acme.test', 'rep@acme.test', 'rep2@acme.test', 'lead@borealis.test'],
      holdMs: 6000,
      onProgress: (count) => detail(`${(done = count)} of ${options.sessions}`),
    }),
  )
  await killing
  const calledMs = Date.now() - began
  const checks = await options.progress.step('coming to rest', () => untilAtRest(stack, driven.sessions))
  return {
    sessions: options.sessions,
    checks,
    failures: driven.failures,
    facts: [
      ['seed', options.seed],
      [
        'providers and modes',
        [...countOf(driven.sessions)]
          .sort()
          .map(([kind, count]) => `${kind} ${count}`)
          .join(', '),
      ],
      ['calls took', `${Math.round(calledMs / 1000)} s`],
      ['from the last call until all was at rest', `${Math.round((Date.now() - began - calledMs) / 1000)} s`],
      [
        'starts that needed another try by the caller',
        driven.sessions.filter((session) => session.startTries > 1).length,
      ],
      ['kills', kills.map((kill) => `${kill.part} ${kill.signal}`).join(', ')],
    ],
  }
}

function countOf(sessions: readonly DrivenSession[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { kind } of sessions) {
    const name = `${kind.provider} ${kind.mode}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

/** Until every rule holds, or the time is up: then what is still broken is the answer. */
async function untilAtRest(stack: Lab, driven: Parameters<typeof checkSessions>[2]): Promise<Check[]> {
  const until = Date.now() + restMs
  for (;;) {
    const truth = await readTruth(stack.simulatorUrl)
    const checks = await onDatabase(stack.adminUrl, (client) => checkSessions(client, truth, driven))
    if (checks.every((check) => check.broken === 0) || Date.now() > until) return checks
    await sleep(1000)
  }
}
