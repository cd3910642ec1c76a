import type { Knex } from 'knex'
import { dayIn } from '../domain/day.js'

// A mentor session's own rows say of its course what the session's row says, and are written in its transactions.

/** From the avatar's joining, else the creation: the time from which the duration counts. */
const course = `coalesce(c.joined_at, c.created_at), c.ended_at, c.duration_seconds, c.status, c.transcript, c.metadata`
const columns = 'start_time, end_time, duration, status, transcript, metadata'

/** Adds the rows of a mentor session whose row has just been written in this transaction. */
export async function insertMentorRows(
  trx: Knex.Transaction,
  { sessionId, companyId, createdAt }: { sessionId: string; companyId: string; createdAt: string },
): Promise<void> {
  const { rows } = await trx.raw<{ rows: { timezone: string }[] }>('select timezone from companies where id = ?', [
    companyId,
  ])
  await trx.raw(
    `with session as (select * from conversations_users where session_id = ?),
       conversation as (
         insert into mentor_conversations (session_id, tenant_id, user_id, owner_user_id, conversation_type_id,
           conversation_id, ${columns})
         select c.session_id, c.tenant_id, c.user_id, c.owner_user_id, c.conversation_type_id,
           c.external_conversation_id, ${course} from session c)
     insert into daily_sessions (session_id, tenant_id, user_id, owner_user_id, day, ${columns})
     select c.session_id, c.tenant_id, c.user_id, c.owner_user_id, ?::date, ${course} from session c`,
    [sessionId, dayIn(rows[0]?.timezone ?? 'UTC', createdAt)],
  )
}

/** Brings the rows of a mentor session to where its own row is in this transaction. */
export async function updateMentorRows(trx: Knex.Transaction, sessionId: string): Promise<void> {
  await trx.raw(
    `with session as (select * from conversations_users where session_id = ?),
       conversation as (
         update mentor_conversations m set (${columns}, updated_at) = (select ${course}, now() from session c)
         where m.session_id = ?)
     update daily_sessions d set (${columns}, updated_at) = (select ${course}, now() from session c)
     where d.session_id = ?`,
    [sessionId, sessionId, sessionId],
  )
}
