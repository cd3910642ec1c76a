import { setTimeout as sleep } from 'node:timers/promises'
import { type Check, checkSessions, readTruth } from '../chaos/checks.js'
import { type DrivenSession, driveSessions } from '../chaos/driver.js'
import { seededRandom } from '../chaos/random.js'
import { onDatabase } from '../postgres-roles.js'
import { seedCompanies } from '../seed.js'
import { type Comparison, compareEvents } from './compare.js'
import { driveDay } from './drive.js'
import { compareEffects, type EffectCheck } from './effects.js'
import { readLedger } from './ledger.js'
import { planDay } from './plan.js'
import { disturb, type Unreliability } from './simulator-settings.js'
import { type Beginning, beginningOf, readEvents, readSubjects } from './truth.js'

/** The system that a day is let loose on. */
export interface Place {
  apiUrl: string
  simulatorUrl: string
  adminUrl: string
  password: string
  /** Nobody else uses it: the sessions' own rules can be checked too. */
  alone: boolean
}

export interface DayRun extends Unreliability {
  place: Place
  sessions: number
  calls: number
  seed: number
  dayMs: number
  /** What breaks meanwhile; resolves when all of it is back. */
  meanwhile: () => Promise<void>
  onProgress: (done: number, total: number) => void
  /** The traffic is over, and what is still on its way arrives. */
  onSettling: (open: string) => void
}

export interface DayReport {
  comparison: Comparison
  effects: EffectCheck[]
  sessions: Check[]
  failures: string[]
  tookMs: number
}

/** How long after the day everything may take to come to rest: the longest of the compressed retry schedules. */
const restMs = 300_000
const lookMs = 5000
/** Once nothing else is on its way, the sessions' own rules get so much more time. */
const rulesMs = 60_000

/** Lets a day happen and compares it with the simulator's truth. */
export async function runDay(run: DayRun): Promise<DayReport> {
  const { place, sessions, seed, dayMs } = run
  const began = Date.now()
  const beginning = await beginningOf(place.simulatorUrl)
  const actions = planDay({ ...run, companyId: seedCompanies.acme.id })
  const calm = await disturb(place.simulatorUrl, run)
  const done = { sessions: 0, actions: 0 }
  const progress = (part: Partial<typeof done>) => {
    Object.assign(done, part)
    run.onProgress(done.sessions + done.actions, sessions + actions.length)
  }
  const [driven, failures] = await Promise.all([
    driveSessions({
      ...place,
      sessions,
      // A caller needs some four seconds for each.
      callers: Math.min(16, Math.max(1, Math.ceil((sessions * 4000) / dayMs))),
      users: ['lead@acme.test', 'rep@acme.test', 'rep2@acme.test', 'lead@borealis.test'],
      random: seededRandom(seed),
      holdMs: 6000,
      onProgress: (count) => progress({ sessions: count }),
    }),
    driveDay(actions, { ...place, onProgress: (count) => progress({ actions: count }) }),
    run.meanwhile(),
  ])
  await calm()
  const report = await untilAtRest(run, { beginning, driven: driven.sessions })
  return { ...report, failures: [...driven.failures, ...failures], tookMs: Date.now() - began }
}

type Rested = Pick<DayReport, 'comparison' | 'effects' | 'sessions'>

/** Until nothing is on its way any more, or the time is up: then what is still open is the answer. */
async function untilAtRest(
  { place, onSettling }: DayRun,
  day: { beginning: Beginning; driven: DrivenSession[] },
): Promise<Rested> {
  let until = Date.now() + restMs
  for (;;) {
    const { open, onlyRules, rested } = await lookPatiently(place, day)
    if (onlyRules) until = Math.min(until, Date.now() + rulesMs)
    if (open.length === 0 || Date.now() > until) return rested
    onSettling(open.join(', '))
    await sleep(lookMs)
  }
}

/** The API and the database may be on their way back still. */
async function lookPatiently(...given: Parameters<typeof look>) {
  for (let tries = 1; ; tries++)
    try {
      return await look(...given)
    } catch (error) {
      if (tries === 12) throw error
      await sleep(lookMs)
    }
}

async function look(place: Place, { beginning, driven }: { beginning: Beginning; driven: DrivenSession[] }) {
  const { simulatorUrl, adminUrl, alone } = place
  const events = await readEvents(simulatorUrl, beginning)
  const subjects = await readSubjects(simulatorUrl, events)
  const truth = await readTruth(simulatorUrl)
  return await onDatabase(adminUrl, async (client) => {
    const ledger = await readLedger(client, beginning.since)
    const comparison = compareEvents(events, ledger)
    // What is unmatched is listed here and no broken rule.
    const rules = alone ? await checkSessions(client, truth, driven) : []
    const sessions = rules.filter(({ name }) => name !== 'webhooks not processed')
    const waiting = ledger.receipts.filter(({ status }) => status === 'received' || status === 'waiting').length
    const sending = events.filter(({ pending }) => pending).length
    const rulesOpen = sessions.filter(({ broken }) => broken > 0).length
    const open = openOf({
      'webhooks to be sent': sending,
      'receipts to be processed': waiting,
      'session rules': rulesOpen,
    })
    const rested = { comparison, effects: compareEffects(subjects, { ledger, ...comparison }), sessions }
    return { open, onlyRules: sending + waiting === 0, rested }
  })
}

const openOf = (counts: Record<string, number>) =>
  Object.entries(counts).flatMap(([name, count]) => (count > 0 ? [`${count} ${name}`] : []))
