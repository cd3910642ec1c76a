import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import { InvalidRequestError } from '../domain/errors.js'
import type { Page, PageRequest } from '../domain/page.js'
import { exactTimeOf } from './cursor.js'
import { cleanText, isUuid, json } from './values.js'

/** What rows can be in order of: SQL that is never null, and the id makes the order total. */
export interface SortColumn {
  sql: string
  type: 'timestamptz' | 'text'
}

export type Condition = readonly [sql: string, bindings: Knex.RawBinding[]]

/** A list of rows of one table. */
export interface Listing {
  table: string
  /** The select list; it renames to what the row's type says. */
  columns: string
  /** Unique, a uuid; `id` unless said. */
  id?: string
  sorts: Readonly<Record<string, SortColumn>>
}

/** Newest first or last, as most lists are. */
export const byCreation = { created_at: { sql: 'created_at', type: 'timestamptz' } } as const

/**
 * SQL of a time that may be unknown, and is last then. A case, which an index can be searched by under policies: they do not
 * trust coalesce.
 */
export const lastWhenNull = (column: string) =>
  `case when ${column} is null then 'infinity'::timestamptz else ${column} end`

type Positioned<R> = R & { pagePosition: string; pageId: string }

/**
 * One page. A cursor goes on from the last row itself, so that rows that come and go meanwhile neither repeat one nor leave
 * one out; it is good for the same tenant, filter and sort only.
 * @throws InvalidRequestError naming the cursor
 */
export async function selectPage<R>(
  trx: Knex.Transaction,
  listing: Listing,
  {
    tenantId,
    request,
    conditions,
  }: { tenantId: string; request: PageRequest<object>; conditions: readonly Condition[] },
): Promise<Page<R>> {
  const { cursor, limit } = request
  const { column, descending } = sortOf(listing, request.sort)
  const id = listing.id ?? 'id'
  const scope = scopeOf(listing, tenantId, request)
  const query = trx(listing.table).select(
    trx.raw(`${listing.columns}, ${positionOf(column)} as "pagePosition", ${id} as "pageId"`),
  )
  for (const [sql, bindings] of conditions) void query.whereRaw(sql, bindings)
  if (cursor !== undefined) {
    const after = decode(cursor, scope, column)
    void query.whereRaw(`((${column.sql}), ${id}) ${descending ? '<' : '>'} (?::${column.type}, ?::uuid)`, after)
  }
  const direction = descending ? 'desc' : 'asc'
  const found = (await query
    .orderByRaw(`(${column.sql}) ${direction}, ${id} ${direction}`)
    .limit(limit + 1)) as Positioned<R>[]
  const page = found.slice(0, limit)
  const last = found.length > limit ? page.at(-1) : undefined
  return {
    items: page.map(({ pagePosition: _position, pageId: _id, ...row }) => row as R),
    nextCursor: last && encode([scope, last.pagePosition, last.pageId]),
  }
}

function sortOf({ sorts, table }: Listing, sort: string): { column: SortColumn; descending: boolean } {
  const descending = sort.startsWith('-')
  const name = descending ? sort.slice(1) : sort
  const column = Object.hasOwn(sorts, name) ? sorts[name] : undefined
  if (!column) throw new Error(`${table} has no sort ${name}`)
  return { column, descending }
}

const positionOf = ({ sql, type }: SortColumn) =>
  type === 'text' ? sql : `case when (${sql}) = 'infinity' then 'infinity' else ${exactTimeOf(`(${sql})`)} end`

/** Not a secret: whoever forges one reads what the policies let them read anyway. */
const scopeOf = ({ table }: Listing, tenantId: string, { sort, filter }: PageRequest<object>) =>
  createHash('sha256')
    .update(json([table, tenantId.toLowerCase(), sort, filter]))
    .digest('base64url')
    .slice(0, 16)

const encode = (parts: [scope: string, position: string, id: string]) =>
  Buffer.from(JSON.stringify(parts)).toString('base64url')

function decode(cursor: string, scope: string, { type }: SortColumn): [position: string, id: string] {
  const [madeFor, position, id, ...rest] = parse(cursor)
  const isOurs =
    typeof position === 'string' &&
    typeof id === 'string' &&
    isUuid(id) &&
    isPosition(position, type) &&
    rest.length === 0
  if (!isOurs) throw invalidCursor('the cursor is not one of ours')
  if (madeFor !== scope)
    throw invalidCursor('the cursor is of another list: the filter and the sort must stay the same')
  return [position, id]
}

function isPosition(position: string, type: SortColumn['type']): boolean {
  if (type === 'text') return position === cleanText(position)
  if (position === 'infinity') return true
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(position) ? Date.parse(position) : Number.NaN
  // A date that is none, such as the 30th of February, reads as another one.
  return (
    !Number.isNaN(at) &&
    new Date(at).toISOString().slice(0, 19) === position.slice(0, 19) &&
    !position.startsWith('0000')
  )
}

const invalidCursor = (detail: string) =>
  new InvalidRequestError(detail, [{ pointer: 'query/cursor', detail: 'must be the next_cursor of an earlier page' }])

function parse(cursor: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    return Array.isArray(parsed) ? parsed : []
  } catch {
    return []
  }
}
