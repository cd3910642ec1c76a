import { InvalidRequestError } from '../domain/errors.js'
import { isUuid } from './values.js'

/** Where a page ended: the time in microseconds, which a Date has not, and the id. */
export type Position = [time: string, id: string]

/** SQL of a time as a position holds it: a page must begin exactly where the last one ended. */
export const exactTimeOf = (column: string) => `to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`

export const encodeCursor = (position: Position) => Buffer.from(JSON.stringify(position)).toString('base64url')

/** @throws InvalidRequestError for what is no cursor of ours */
export function decodeCursor(cursor: string): Position {
  const [time, id, ...rest] = parseCursor(cursor)
  if (isTime(time) && typeof id === 'string' && isUuid(id) && rest.length === 0) return [time, id]
  throw new InvalidRequestError('the cursor is not one of ours', [
    { pointer: 'query/cursor', detail: 'must be the next_cursor of an earlier page' },
  ])
}

const microseconds = /^(?!0000)(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})\d{3}Z$/

/** A time that is in the calendar: what the database cannot read would be its failure. */
function isTime(value: unknown): value is string {
  const milliseconds = typeof value === 'string' ? microseconds.exec(value)?.[1] : undefined
  const date = new Date(`${milliseconds}Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString() === `${milliseconds}Z`
}

function parseCursor(cursor: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    return Array.isArray(parsed) ? parsed : []
  } catch {
    return []
  }
}
