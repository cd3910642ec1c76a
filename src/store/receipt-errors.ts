import { ParleyError } from '../domain/errors.js'
import { isDatabaseDown } from './database-down.js'

/** Serialisation, deadlock, lack of resources, a lock that was not to be had, a statement that waited too long for one. */
const passing = /^(40\w{3}|53\w{3}|55P03|57014)$/

/** Whether trying again may help without anybody changing anything. */
export function isTransient(error: unknown): boolean {
  return isDatabaseDown(error) || passing.test(sqlState(error) ?? '')
}

function sqlState(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/** What went wrong, for the receipt: never a message, which may quote what the provider sent. */
export function reasonOf(error: unknown): string {
  if (error instanceof ParleyError) return error.code
  if (!(error instanceof Error)) return 'unknown error'
  const state = sqlState(error)
  if (!state) return `${error.name}${placeOf(error)}`
  const { table, column, constraint } = error as { table?: string; column?: string; constraint?: string }
  return ['the database refused it:', state, table, column, constraint].filter(Boolean).join(' ')
}

/** File and line of the throw: enough to find a bug of ours. */
function placeOf(error: Error): string {
  const place = /\n\s+at .*?([\w.-]+:\d+):\d+\)?/.exec(error.stack ?? '')?.[1]
  return place ? ` at ${place}` : ''
}
