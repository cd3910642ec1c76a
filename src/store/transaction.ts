import type { Knex } from 'knex'
import type pg from 'pg'

type Connection = pg.Client & { __knex__disposed?: Error }

/**
 * One transaction on one connection. Not knex's own: that builds a whole knex for each, and begins with a trip to the
 * server that only says "begin"; together they were a third of what a webhook cost.
 */
export async function transaction<T>(
  pool: Knex,
  opening: string,
  work: (trx: Knex.Transaction) => Promise<T>,
): Promise<T> {
  const client = pool.client as Knex.Client
  const connection = (await client.acquireConnection()) as Connection
  try {
    await connection.query(opening)
    const result = await work(bound(pool, connection))
    await connection.query('commit')
    return result
  } catch (error) {
    await undo(connection, error)
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

/** Statements and builders that run on this connection; as much of a knex transaction as the stores use. */
function bound(pool: Knex, connection: Connection): Knex.Transaction {
  const on = (table: string) => pool(table).connection(connection)
  const raw = (sql: string, bindings: Knex.RawBinding[] = []) => pool.raw(sql, bindings).connection(connection)
  return Object.assign(on, { raw, fn: pool.fn }) as unknown as Knex.Transaction
}
