import type { Knex } from 'knex'
import type { EndReason } from '../domain/session.js'
import type { Database } from './database.js'

/** Key of the lock under which anonymous sessions are counted. */
const countLock = 7_202_001

/** The slots of sessions that belong to nobody's company. */
export function createAnonymousSessions(database: Database) {
  return {
    /** Takes a slot for a start, exactly up to the limit; asking again for the same session is the same slot. */
    reserveAnonymous: (sessionId: string, maxActive: number): Promise<boolean> =>
      database.withService(undefined, async (trx) => {
        await trx.raw('select pg_advisory_xact_lock(?)', [countLock])
        return (await holdsSlot(trx, sessionId)) || (await takeSlot(trx, sessionId, maxActive))
      }),

    /** Gives the slot of a failed start back; a session that has its conversation keeps it. */
    releaseAnonymous: async (sessionId: string, reason: EndReason): Promise<void> => {
      await database.withService(undefined, (trx) =>
        trx.raw(
          `update untracked_sessions set status = 'failed', ended_at = now(), end_reason = ?, updated_at = now()
           where session_id = ? and status = 'starting'`,
          [reason, sessionId],
        ),
      )
    },

    /** Starts that took a slot and have no conversation after this time. */
    staleAnonymous: (olderThanSeconds: number): Promise<{ sessionId: string }[]> =>
      database.withService(undefined, async (trx) => {
        const { rows } = await trx.raw<{ rows: { sessionId: string }[] }>(
          `select session_id as "sessionId" from untracked_sessions
           where ended_at is null and status = 'starting' and updated_at < now() - make_interval(secs => ?)
           order by created_at limit 1000`,
          [olderThanSeconds],
        )
        return rows
      }),
  }
}

/** Open, or over with a conversation of its own: then whoever asks again is answered from it and starts nothing. */
async function holdsSlot(trx: Knex.Transaction, sessionId: string): Promise<boolean> {
  const { rows } = await trx.raw<{ rows: unknown[] }>(
    `select from untracked_sessions
     where session_id = ? and (ended_at is null or external_conversation_id is not null)`,
    [sessionId],
  )
  return rows.length > 0
}

async function takeSlot(trx: Knex.Transaction, sessionId: string, maxActive: number): Promise<boolean> {
  const { rows } = await trx.raw<{ rows: unknown[] }>(
    `insert into untracked_sessions (session_id, status)
     select ?, 'starting' where (select count(*) from untracked_sessions where ended_at is null) < ?
     on conflict (session_id) do update set status = 'starting', created_at = now(), ended_at = null, end_reason = null,
       updated_at = now()
     returning session_id`,
    [sessionId, maxActive],
  )
  return rows.length > 0
}
