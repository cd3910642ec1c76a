import type { Actor } from '../domain/identity.js'
import type { Page, PageRequest } from '../domain/page.js'
import { createAnonymousSessions } from './anonymous-sessions.js'
import type { Database } from './database.js'
import { type Applied, applyToSession, type ApplyInput, foldIntoSession } from './session-facts.js'
import { createSessionLookup, type OpenRow } from './session-lookup.js'
import {
  type SessionFilter,
  type SessionRow,
  type SessionSummary,
  selectSession,
  selectSessions,
} from './session-rows.js'
import { asConflict, type Tracked, type TrackInput, trackSession } from './session-tracking.js'
import type { UserStore } from './users.js'
import { isUuid } from './values.js'

/** The rows of sessions: conversations_users for a company's, untracked_sessions for nobody's. */
export function createSessionStore(database: Database, users: UserStore) {
  return {
    /** Writes the session's row in one transaction; repeating it changes nothing. */
    track: async (input: TrackInput): Promise<Tracked> => {
      try {
        return await database.withService(undefined, (trx) => trackSession(trx, users, input))
      } catch (error) {
        throw asConflict(error)
      }
    },

    applyToSession,

    /** Folds facts into the session's row in a transaction of its own. */
    recordFacts: (input: ApplyInput): Promise<Applied> =>
      database.withService(undefined, (trx) => applyToSession(trx, input)),

    /** One session, with its transcript, as the actor may see it. */
    find: async (actor: Actor, sessionId: string): Promise<SessionRow | undefined> =>
      isUuid(sessionId) ? await database.withTenant(actor, (trx) => selectSession(trx, sessionId)) : undefined,

    /** One page of the sessions that the actor may see. */
    list: (actor: Actor, request: PageRequest<SessionFilter>): Promise<Page<SessionSummary>> =>
      database.withTenant(actor, (trx) => selectSessions(trx, actor, request)),

    ...createSessionLookup(database),
    ...createAnonymousSessions(database),
  }
}

export type SessionStore = ReturnType<typeof createSessionStore>
export type { Applied, ApplyInput, OpenRow, SessionFilter, SessionRow, Tracked, TrackInput }
export { applyToSession, foldIntoSession }
