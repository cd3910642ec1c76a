import type { Knex } from 'knex'

/** The schema that holds what an older schema has no place for. */
const keptSchema = 'parley_kept'

/** A table of the schema, or where a sequence stood. */
export interface Part {
  id: string
  kind: 'rows' | 'columns' | 'sequence'
  source: string
  columns: string[]
  value: string | null
}

/** @returns the part's id */
export async function register(knex: Knex, part: Omit<Part, 'id'> & { migration: string }): Promise<string> {
  await makeSchema(knex, part.source)
  const { rows } = await knex.raw<{ rows: { id: string }[] }>(
    `insert into ${keptSchema}.parts (migration, kind, source, columns, value) values (?, ?, ?, ?, ?) returning id`,
    [part.migration, part.kind, part.source, part.columns, part.value] as Knex.RawBinding[],
  )
  return rows[0]?.id ?? ''
}

async function makeSchema(knex: Knex, source: string): Promise<void> {
  if (!(await exists(knex, keptSchema))) await createSchema(knex, source)
  await knex.raw(`create table if not exists ${keptSchema}.parts (
    id bigint generated always as identity primary key,
    migration text not null,
    kind text not null check (kind in ('rows', 'columns', 'sequence')),
    source text not null,
    columns text[] not null,
    -- Of a sequence: the last number that it gave.
    value bigint,
    kept_at timestamptz not null default now())`)
}

async function createSchema(knex: Knex, source: string): Promise<void> {
  try {
    await knex.raw(`create schema ${keptSchema}`)
  } catch (error) {
    if ((error as { code?: unknown }).code !== '42501') throw error
    throw new Error(
      `rows of ${source} would be lost, and this role may not make the schema that keeps them; let a superuser run: ` +
        `create schema ${keptSchema} authorization "<the role of MIGRATION_DATABASE_URL>"`,
      { cause: error },
    )
  }
}

/** What is kept of a migration, in the order of its keeping. */
export async function partsOf(knex: Knex, migration: string): Promise<Part[]> {
  if (!(await exists(knex, `${keptSchema}.parts`))) return []
  const { rows } = await knex.raw<{ rows: Part[] }>(
    `select id, kind, source, columns, value from ${keptSchema}.parts where migration = ? order by id`,
    [migration],
  )
  return rows
}

async function exists(knex: Knex, name: string): Promise<boolean> {
  const lookup = name.includes('.') ? 'to_regclass(?)' : 'to_regnamespace(?)'
  const { rows } = await knex.raw<{ rows: { found: boolean }[] }>(`select ${lookup} is not null as found`, [name])
  return rows[0]?.found ?? false
}

/** Rows that are still kept. */
export async function countOf(knex: Knex, { id }: Part): Promise<number> {
  const { rows } = await knex.raw<{ rows: { n: number }[] }>(`select count(*)::int as n from ${tableOf(id)}`)
  return rows[0]?.n ?? 0
}

/** All of it is back. */
export async function forget(knex: Knex, { id }: Part): Promise<void> {
  await knex.raw(`drop table if exists ${tableOf(id)}`)
  await knex.raw(`delete from ${keptSchema}.parts where id = ?`, [id])
}

export const tableOf = (id: string) => `${keptSchema}.part_${id}`

/** A name for a statement. */
export const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

/** Names for a statement. */
export const list = (columns: readonly string[]) => columns.map(quoted).join(', ')
