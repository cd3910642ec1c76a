import type { Knex } from 'knex'
import { cleanText, parameter } from './values.js'

export interface RowSet<Row> {
  /** Item of a FROM clause, with one placeholder for each column. */
  from: string
  bindings(rows: readonly Row[]): Knex.RawBinding[]
}

type ColumnType = 'text' | 'uuid' | 'boolean' | 'integer' | 'timestamptz' | 'jsonb'

/**
 * Rows as a parameter for each column: the server takes them apart in a third of the time that a list of objects costs it.
 * A column of jsonb holds a value in every row; another that holds none at all is sent as NULL.
 */
export function rowSet<Row extends object>(
  alias: string,
  columns: Record<keyof Row & string, ColumnType>,
): RowSet<Row> {
  const entries = Object.entries<ColumnType>(columns) as [keyof Row & string, ColumnType][]
  const lists = entries.map(([, type]) =>
    type === 'jsonb' ? 'jsonb_array_elements(?::jsonb)' : `unnest(?::${type}[])`,
  )
  const names = entries.map(([name]) => `"${name}"`)
  return {
    from: `rows from (${lists.join(', ')}) as ${alias} (${names.join(', ')})`,
    bindings: (rows) =>
      entries.map(([name, type]) => {
        const values = rows.map((row) => row[name])
        if (type === 'jsonb') return parameter(values)
        return values.some((value) => value !== null && value !== undefined) ? values.map(storable) : null
      }) as Knex.RawBinding[],
  }
}

const storable = (value: unknown): unknown => (typeof value === 'string' ? cleanText(value) : (value ?? null))
