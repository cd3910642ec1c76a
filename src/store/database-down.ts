import { UnavailableError } from '../domain/errors.js'

export interface StoreLog {
  warn(fields: object, message: string): void
}

const socketErrors = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/
/** Shut down, crashed, still starting, or out of connections; class 08 is every broken connection. */
const sqlStates = /^(57P01|57P02|57P03|57P05|53300|25P03|08\w{3})$/
/** What the driver and the pool say without a code. */
const messages =
  /query read timeout|connection terminated|connection ended|client has encountered a connection error|timeout exceeded when trying to connect|timeout expired|client was closed|unable to acquire a connection|^aborted$/i

/** Whether an error says that the database is away, rather than that it refused something. */
export function isDatabaseDown(error: unknown): boolean {
  if (error instanceof UnavailableError) return error.code === 'database_unavailable'
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  if (typeof code === 'string') return socketErrors.test(code) || sqlStates.test(code)
  if (error.name === 'KnexTimeoutError' || error.name === 'TimeoutError') return true
  return messages.test(error.message)
}

/** An error of a database that is away as the failure that callers degrade on; any other error as it is. */
export function asUnavailable(error: unknown, log?: StoreLog): unknown {
  if (error instanceof UnavailableError || !isDatabaseDown(error)) return error
  log?.warn({ err: error }, 'database unavailable')
  const unavailable = new UnavailableError('the database is not available', 'database_unavailable')
  unavailable.cause = error
  return unavailable
}
