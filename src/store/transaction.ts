import type { Socket } from 'node:net'
import type { Knex } from 'knex'
import type pg from 'pg'

type Connection = pg.Client & { __knex__disposed?: Error; connection: { stream: Socket } }

/**
 * One transaction on one connection. Not knex's own: that builds a whole knex for each, and waits for a trip to the server
 * that only says "begin"; together they were a third of what a webhook cost. Here the opening travels with the first
 * statement: should it fail, the transaction is aborted and that statement does nothing.
 */
export async function transaction<T>(
  pool: Knex,
  opening: string,
  work: (trx: Knex.Transaction) => Promise<T>,
): Promise<T> {
  return await onConnection(pool, opening, async (connection, opened) => {
    const trx = bound(pool, connection)
    const result = await work(trx)
    await opened
    if (!trx.isCompleted()) await trx.commit()
    return result
  })
}

/** One statement as a transaction, in one trip to the server. */
export async function statement<R extends pg.QueryResultRow>(
  pool: Knex,
  opening: string,
  { text, values }: { text: string; values: unknown[] },
): Promise<R[]> {
  return await onConnection(pool, opening, async (connection, opened) => {
    // A commit of what failed is a rollback; what failed is thrown here.
    const [, result] = await Promise.all([opened, connection.query<R>(text, values), connection.query('commit')])
    return result.rows
  })
}

async function onConnection<T>(
  pool: Knex,
  opening: string,
  work: (connection: Connection, opened: Promise<unknown>) => Promise<T>,
): Promise<T> {
  const client = pool.client as Knex.Client
  const connection = (await client.acquireConnection()) as Connection
  together(connection)
  const opened = connection.query(opening)
  // Looked at once the work is done: until then its failure is nobody's.
  opened.catch(() => undefined)
  try {
    return await work(connection, opened)
  } catch (error) {
    await undo(connection, error)
    // Every later statement only says that the transaction is aborted.
    await opened
    throw error
  } finally {
    await client.releaseConnection(connection)
  }
}

/** What cannot be rolled back must not be lent again: the pool drops a connection that is marked. */
async function undo(connection: Connection, cause: unknown): Promise<void> {
  try {
    await connection.query('rollback')
  } catch {
    connection.__knex__disposed ??= cause instanceof Error ? cause : new Error(String(cause))
  }
}

/** What is asked for before the next turn of the event loop leaves in one write: each one costs as much as a short query. */
function together({ connection: { stream } }: Connection): void {
  stream.cork()
  process.nextTick(() => stream.uncork())
}

/**
 * Statements and builders that run on this connection; as much of a knex transaction as the stores use. A last step that
 * needs no answer first may commit beside its statements: a commit of what failed is a rollback.
 */
function bound(pool: Knex, connection: Connection): Knex.Transaction {
  let completed = false
  const on = (table: string) => pool(table).connection(connection)
  const raw = (sql: string, bindings: Knex.RawBinding[] | Knex.ValueDict = []) => {
    together(connection)
    return Array.isArray(bindings) && bindings.length > 0 && !bindings.includes(undefined as never)
      ? connection.query(prepared(sql), bindings as unknown[])
      : pool.raw(sql, bindings as Knex.RawBinding[]).connection(connection)
  }
  const commit = () => {
    completed = true
    together(connection)
    return connection.query('commit')
  }
  return Object.assign(on, { raw, commit, isCompleted: () => completed, fn: pool.fn }) as unknown as Knex.Transaction
}

/** Statements of a process that the server keeps planned, on each connection. */
const maxPrepared = 200
const statements = new Map<string, { name?: string; text: string }>()

/** With numbered placeholders and, for as many as are kept, a name: planning costs the server more than running. */
function prepared(sql: string): { name?: string; text: string } {
  const known = statements.get(sql)
  if (known) return known
  let n = 0
  const text = sql.replaceAll('?', () => `$${++n}`)
  if (statements.size >= maxPrepared) return { text }
  const statement = { name: `parley_${statements.size}`, text }
  statements.set(sql, statement)
  return statement
}
