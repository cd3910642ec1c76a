import type { Knex } from 'knex'
import type { CallFacts } from '../domain/call.js'
import { ForbiddenError } from '../domain/errors.js'
import type { Actor } from '../domain/identity.js'
import type { Page, PageRequest, Precondition, Revised } from '../domain/page.js'
import type { Author, Once } from '../domain/resource.js'
import { createCall, type NewCall } from './call-creation.js'
import { changeCall, type CallChange } from './call-change.js'
import { type CallFilter, type CallRow, selectCall, selectCalls } from './call-rows.js'
import type { Database } from './database.js'
import { onlyOnce } from './only-once.js'
import { asRefusal, asUnknownTenant } from './refusals.js'
import { revised } from './revision.js'
import { isUuid } from './values.js'

/** A call that is not over, as the comparison with its provider needs it. */
export interface OpenCall {
  id: string
  externalId: string
  facts: CallFacts
}

export interface OpenCallFilter {
  olderThanSeconds: number
  youngerThanSeconds: number
  /** Id of the last one of the page before. */
  after?: string | undefined
  limit: number
}

interface MadeCall {
  row: Revised<CallRow>
  created: boolean
}

/** Before every id. */
const firstId = '00000000-0000-0000-0000-000000000000'

/** The rows of calls. */
export function createCallStore(database: Pick<Database, 'withTenant' | 'withService'>) {
  async function createOnce<A>(actor: Author, call: NewCall, { keyed, answerOf }: Once<MadeCall, A>): Promise<A> {
    // A tenant that is no UUID is no company of ours; the policies could not even compare it.
    if (!isUuid(actor.tenantId)) throw new ForbiddenError('the token names no known company')
    const make = (trx: Knex.Transaction) =>
      onlyOnce(trx, actor, keyed, async () => {
        const { row, created } = await createCall(trx, actor, call)
        return answerOf({ row: revised(row), created })
      })
    return await database.withService(actor.tenantId, make).catch((error: unknown) => {
      throw asUnknownTenant(error)
    })
  }

  return {
    /** @throws ConflictingCallError when the call is a colleague's, or the room another company's */
    create: (actor: Author, call: NewCall): Promise<MadeCall> =>
      createOnce(actor, call, { keyed: undefined, answerOf: (made) => made }),

    /** The same, by a request that is answered the same however often it comes. */
    createOnce,

    /** One call as the actor may see it; with a user only when it is that user's. */
    find: async (actor: Actor, id: string, userId?: string): Promise<Revised<CallRow> | undefined> => {
      const row = isUuid(id) ? await database.withTenant(actor, (trx) => selectCall(trx, id, userId)) : undefined
      return row && revised(row)
    },

    /** One page of the calls that the actor may see. */
    list: (actor: Actor, request: PageRequest<CallFilter>): Promise<Page<CallRow>> =>
      database.withTenant(actor, (trx) => selectCalls(trx, actor, request)),

    /**
     * Whose the call is, about which lead, and the company's own metadata.
     * @returns undefined when there is none that the author may change
     * @throws PreconditionFailedError when it is not as the author last saw it
     */
    change: async (
      author: Author,
      id: string,
      precondition: Precondition,
      change: CallChange,
    ): Promise<Revised<CallRow> | undefined> => {
      try {
        return await database.withTenant(author, (trx) => changeCall(trx, { author, id, precondition, change }))
      } catch (error) {
        throw asRefusal(error)
      }
    },

    /** Calls of every company that are not over, made within these two ages, in the order of their ids, which is that of their making. */
    listOpen: (
      provider: string,
      { olderThanSeconds, youngerThanSeconds, after, limit }: OpenCallFilter,
    ): Promise<OpenCall[]> =>
      database.withService(undefined, async (trx) => {
        const { rows } = await trx.raw<{ rows: OpenCall[] }>(
          `select id, external_id as "externalId", facts from call_logs
           where provider = ? and status <> 'ended' and created_at < now() - make_interval(secs => ?)
             and created_at > now() - make_interval(secs => ?) and id > ?::uuid
           order by id limit ?`,
          [provider, olderThanSeconds, youngerThanSeconds, after ?? firstId, limit],
        )
        return rows
      }),
  }
}

export type CallStore = ReturnType<typeof createCallStore>
export type { CallChange, CallFilter, CallRow, NewCall }
