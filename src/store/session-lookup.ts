import type { Knex } from 'knex'
import { conversationTypes, type SessionOwner, type SessionProvider } from '../domain/session.js'
import type { Database } from './database.js'
import { providerName, shutdownReason } from './session-columns.js'
import { dbTracking, type DbTracking } from './session-tracking.js'
import { cleanText, isUuid } from './values.js'

/** Which session a conversation belongs to, and whose it is; nobody's when anonymous. */
export interface SessionIdentity {
  sessionId: string
  provider: SessionProvider
  conversationId: string | null
  conversationUrl: string | null
  createdAt: Date
  tracked: boolean
  owner: SessionOwner | undefined
}

/** How a session stands, for an answer that no workflow gives any more. */
export interface RecordedOutcome {
  sessionId: string
  conversationId: string
  status: string
  endedAt: string | null
  durationSeconds: number | null
  endReason: string | null
  shutdownReason: string | null
  dbTracking: DbTracking
}

export interface OpenRow {
  sessionId: string
  provider: SessionProvider
  conversationId: string
  createdAt: Date
}

/** What background work asks of every tenant's sessions, and of those without one. */
export function createSessionLookup(database: Database) {
  return {
    findByConversation: (provider: SessionProvider, conversationId: string): Promise<SessionIdentity | undefined> =>
      database.withService(undefined, (trx) =>
        selectIdentity(trx, {
          tracked: 'conversation_type_id = ? and external_conversation_id = ?',
          trackedBindings: [conversationTypes[provider], cleanText(conversationId)],
          untracked: 'conversation_type_id = ? and external_conversation_id = ?',
          untrackedBindings: [conversationTypes[provider], cleanText(conversationId)],
        }),
      ),

    findOwner: async (sessionId: string): Promise<SessionIdentity | undefined> =>
      isUuid(sessionId)
        ? await database.withService(undefined, (trx) =>
            selectIdentity(trx, {
              tracked: 'session_id = ?',
              trackedBindings: [sessionId],
              untracked: 'session_id = ?',
              untrackedBindings: [sessionId],
            }),
          )
        : undefined,

    outcomeFor: async (sessionId: string): Promise<RecordedOutcome | undefined> =>
      isUuid(sessionId) ? await database.withService(undefined, (trx) => selectOutcome(trx, sessionId)) : undefined,

    /** Sessions that have a conversation and no end, and were created longer ago than this; the oldest first. */
    listOpenOlderThan: (seconds: number, limit = 1000): Promise<OpenRow[]> =>
      database.withService(undefined, (trx) => selectOpen(trx, seconds, limit)),

    /** Sessions without an end, anonymous starts included. */
    countOpen: (): Promise<number> => database.withService(undefined, countOpen),
  }
}

interface Lookup {
  tracked: string
  trackedBindings: (string | number)[]
  untracked: string
  untrackedBindings: (string | number)[]
}

interface IdentityRow extends Omit<SessionIdentity, 'owner'> {
  userId: string | null
  tenantId: string | null
}

/** Both tables have these columns. */
const conversation = `session_id as "sessionId", ${providerName} as provider, external_conversation_id as "conversationId",
  conversation_url as "conversationUrl", created_at as "createdAt"`

async function selectIdentity(trx: Knex.Transaction, where: Lookup): Promise<SessionIdentity | undefined> {
  const { rows } = await trx.raw<{ rows: IdentityRow[] }>(
    `select ${conversation}, coalesce(owner_user_id, user_id) as "userId", tenant_id as "tenantId", true as tracked
     from conversations_users where ${where.tracked}
     union all
     select ${conversation}, owner_user_id, null, false from untracked_sessions where ${where.untracked}`,
    [...where.trackedBindings, ...where.untrackedBindings],
  )
  return rows[0] && identityOf(rows[0])
}

function identityOf({ userId, tenantId, ...row }: IdentityRow): SessionIdentity {
  return { ...row, owner: userId === null ? undefined : { userId, ...(tenantId !== null && { tenantId }) } }
}

type OutcomeRow = Omit<RecordedOutcome, 'endedAt' | 'conversationId' | 'dbTracking'> & {
  endedAt: Date | null
  conversationId: string | null
  tracked: boolean
}

async function selectOutcome(trx: Knex.Transaction, sessionId: string): Promise<RecordedOutcome | undefined> {
  const shared = `session_id as "sessionId", external_conversation_id as "conversationId", status, ended_at as "endedAt",
    duration_seconds as "durationSeconds", end_reason as "endReason", ${shutdownReason} as "shutdownReason"`
  const { rows } = await trx.raw<{ rows: OutcomeRow[] }>(
    `select ${shared}, true as tracked from conversations_users where session_id = :sessionId
     union all select ${shared}, false from untracked_sessions where session_id = :sessionId`,
    { sessionId },
  )
  if (!rows[0]) return undefined
  const { tracked, endedAt, conversationId, ...row } = rows[0]
  return {
    ...row,
    conversationId: conversationId ?? '',
    endedAt: endedAt?.toISOString() ?? null,
    dbTracking: tracked ? dbTracking.tracked : dbTracking.untracked,
  }
}

async function selectOpen(trx: Knex.Transaction, seconds: number, limit: number): Promise<OpenRow[]> {
  const open = (table: string) =>
    `select ${conversation} from ${table}
     where ended_at is null and external_conversation_id is not null and created_at < now() - make_interval(secs => :seconds)`
  const { rows } = await trx.raw<{ rows: OpenRow[] }>(
    `select "sessionId", provider, "conversationId", "createdAt"
     from (${open('conversations_users')} union all ${open('untracked_sessions')}) as open
     order by "createdAt" limit :limit`,
    { seconds, limit },
  )
  return rows
}

async function countOpen(trx: Knex.Transaction): Promise<number> {
  const { rows } = await trx.raw<{ rows: { open: number }[] }>(
    `select ((select count(*) from conversations_users where ended_at is null)
       + (select count(*) from untracked_sessions where ended_at is null))::int as open`,
  )
  return rows[0]?.open ?? 0
}
