import type { Knex } from 'knex'
import { idempotencyKeyReused } from '../domain/errors.js'
import type { Actor } from '../domain/identity.js'
import type { KeyedRequest } from '../domain/resource.js'
import type { Database } from './database.js'

/** How long an answer is kept for the same request, in hours. */
export const keptHours = 24

const mine = 'tenant_id = ? and user_id = ? and request_key = ?'

/**
 * Runs what a request does within this transaction, unless the same request did it before: then its answer is given
 * again, to the letter. One that comes meanwhile waits for the first, and what fails leaves nothing behind.
 * @throws InvalidRequestError for a key that came with another request
 */
export async function onlyOnce<A>(
  trx: Knex.Transaction,
  { tenantId, userId }: Pick<Actor, 'tenantId' | 'userId'>,
  keyed: KeyedRequest | undefined,
  work: () => Promise<A>,
): Promise<A> {
  if (!keyed) return await work()
  const which = [tenantId, userId, keyed.key]
  const { rows } = await trx.raw<{ rows: unknown[] }>(
    `insert into kept_answers (tenant_id, user_id, request_key, digest) values (?, ?, ?, ?)
     on conflict (tenant_id, user_id, request_key) do update
       set digest = excluded.digest, answer = null, created_at = now()
       where kept_answers.created_at <= now() - interval '${keptHours} hours'
     returning id`,
    [...which, keyed.digest] as Knex.RawBinding[],
  )
  if (rows.length === 0) return await answerBefore<A>(trx, which, keyed)
  const answer = await work()
  await trx.raw(`update kept_answers set answer = ? where ${mine}`, [JSON.stringify(answer), ...which])
  return answer
}

async function answerBefore<A>(trx: Knex.Transaction, which: string[], { digest }: KeyedRequest): Promise<A> {
  const { rows } = await trx.raw<{ rows: { digest: Buffer; answer: string }[] }>(
    `select digest, answer from kept_answers where ${mine}`,
    which,
  )
  const [kept] = rows
  if (!kept?.digest.equals(digest)) throw idempotencyKeyReused()
  return JSON.parse(kept.answer) as A
}

/** Forgets answers that are too old to be given again, the oldest first. */
export const createKeptAnswers = (database: Pick<Database, 'statement'>) => ({
  /** @returns how many */
  deleteExpired: async (limit = 1000): Promise<number> => {
    const gone = await database.statement(
      `delete from kept_answers where id in (
         select id from kept_answers where created_at <= now() - interval '${keptHours} hours'
         order by created_at limit $1 for update skip locked)
       returning id`,
      [limit],
    )
    return gone.length
  },
})
