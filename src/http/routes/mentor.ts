import { z } from 'zod'
import { unknownSession } from '../../domain/errors.js'
import { roles } from '../../domain/identity.js'
import type { Services } from '../../services.js'
import { ownRoute } from '../own-document-routes.js'
import { type Route, route } from '../route.js'
import type { SessionEnder } from '../session-end.js'
import { endAnswer, mentorStartBody, presentEnd } from '../session-schema.js'
import type { SessionStarter } from '../session-start.js'
import { answerStart, startHeaders, startResponses } from '../start-answer.js'

interface Deps {
  services: Pick<Services, 'sessions' | 'mentor'>
  starter: SessionStarter
  ender: SessionEnder
}

const noStore = { 'Cache-Control': 'no-store' }

/** Conversations whose provider is told what is known of the user. */
export function mentorRoutes({ services, starter, ender }: Deps): Route[] {
  const { sessions, mentor } = services
  return [
    route({
      ...ownRoute,
      method: 'post',
      path: '/mentor/sessions',
      operationId: 'startMentorSession',
      summary: 'Start a session that knows me',
      description:
        'As `POST /sessions` with the mode mentor. What I said of myself goes before a `conversational_context` of the request; a persona or replica that the request names goes before the one that I chose.',
      request: { headers: startHeaders, body: mentorStartBody },
      responses: startResponses,
      handler: async ({ body, headers, caller, address, signal }) => {
        const { provider = 'tavus', max_duration_seconds: maxDurationSeconds, ...request } = body
        return await answerStart(starter, {
          caller,
          address,
          headers,
          signal,
          provider,
          mode: 'mentor',
          request,
          maxDurationSeconds,
        })
      },
    }),
    route({
      tags: ['mentor'],
      auth: 'required',
      roles,
      method: 'post',
      path: '/mentor/sessions/:session_id/end',
      operationId: 'endMentorSession',
      summary: 'End a mentor session; a second end changes nothing',
      request: { params: z.object({ session_id: z.uuid({ error: 'must be a session id' }) }) },
      responses: { 200: { description: 'Ended', schema: endAnswer } },
      handler: async ({ params: { session_id: id }, caller, actor }) => {
        // One that is not written yet, or cannot be read, is the engine's to know.
        const row = await sessions.find(actor, id).catch(() => undefined)
        if (row && row.mode !== 'mentor') throw unknownSession()
        return { status: 200, headers: noStore, body: presentEnd(await ender.bySession(id, caller)) }
      },
    }),
    route({
      ...ownRoute,
      method: 'get',
      path: '/mentor/context',
      operationId: 'getMentorContext',
      summary: 'What a mentor would be told of me now',
      responses: {
        200: {
          description: 'As it would be sent, before what a start itself says',
          schema: z
            .object({
              context: z.string(),
              persona_id: z.string().nullable().meta({ description: 'null: the installation’s' }),
              replica_id: z.string().nullable(),
            })
            .meta({ id: 'MentorContext' }),
        },
      },
      handler: async ({ actor }) => {
        const { context, persona } = await mentor.contexts.of(actor)
        return {
          status: 200,
          headers: noStore,
          body: { context, persona_id: persona.personaId, replica_id: persona.replicaId },
        }
      },
    }),
  ]
}
