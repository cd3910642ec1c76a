import { setTimeout as sleep } from 'node:timers/promises'
import type { Actor } from '../src/domain/identity.js'
import { composeContext } from '../src/domain/mentor-context.js'
import type { SessionMode, SessionOwner } from '../src/domain/session.js'
import type { MentorEvents } from '../src/observability/mentor-events.js'
import type { ContextRead, UserContext, UserContexts } from '../src/store/user-contexts.js'
import type { SessionRequest } from '../workflows/messages.js'

export interface MentorRequestDeps {
  contexts: UserContexts
  events: MentorEvents
}

interface Begun {
  sessionId: string
  mode: SessionMode
  owner?: SessionOwner | undefined
}

/** What a mentor is told where nothing can be found out. */
const unknownUser: UserContext = {
  context: composeContext({ categories: [], goals: [] }),
  persona: { personaId: null, replicaId: null },
  sources: 0,
}

/**
 * Adds to the request of a mentor session what is known of its user, as that user. It is done within the step that creates
 * the conversation, and only there: what goes into or comes out of a step is kept in the engine's history.
 */
export function createMentorRequest({ contexts, events }: MentorRequestDeps) {
  async function read(actor: Actor, withinMs: number): Promise<ContextRead> {
    const late = sleep(withinMs, undefined, { ref: false }).then(() => {
      throw new Error('the context was not there in time')
    })
    return await Promise.race([contexts.of(actor), late])
  }

  /** A call starts without the database as well, with what is remembered of the user, or as with a stranger. */
  async function contextOf({ sessionId, owner }: Begun, withinMs: number): Promise<UserContext> {
    if (!owner?.tenantId) return unknownUser
    const actor: Actor = { tenantId: owner.tenantId, userId: owner.userId, role: 'rep' }
    const began = performance.now()
    try {
      const found = await read(actor, withinMs)
      const { cached, sources } = found
      events.contextComposed({ sessionId, tenantId: actor.tenantId, cached, sources, ms: performance.now() - began })
      return found
    } catch (error) {
      const remembered = contexts.remembered(actor)
      events.contextFailed({ sessionId, tenantId: actor.tenantId, error, remembered: remembered !== undefined })
      return remembered ?? unknownUser
    }
  }

  /** The request as it is, unless the session is a mentor's. What the request itself names goes before the user's choice. */
  return async function mentorRequest(
    begun: Begun,
    request: SessionRequest,
    withinMs: number,
  ): Promise<SessionRequest> {
    if (begun.mode !== 'mentor') return request
    const { context, persona } = await contextOf(begun, withinMs)
    const { conversational_context: asked } = request
    return {
      ...request,
      persona_id: request.persona_id ?? persona.personaId ?? undefined,
      replica_id: request.replica_id ?? persona.replicaId ?? undefined,
      conversational_context: asked === undefined ? context : `${context}\n\n${asked}`,
    }
  }
}

export type MentorRequest = ReturnType<typeof createMentorRequest>
