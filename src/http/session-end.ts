import type { EndedSession } from '../../workflows/messages.js'
import { ParleyError, unknownSession } from '../domain/errors.js'
import { actorOf, type Actor, type Caller } from '../domain/identity.js'
import { maySeeSession, type SessionOwner, type SessionProvider } from '../domain/session.js'
import type { Services } from '../services.js'

type Deps = Pick<Services, 'sessions' | 'sessionClient' | 'endDirectly' | 'events'>

/** How long an end is waited for; the workflow goes on with it in any case. */
const endTimeoutMs = 15_000
/** How long the database may look for a session: one that hangs counts as away. */
const lookUpMs = 2_000

interface Known {
  sessionId: string
  owner?: SessionOwner | undefined
  /** From the database; undefined when only the engine knows the session. */
  row: boolean
}

/** Ends sessions, whichever way they were found. A second end changes nothing. */
export function createSessionEnder({ sessions, sessionClient, endDirectly, events }: Deps) {
  /** The database first; a row not written yet, or a database that is away, leaves the engine's listing. */
  async function findByConversation(provider: SessionProvider, conversationId: string): Promise<Known> {
    const row = await soon(sessions.findByConversation(provider, conversationId))
    if (row) return { sessionId: row.sessionId, owner: row.owner, row: true }
    const sessionId = await sessionClient.findByConversation(provider, conversationId)
    if (sessionId) return { sessionId, row: false }
    throw unknownSession()
  }

  async function end(known: Known, actor: Actor | undefined): Promise<EndedSession> {
    if (known.row && !maySeeSession(known.owner, actor)) throw unknownSession()
    try {
      const ended = await sessionClient.end(known.sessionId, { actor, reason: 'user' }, endTimeoutMs)
      if (ended) return ended
    } catch (error) {
      if (!(error instanceof ParleyError && error.code === 'engine_unavailable')) throw error
      if (!known.row) throw error
      // The engine is away: the provider is told directly, and the workflow learns of it later.
      return await endDirectly(known.sessionId)
    }
    return await ofClosed(known, actor)
  }

  /** The workflow is closed: the row has the answer. One without an end lost its workflow, and is ended here. */
  async function ofClosed(known: Known, actor: Actor | undefined): Promise<EndedSession> {
    if (!known.row) {
      // Neither the database nor the workflow has yet said whose it is.
      const row = await sessions.findOwner(known.sessionId)
      if (!row || !maySeeSession(row.owner, actor)) throw unknownSession()
    }
    const ended = await sessions.outcomeFor(known.sessionId)
    if (!ended) throw unknownSession()
    return ended.endedAt ? ended : await endDirectly(known.sessionId)
  }

  /** Without a tenant the token still names its bearer: an untracked session has an owner too. */
  const actorFor = (caller: Caller | undefined): Actor | undefined =>
    actorOf(caller) ?? (caller ? { tenantId: '', userId: caller.userId, role: 'rep' } : undefined)

  return {
    async byConversation(
      provider: SessionProvider,
      conversationId: string,
      caller: Caller | undefined,
    ): Promise<EndedSession> {
      const ended = await end(await findByConversation(provider, conversationId), actorFor(caller))
      events.sessionEndAnswered({ provider, sessionId: ended.sessionId, conversationId: ended.conversationId })
      return ended
    },
    async bySession(sessionId: string, caller: Caller): Promise<EndedSession> {
      const row = await soon(sessions.findOwner(sessionId))
      return await end({ sessionId, owner: row?.owner, row: row !== undefined }, actorFor(caller))
    },
  }
}

export type SessionEnder = ReturnType<typeof createSessionEnder>

/** Undefined also when the database is away, or does not answer in time. */
async function soon<T>(work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, lookUpMs, undefined)))
  try {
    return await Promise.race([work.catch(() => undefined), late])
  } finally {
    clearTimeout(timer)
  }
}
