import type { Knex } from 'knex'
import { countOf, forget, list, type Part, partsOf, quoted, register, tableOf } from './kept-parts.js'
import { foreignKeys, primaryKey, shapeOf, type Shape, unforced } from './table-shapes.js'

/** Rows of a table, as a migration that was taken back left them behind or found them again. */
export interface KeptRows {
  table: string
  rows: number
}

/**
 * Takes a migration back and keeps what it would drop: rows of tables, values of columns and where sequences stood. A
 * trial run that is undone tells what that is.
 * @returns the rows that were kept
 */
export async function takeBack(
  knex: Knex,
  migration: string,
  down: (knex: Knex) => Promise<void>,
): Promise<KeptRows[]> {
  const earlier = (await partsOf(knex, migration)).map(({ id }) => id)
  const before = await shapeOf(knex)
  await knex.raw('savepoint trial')
  await down(knex)
  const after = await shapeOf(knex)
  await knex.raw('rollback to savepoint trial; release savepoint trial')
  await unforced(knex, () => keepWhatGoes(knex, migration, before, after))
  await down(knex)
  const kept: KeptRows[] = []
  for (const part of await partsOf(knex, migration))
    if (part.kind !== 'sequence' && !earlier.includes(part.id))
      kept.push({ table: part.source, rows: await countOf(knex, part) })
  return kept
}

/** Brings back what was kept of a migration, except what has no place any more: a row whose company is gone stays kept. */
export async function bringBack(knex: Knex, migration: string): Promise<{ back: KeptRows[]; left: KeptRows[] }> {
  const result: { back: KeptRows[]; left: KeptRows[] } = { back: [], left: [] }
  const parts = await partsOf(knex, migration)
  if (parts.length === 0) return result
  await unforced(knex, async () => {
    const shape = await shapeOf(knex)
    for (const part of await inOrderOfReference(knex, parts)) {
      const { rows, left } = await restore(knex, part, shape)
      if (rows > 0) result.back.push({ table: part.source, rows })
      if (left > 0) result.left.push({ table: part.source, rows: left })
      else await forget(knex, part)
    }
  })
  return result
}

/** Moves rows out of a table that goes on: those that the older schema cannot hold. */
export async function setAside(knex: Knex, migration: string, table: string, where: string): Promise<void> {
  const columns = (await shapeOf(knex)).tables.get(table) ?? []
  await unforced(knex, async () => {
    const kept = await keepRows(knex, { migration, kind: 'rows', source: table, columns, where })
    if (kept > 0) await knex.raw(`delete from ?? where ${where}`, [table])
  })
}

async function keepWhatGoes(knex: Knex, migration: string, before: Shape, after: Shape): Promise<void> {
  for (const [source, columns] of before.tables) {
    const left = after.tables.get(source)
    const gone = columns.filter((column) => !left?.includes(column))
    if (gone.length === 0) continue
    if (left) await keepColumns(knex, migration, source, gone)
    else await keepRows(knex, { migration, kind: 'rows', source, columns })
  }
  for (const [source, value] of before.sequences)
    if (value !== null && !after.sequences.has(source))
      await register(knex, { migration, kind: 'sequence', source, columns: [], value })
}

async function keepColumns(knex: Knex, migration: string, source: string, gone: string[]): Promise<void> {
  const where = gone.map((column) => `${quoted(column)} is not null`).join(' or ')
  await keepRows(knex, {
    migration,
    kind: 'columns',
    source,
    columns: [...(await primaryKey(knex, source)), ...gone],
    where,
  })
}

type Keeping = Omit<Part, 'id' | 'value'> & { migration: string; where?: string }

/** @returns how many there were; of none nothing is made */
async function keepRows(knex: Knex, { where = 'true', ...part }: Keeping): Promise<number> {
  const { rows: found } = await knex.raw<{ rows: { n: number }[] }>(
    `select count(*)::int as n from ?? where ${where}`,
    [part.source],
  )
  const n = found[0]?.n ?? 0
  if (n === 0) return 0
  const id = await register(knex, { ...part, value: null })
  await knex.raw(`create table ${tableOf(id)} as select ${list(part.columns)} from ?? where ${where}`, [part.source])
  return n
}

/** What others refer to comes first. */
async function inOrderOfReference(knex: Knex, parts: readonly Part[]): Promise<Part[]> {
  const references = new Map<Part, string[]>()
  for (const part of parts)
    references.set(
      part,
      (await foreignKeys(knex, part.source)).map(({ table }) => table),
    )
  const ordered: Part[] = []
  const left = new Set(parts)
  while (left.size > 0) {
    const waitsFor = (part: Part) =>
      [...left].some((other) => other.source !== part.source && references.get(part)?.includes(other.source))
    const next = [...left].find((part) => !waitsFor(part)) ?? [...left][0]
    if (!next) break
    left.delete(next)
    ordered.push(next)
  }
  return ordered
}

function restore(knex: Knex, part: Part, shape: Shape): Promise<{ rows: number; left: number }> {
  if (part.kind === 'sequence') return restoreSequence(knex, part, shape)
  const columns = part.columns.filter((column) => shape.tables.get(part.source)?.includes(column))
  if (columns.length === 0) return countOf(knex, part).then((left) => ({ rows: 0, left }))
  return part.kind === 'rows' ? restoreRows(knex, part, columns) : restoreColumns(knex, part, columns)
}

async function restoreSequence(knex: Knex, { source, value }: Part, { sequences }: Shape) {
  if (sequences.has(source))
    await knex.raw('select setval(?::regclass, greatest(?::bigint, (select last_value from ??)))', [
      source,
      value,
      source,
    ])
  return { rows: 0, left: 0 }
}

async function restoreRows(knex: Knex, part: Part, columns: readonly string[]) {
  const kept = tableOf(part.id)
  const homes = (await foreignKeys(knex, part.source)).map(({ table, columns: own, referred }) => {
    const absent = own.map((column) => `k.${quoted(column)} is null`)
    const equal = own.map((column, n) => `r.${quoted(referred[n] ?? '')} = k.${quoted(column)}`)
    return `(${absent.join(' or ')} or exists (select from ${quoted(table)} r where ${equal.join(' and ')}))`
  })
  const { rowCount } = await knex.raw<{ rowCount: number }>(
    `insert into ?? (${list(columns)}) overriding system value select ${list(columns)} from ${kept} k
     where ${['true', ...homes].join(' and ')} on conflict do nothing`,
    [part.source],
  )
  const { rowCount: there } = await knex.raw<{ rowCount: number }>(
    `delete from ${kept} k using ?? t where ${await samePrimaryKey(knex, part.source)}`,
    [part.source],
  )
  return { rows: Math.min(rowCount, there), left: await countOf(knex, part) }
}

async function restoreColumns(knex: Knex, part: Part, columns: readonly string[]) {
  const key = await primaryKey(knex, part.source)
  const values = columns.filter((column) => !key.includes(column))
  const { rowCount } = await knex.raw<{ rowCount: number }>(
    `update ?? t set ${values.map((column) => `${quoted(column)} = k.${quoted(column)}`).join(', ')}
     from ${tableOf(part.id)} k where ${await samePrimaryKey(knex, part.source)}`,
    [part.source],
  )
  // A value whose row is gone has no place, and never will.
  return { rows: rowCount, left: 0 }
}

const samePrimaryKey = async (knex: Knex, table: string) =>
  (await primaryKey(knex, table)).map((column) => `t.${quoted(column)} = k.${quoted(column)}`).join(' and ') || 'false'
