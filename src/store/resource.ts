import type { Knex } from 'knex'
import type { NewEvent } from '../domain/event.js'
import type { Actor } from '../domain/identity.js'
import type { Page, PageRequest, Precondition, Revised } from '../domain/page.js'
import type { Author, Once } from '../domain/resource.js'
import type { Change } from '../domain/resource-events.js'
import type { Database } from './database.js'
import { appendEvents } from './event-log.js'
import { onlyOnce } from './only-once.js'
import { type Condition, type Listing, selectPage } from './page.js'
import { asRefusal, type Refusals } from './refusals.js'
import { assertRevision, revised } from './revision.js'
import { json } from './values.js'

/** What makes a table's rows a resource of the API. */
export interface ResourceDefinition<Row extends { id: string }, Fields extends object, Filter extends object> {
  listing: Listing
  /** The column of each field, which is also its name in the API. */
  fields: { [K in keyof Required<Fields>]: string }
  conditions: (actor: Actor, filter: Filter) => Condition[]
  /** Completes and checks what is to be written; throws what is answered. */
  prepare: (trx: Knex.Transaction, author: Author, fields: Fields, before?: Row) => Promise<Fields>
  events: (change: Change<Row>) => NewEvent[]
  /** What follows from a change, in its transaction. */
  afterwards?: (trx: Knex.Transaction, change: Change<Row>) => Promise<void>
  /** Where the tenant stands: the column that tenant_id is generated from, for tables that generate it. */
  tenantColumn?: string
  /** What the database refuses, by the names of its constraints. */
  refusals?: Refusals
}

/**
 * Rows that the API lists, makes, changes and removes. The policies decide who sees and changes what; each change and its
 * entries in the log are one transaction.
 */
export function createResourceStore<Row extends { id: string }, Fields extends object, Filter extends object>(
  database: Pick<Database, 'withTenant'>,
  definition: ResourceDefinition<Row, Fields, Filter>,
) {
  const { listing, fields: columnOf, conditions, prepare, events, refusals } = definition
  const { table, columns } = listing
  const { tenantColumn = 'tenant_id', afterwards = async () => undefined } = definition

  const write = async <T>(author: Author, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> => {
    try {
      return await database.withTenant(author, work)
    } catch (error) {
      throw asRefusal(error, refusals)
    }
  }

  async function locked(trx: Knex.Transaction, id: string, precondition: Precondition): Promise<Row | undefined> {
    const row = await one(trx, `select ${columns} from ${table} where id = ? for update`, [id])
    if (row) assertRevision(row, precondition)
    return row
  }

  async function one(trx: Knex.Transaction, sql: string, bindings: Knex.RawBinding[]): Promise<Row | undefined> {
    const { rows } = await trx.raw<{ rows: Row[] }>(sql, bindings)
    return rows[0]
  }

  async function insert(trx: Knex.Transaction, author: Author, fields: Fields): Promise<Revised<Row>> {
    const values = valuesOf(await prepare(trx, author, fields))
    const [after] = (await trx(table)
      .insert({ [tenantColumn]: author.tenantId, ...values })
      .returning(trx.raw(columns) as unknown as string)) as Row[]
    if (!after) throw new Error(`the row of ${table} was not written`)
    await settle(trx, { author, after })
    return revised(after)
  }

  async function settle(trx: Knex.Transaction, change: Change<Row>): Promise<void> {
    await afterwards(trx, change)
    await log(trx, events(change))
  }

  /** Names of the columns that the fields would change. */
  function changedColumns(before: Row, next: Fields): string[] {
    const known = before as Record<string, unknown>
    return entriesOf(next).flatMap(([field, value]) => (json(known[field]) === json(value) ? [] : [columnOf[field]]))
  }

  /** Fields that are absent stay as they are. */
  const entriesOf = (fields: Fields) =>
    (Object.entries(fields) as [keyof Fields & string, unknown][]).filter(([, value]) => value !== undefined)

  const valuesOf = (fields: Fields) =>
    Object.fromEntries(entriesOf(fields).map(([field, value]) => [columnOf[field], value]))

  return {
    list: (actor: Actor, request: PageRequest<Filter>): Promise<Page<Row>> =>
      database.withTenant(actor, (trx) =>
        selectPage<Row>(trx, listing, {
          tenantId: actor.tenantId,
          request,
          conditions: conditions(actor, request.filter),
        }),
      ),

    /** One row as the actor may see it. */
    find: async (actor: Actor, id: string): Promise<Revised<Row> | undefined> => {
      const row = await database.withTenant(actor, (trx) =>
        one(trx, `select ${columns} from ${table} where id = ?`, [id]),
      )
      return row && revised(row)
    },

    create: (author: Author, fields: Fields): Promise<Revised<Row>> =>
      write(author, (trx) => insert(trx, author, fields)),

    /** @returns the answer to the request, the same however often it comes */
    createOnce: <A>(author: Author, fields: Fields, { keyed, answerOf }: Once<Revised<Row>, A>): Promise<A> =>
      write(author, (trx) => onlyOnce(trx, author, keyed, async () => answerOf(await insert(trx, author, fields)))),

    /**
     * @returns undefined when there is none that the author may change
     * @throws PreconditionFailedError when it is not as the author last saw it
     */
    change: (
      author: Author,
      id: string,
      precondition: Precondition,
      change: Fields,
    ): Promise<Revised<Row> | undefined> =>
      write(author, async (trx) => {
        const before = await locked(trx, id, precondition)
        if (!before) return undefined
        const next = await prepare(trx, author, change, before)
        const changes = changedColumns(before, next)
        if (changes.length === 0) return revised(before)
        const [after] = (await trx(table)
          .where({ id })
          .update({ ...valuesOf(next), updated_at: trx.fn.now() })
          .returning(trx.raw(columns) as unknown as string)) as Row[]
        if (!after) return undefined
        await settle(trx, { author, before, after, changes })
        return revised(after)
      }),

    /** @returns whether there was one that the author may remove */
    remove: (author: Author, id: string, precondition: Precondition): Promise<boolean> =>
      write(author, async (trx) => {
        const before = await locked(trx, id, precondition)
        if (!before || (await trx(table).where({ id }).delete()) === 0) return false
        await settle(trx, { author, before })
        return true
      }),
  }
}

/**
 * Appends to the log, last in the transaction. The service does it, still confined to the tenant: an author causes entries
 * that it may not read itself, such as what a colleague is told.
 */
export async function log(trx: Knex.Transaction, entries: NewEvent[]): Promise<void> {
  if (entries.length === 0) return
  await asService(trx)
  await appendEvents(trx, entries)
}

/** The rest of an actor's transaction runs as the service, confined to the actor's tenant. */
export const asService = (trx: Knex.Transaction) => trx.raw(`select set_config('role', 'parley_service', true)`)
