import Table from 'cli-table3'
import { broken } from './effects.js'
import type { DayReport } from './run.js'

const plain = { head: [], border: [] }
const shownReasons = 25

/** How many rules the day has broken, callers that gave up with them. */
export const brokenIn = ({ comparison, effects, sessions, failures }: DayReport): number =>
  broken(comparison, effects) + sessions.reduce((sum, check) => sum + check.broken, 0) + failures.length

/** What the first table's columns count. */
const legend = `events: what happened at the provider; authentic: copies of them that were sent with a right signature
processed once, unmatched, failed, lost, MISSING, DOUBLED: what became of each event, exactly one of these
  unmatched: kept with its reason, for whoever it belongs to is not known; failed: kept with its reason, to be replayed
  lost: nobody answered and its provider does not try again; MISSING: answered, or refused, and not to be found
duplicates: copies answered as seen before; FORGED: copies with a wrong signature that were taken all the same
MISSING, DOUBLED, FORGED and WRONG must be 0.`

/** The closing tables. */
export function presentReport(report: DayReport): string {
  const parts = [eventsTable(report), legend, effectsTable(report)]
  if (report.sessions.length > 0) parts.push(sessionsTable(report))
  return [...parts, ...examples(report), verdict(report)].join('\n')
}

function eventsTable({ comparison }: DayReport): string {
  const head = [
    'provider',
    'events',
    'authentic',
    'processed once',
    'duplicates',
    'unmatched',
    'failed',
    'lost',
    'MISSING',
    'DOUBLED',
    'FORGED',
  ]
  const table = new Table({ head, style: plain })
  for (const { provider, events, authentic, duplicates, forgedTaken, fates } of comparison.providers)
    table.push([
      provider,
      events,
      authentic,
      fates.processed,
      duplicates,
      fates.unmatched,
      fates.failed,
      fates.lost,
      fates.missing,
      fates.doubled,
      forgedTaken,
    ])
  return table.toString()
}

function effectsTable({ effects }: DayReport): string {
  const table = new Table({ head: ['calls and conversations', 'lives', 'as they were', 'WRONG'], style: plain })
  for (const { provider, lives, right, wrong } of effects) table.push([provider, lives, right, wrong.length])
  return table.toString()
}

function sessionsTable({ sessions }: DayReport): string {
  const table = new Table({ head: ['video sessions', 'broken', 'of'], style: plain })
  for (const check of sessions) table.push([check.name, check.broken, check.of])
  return table.toString()
}

/** Rules that are broken first. */
function examples({ comparison, effects, sessions, failures }: DayReport): string[] {
  const severe = comparison.reasons.filter((reason) => /^(missing|doubled)/.test(reason))
  const listed = comparison.reasons.filter((reason) => !severe.includes(reason))
  const all = [
    ...severe,
    ...effects.flatMap(({ wrong }) => wrong),
    ...sessions.flatMap((check) => check.examples.map((example) => `${check.name}: ${example}`)),
    ...failures,
    ...listed,
  ]
  const rest = all.length - shownReasons
  return [...all.slice(0, shownReasons), ...(rest > 0 ? [`… and ${rest} more`] : [])]
}

function verdict(report: DayReport): string {
  const count = brokenIn(report)
  const took = `${Math.round(report.tookMs / 1000)} s`
  return count === 0 ? `ok: nothing missing, nothing doubled (${took})` : `FAILED: ${count} broken (${took})`
}
