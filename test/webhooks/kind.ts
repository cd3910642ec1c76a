import type { TestEngine } from './harness.js'
import type { Message } from './wire.js'

export type Row = Record<string, unknown>

/** One event, what it is about being there already. */
export interface Told {
  message: Message
  /** Another status or type of the same id. */
  other: Message
  /** A text that the rows of the effect have in them, and no other row. */
  mark: string
  /** What shows the effect. */
  row: () => Promise<Row | undefined>
  /** Of that row. */
  expected: Row
  /** Every entry that the event leaves in the log, in order. */
  log: string[]
}

export interface Kind {
  name: string
  /** The session's workflow is told as well: such events are never taken in the commit of their receipt. */
  ofSession?: boolean
  make(engine: TestEngine): Promise<Told>
}

export const processed = 'system.webhook.processed'

/** The first row of a query by the superuser. */
export async function one(engine: TestEngine, sql: string, values: unknown[]): Promise<Row | undefined> {
  return (await engine.admin<Row>(sql, values))[0]
}
