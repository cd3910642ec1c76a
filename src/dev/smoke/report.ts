import Table from 'cli-table3'
import type { Result, State } from './results.js'

/** How many checks ended how. */
export function totalsOf(results: readonly Result[]): Record<State, number> {
  const totals = { passed: 0, failed: 0, skipped: 0 }
  for (const { state } of results) totals[state]++
  return totals
}

const marks = { passed: 'passed', failed: 'FAILED', skipped: 'skipped' }

/** Every check as a row, and a line that sums them up. */
export function tableOf(results: readonly Result[]): string {
  const table = new Table({
    head: ['subject', 'check', 'result', 'what came'],
    colWidths: [12, 46, 9, 62],
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  })
  for (const { subject, name, state, detail } of results) table.push([subject, name, marks[state], detail])
  return `${table.toString()}\n${summaryOf(results)}`
}

function summaryOf(results: readonly Result[]): string {
  const { passed, failed, skipped } = totalsOf(results)
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

/** The same for programs. */
export const jsonOf = (base: string, results: readonly Result[]): string =>
  JSON.stringify({ base, at: new Date().toISOString(), ...totalsOf(results), checks: results }, null, 2)
