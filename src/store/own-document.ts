import type { Knex } from 'knex'
import type { Actor } from '../domain/identity.js'
import type { Precondition, Revised } from '../domain/page.js'
import type { Database } from './database.js'
import { asRefusal, type Refusals } from './refusals.js'
import { assertRevision, revised } from './revision.js'
import { cleanText, json } from './values.js'

/** What a user has once in a company; before the first change it is there as well, and empty. */
export interface OwnDocument<D> {
  find(actor: Actor): Promise<Revised<Kept<D>>>
  /** @throws PreconditionFailedError when it is not as the user last saw it */
  replace(actor: Actor, precondition: Precondition, document: D): Promise<Revised<Kept<D>>>
  /** Empties it. @throws PreconditionFailedError when it is not as the user last saw it */
  remove(actor: Actor, precondition: Precondition): Promise<void>
}

export type Kept<D> = D & { updatedAt: Date | null }

export type Read<D> = (trx: Knex.Transaction, actor: Actor) => Promise<Kept<D>>

interface Access<D> {
  table: string
  read: Read<D>
  /** Writes what is not there, or other than it is there. */
  write: (trx: Knex.Transaction, actor: Actor, document: D) => Promise<unknown>
  refusals?: Refusals
}

/** Whose rows are meant; the policies say the same, and the index serves. */
export const ofUser = 'tenant_id = ? and user_id = ?'
export const userOf = ({ tenantId, userId }: Actor): [string, string] => [tenantId, cleanText(userId)]

/** Reads and replaces a user's document; two changes at once come one after the other, and the second one is told. */
export function createOwnDocument<D extends object>(
  database: Pick<Database, 'withTenant'>,
  { table, read, write, refusals }: Access<D>,
): OwnDocument<D> {
  async function locked(trx: Knex.Transaction, actor: Actor, precondition: Precondition): Promise<Kept<D>> {
    const lock = [table, actor.tenantId, actor.userId].join(':')
    // There may be no row yet that could be locked.
    const [, before] = await Promise.all([
      trx.raw('select pg_advisory_xact_lock(hashtextextended(?, 0))', [cleanText(lock)]),
      read(trx, actor),
    ])
    assertRevision(before, precondition)
    return before
  }

  async function change<T>(actor: Actor, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
    try {
      return await database.withTenant(actor, work)
    } catch (error) {
      throw asRefusal(error, refusals)
    }
  }

  return {
    find: async (actor) => revised(await database.withTenant(actor, (trx) => read(trx, actor))),
    replace: (actor, precondition, document) =>
      change(actor, async (trx) => {
        const before = await locked(trx, actor, precondition)
        if (json({ ...before, updatedAt: null }) === json({ ...document, updatedAt: null })) return revised(before)
        await write(trx, actor, document)
        return revised(await read(trx, actor))
      }),
    remove: (actor, precondition) =>
      change(actor, async (trx) => {
        await locked(trx, actor, precondition)
        await trx.raw(`delete from ${table} where ${ofUser}`, userOf(actor))
      }),
  }
}

/** How fields stand in one row of a table. */
export interface RowShape<D> {
  table: string
  empty: D
  columns: { [K in keyof D]: string }
}

/** The select list that gives a row's columns the names of their fields. */
export const selectList = <D>({ columns }: RowShape<D>): string =>
  [...Object.entries<string>(columns), ['updatedAt', 'updated_at']]
    .map(([field, column]) => `${column} as "${field}"`)
    .join(', ')

/** A document of one row. */
export function createRowDocument<D extends object>(
  database: Pick<Database, 'withTenant'>,
  shape: RowShape<D>,
  refusals?: Refusals,
): OwnDocument<D> {
  const { table, empty, columns } = shape
  const names = Object.entries(columns) as [keyof D, string][]
  const select = `select ${selectList(shape)} from ${table} where ${ofUser}`
  const list = names.map(([, column]) => column)
  const upsert = `insert into ${table} (tenant_id, user_id, ${list.join(', ')})
    values (?, ?, ${list.map(() => '?').join(', ')})
    on conflict (tenant_id, user_id) do update set ${list.map((column) => `${column} = excluded.${column}`).join(', ')},
      updated_at = now()`
  return createOwnDocument(database, {
    table,
    read: async (trx, actor) => {
      const { rows } = await trx.raw<{ rows: Kept<D>[] }>(select, userOf(actor))
      return rows[0] ?? { ...empty, updatedAt: null }
    },
    write: (trx, actor, document) =>
      trx.raw(upsert, [...userOf(actor), ...names.map(([field]) => binding(document[field]))]),
    ...(refusals ? { refusals } : {}),
  })
}

function binding(value: unknown): Knex.RawBinding {
  if (typeof value === 'string') return cleanText(value)
  return typeof value === 'object' && value !== null ? json(value) : (value as Knex.RawBinding)
}
