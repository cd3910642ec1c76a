import { z } from 'zod'
import { type Route, route } from '../route.js'
import type { SessionEnder } from '../session-end.js'
import {
  endAnswer,
  idempotencyHeader,
  presentEnd,
  presentTavusStart,
  startFailures,
  tavusStartAnswer,
  tavusStartBody,
} from '../session-schema.js'
import type { SessionStarter } from '../session-start.js'
import { frontendStarter } from '../start-answer.js'
import { isSpeculative } from '../speculative.js'

interface Deps {
  starter: SessionStarter
  ender: SessionEnder
}

/** The calls of a frontend that puts a Tavus avatar before its users. */
export function tavusRoutes({ starter, ender }: Deps): Route[] {
  const start = frontendStarter(starter, 'tavus', presentTavusStart)

  const common = { path: '/tavus/start', tags: ['tavus'], auth: 'optional', keyScope: 'tavus:write' } as const
  const answers = {
    200: {
      description: 'The conversation can be joined',
      schema: tavusStartAnswer,
      headers: { 'Idempotent-Replayed': '"true" when an earlier request under the same key began it' },
    },
    ...startFailures,
  } as const

  return [
    route({
      ...common,
      method: 'post',
      operationId: 'startTavusConversation',
      summary: 'Start a video call',
      description: 'Without a valid token the call works and is not tracked.',
      request: { headers: idempotencyHeader, body: tavusStartBody },
      responses: answers,
      handler: (incoming) => start(incoming, incoming.body),
    }),
    route({
      ...common,
      method: 'get',
      operationId: 'startTavusConversationByGet',
      summary: 'Start a video call, for frontends that use GET; HEAD and prefetches start nothing',
      request: { headers: idempotencyHeader },
      responses: { ...answers, 204: { description: 'A HEAD or a prefetch: nothing was started' } },
      handler: async (incoming) =>
        isSpeculative(incoming) ? { status: 204, headers: { 'Cache-Control': 'no-store' } } : await start(incoming, {}),
    }),
    route({
      method: 'post',
      path: '/tavus/end/:conversation_id',
      operationId: 'endTavusConversation',
      summary: 'End a video call by the provider’s id',
      description:
        'A second end changes nothing; its times may be corrected by then. Another user’s conversation is 404; an anonymous one is ended by who holds its id.',
      tags: ['tavus'],
      auth: 'optional',
      request: { params: z.object({ conversation_id: z.string().min(1).max(200) }) },
      responses: { 200: { description: 'Ended', schema: endAnswer } },
      handler: async ({ params, caller }) => ({
        status: 200,
        headers: { 'Cache-Control': 'no-store' },
        body: presentEnd(await ender.byConversation('tavus', params.conversation_id, caller)),
      }),
    }),
  ]
}
