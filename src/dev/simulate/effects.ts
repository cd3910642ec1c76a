import type { Comparison } from './compare.js'
import type { Ledger, LedgerRow } from './ledger.js'
import type { TruthEvent, TruthSubject } from './truth.js'

export interface EffectCheck {
  provider: string
  lives: number
  /** Told completely enough to be known, and known rightly. */
  right: number
  wrong: string[]
}

/** What a second's rounding at both ends may make of a duration. Seconds. */
const toleranceSeconds = 1

interface Compared {
  ledger: Ledger
  fates: Comparison['fates']
}

/** Compares the end of every call and conversation with what really happened to it. */
export function compareEffects(subjects: readonly TruthSubject[], compared: Compared): EffectCheck[] {
  const rows = new Map(compared.ledger.rows.map((row) => [`${row.provider} ${row.externalId}`, row]))
  const checks = new Map<string, EffectCheck>()
  for (const subject of subjects) {
    const { provider, external_id } = subject
    const check = checks.get(provider) ?? { provider, lives: 0, right: 0, wrong: [] }
    checks.set(provider, check)
    check.lives += 1
    const decided = isDecided(subject, compared)
    const wrong = faultOf(subject, rows.get(`${provider} ${external_id}`), decided)
    if (wrong !== undefined) check.wrong.push(`${provider} ${external_id}: ${wrong}`)
    else if (decided) check.right += 1
  }
  return [...checks.values()]
}

/** The event without which nobody can know the end has been taken. */
const isDecided = ({ provider, external_id, expected }: TruthSubject, { fates }: Compared) =>
  [...fates].some(
    ([event, fate]: [TruthEvent, string]) =>
      event.provider === provider &&
      event.kind === expected?.decided_by &&
      (event.subject ?? event.externalId) === external_id &&
      fate === 'processed',
  )

function faultOf(
  { expected, provider }: TruthSubject,
  row: LedgerRow | undefined,
  decided: boolean,
): string | undefined {
  if (expected === null) return undefined
  if (row === undefined) return decided ? 'there is no row' : undefined
  if (row.completed > 1) return `its end was told ${row.completed} times`
  const outcomeTold = provider !== 'elevenlabs' && (decided || row.outcome !== null)
  if (outcomeTold && !expected.outcome.includes(row.outcome ?? ''))
    return `outcome ${row.outcome}, truth ${expected.outcome.join(' or ')}`
  const { duration_seconds } = expected
  if (duration_seconds === null || !decided) return undefined
  const off = Math.abs((row.durationSeconds ?? Number.NaN) - duration_seconds)
  return off <= toleranceSeconds ? undefined : `duration ${row.durationSeconds} s, truth ${duration_seconds} s`
}

/** How many rules the day has broken. */
export const broken = ({ providers }: Comparison, effects: readonly EffectCheck[]): number =>
  providers.reduce((sum, { fates, forgedTaken }) => sum + fates.missing + fates.doubled + forgedTaken, 0) +
  effects.reduce((sum, { wrong }) => sum + wrong.length, 0)
