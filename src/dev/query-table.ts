import Table from 'cli-table3'
import type pg from 'pg'

/** Runs the statements and answers what a person reads: a table for each that has columns, and the number of rows. */
export async function queryTable(client: pg.Client, sql: string): Promise<string> {
  const results: pg.QueryResult<string[]> | pg.QueryResult<string[]>[] = await client.query<string[]>({
    text: sql,
    rowMode: 'array',
  })
  return [results].flat().map(textOf).join('\n')
}

function textOf({ fields, rows, command }: pg.QueryResult<(string | null)[]>): string {
  if (fields.length === 0) return command
  const table = new Table({ head: fields.map(({ name }) => name), style: { head: [], border: [] } })
  table.push(...rows.map((row) => row.map((value) => value ?? '')))
  return `${table.toString()}\n${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`
}
