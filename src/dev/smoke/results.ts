export type State = 'passed' | 'failed' | 'skipped'

export interface Result {
  subject: string
  name: string
  state: State
  /** What was seen, what came instead, or why it was not looked at. */
  detail: string
}

/** What was seen is not what must be. */
export class Failure extends Error {
  override name = 'Failure'
}

/** A check that cannot be made here, and why. */
export class Skip extends Error {
  override name = 'Skip'
}

/** Runs one check: what it returns is told beside "passed"; a Skip skips it; whatever else it throws is a failure. */
export type CheckRunner = (name: string, look: () => Promise<string> | string) => Promise<void>

/** Keeps what came of each check, in order. */
export function createResults() {
  const results: Result[] = []
  return {
    results,
    /** The checks of one subject. */
    of: (subject: string): CheckRunner =>
      async function check(name, look) {
        results.push({ subject, name, ...(await outcomeOf(look)) })
      },
  }
}

async function outcomeOf(look: () => Promise<string> | string): Promise<Pick<Result, 'state' | 'detail'>> {
  try {
    return { state: 'passed', detail: await look() }
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return { state: error instanceof Skip ? 'skipped' : 'failed', detail }
  }
}

/** @throws Failure saying what came, unless the condition holds */
export function ensure(condition: boolean, whatCame: () => string): asserts condition {
  if (!condition) throw new Failure(whatCame())
}
