import type { Knex } from 'knex'
import { computed } from './analytics-tables.js'

/** What stands in the schema: the columns of tables that hold data of their own, and where sequences stand. */
export interface Shape {
  tables: Map<string, string[]>
  /** The last number that each gave; null for one that has given none. */
  sequences: Map<string, string | null>
}

const ours = `c.relnamespace = 'public'::regnamespace and c.relname not like 'knex\\_%'`

/** Partitions are part of their table; what is computed, a column or a whole table, is not data. */
export async function shapeOf(knex: Knex): Promise<Shape> {
  const tables = await knex.raw<{ rows: { name: string; columns: string[] }[] }>(
    `select c.relname as name, array_agg(a.attname::text order by a.attnum) as columns
     from pg_class c join pg_attribute a on a.attrelid = c.oid
     where ${ours} and c.relkind in ('r', 'p') and not c.relispartition
       and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
       and coalesce(obj_description(c.oid, 'pg_class'), '') not like '${computed} %'
     group by c.oid, c.relname order by c.oid`,
  )
  const sequences = await knex.raw<{ rows: { name: string; value: string | null }[] }>(
    `select c.relname as name, pg_sequence_last_value(c.oid) as value from pg_class c where ${ours} and c.relkind = 'S'`,
  )
  return {
    tables: new Map(tables.rows.map(({ name, columns }) => [name, columns])),
    sequences: new Map(sequences.rows.map(({ name, value }) => [name, value])),
  }
}

/** Columns of the primary key; none when the table has none, or is none. */
export async function primaryKey(knex: Knex, table: string): Promise<string[]> {
  const { rows } = await knex.raw<{ rows: { name: string }[] }>(
    `select a.attname as name from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
     where i.indisprimary and i.indrelid = to_regclass(quote_ident(?)) order by array_position(i.indkey::int2[], a.attnum)`,
    [table],
  )
  return rows.map(({ name }) => name)
}

/** To which rows of other tables a table's rows must refer. */
export interface ForeignKey {
  table: string
  columns: string[]
  referred: string[]
}

export async function foreignKeys(knex: Knex, table: string): Promise<ForeignKey[]> {
  const { rows } = await knex.raw<{ rows: ForeignKey[] }>(
    `select c.relname as "table",
       (select array_agg(a.attname::text order by k.n) from unnest(f.conkey) with ordinality k (num, n)
         join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.num) as columns,
       (select array_agg(a.attname::text order by k.n) from unnest(f.confkey) with ordinality k (num, n)
         join pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.num) as referred
     from pg_constraint f join pg_class c on c.oid = f.confrelid
     where f.contype = 'f' and f.conrelid = to_regclass(quote_ident(?))`,
    [table],
  )
  return rows
}

/** Lets the owner see every row meanwhile: forced policies bind it too, and there are none for it. */
export async function unforced<T>(knex: Knex, work: () => Promise<T>): Promise<T> {
  const { rows } = await knex.raw<{ rows: { name: string }[] }>(
    `select c.relname as name from pg_class c where ${ours} and c.relforcerowsecurity`,
  )
  for (const { name } of rows) await knex.raw('alter table ?? no force row level security', [name])
  const result = await work()
  for (const { name } of rows) await knex.raw('alter table ?? force row level security', [name])
  return result
}
