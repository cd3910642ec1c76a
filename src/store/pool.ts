import knex, { type Knex } from 'knex'

export interface PoolOptions {
  url: string
  name: string
  size: number
  /** A caller waits this long for a free or a new connection. */
  acquireTimeoutMs: number
  /** A statement without an answer for this long has lost its connection; absent, it is waited for without end. */
  queryTimeoutMs?: number
}

/** Connections to PostgreSQL; one that breaks is replaced by whoever needs the next. */
export function createPool({ url, name, size, acquireTimeoutMs, queryTimeoutMs }: PoolOptions): Knex {
  return knex({
    client: 'pg',
    // knex hands on what it does not know: the driver knows `pipeline`.
    connection: {
      connectionString: url,
      application_name: name,
      keepAlive: true,
      // Statements that do not need each other's answer share a trip to the server.
      pipeline: true,
      connectionTimeoutMillis: acquireTimeoutMs,
      ...(queryTimeoutMs !== undefined && { query_timeout: queryTimeoutMs }),
    } as Knex.PgConnectionConfig,
    acquireConnectionTimeout: acquireTimeoutMs,
    pool: { min: 0, max: size },
    // Its messages would show every value of the statement that failed.
    compileSqlOnError: false,
    // Every failure is thrown as well; whoever catches it logs it.
    log: { warn() {}, error() {}, deprecate() {}, debug() {} },
  })
}

/** What went wrong, without the statement that knex puts before it. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.slice(message.lastIndexOf(' - ') + 1).replace(/^- /, '')
}
