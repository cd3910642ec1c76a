import { z } from 'zod'
import { type Route, route } from '../route.js'
import type { SessionEnder } from '../session-end.js'
import {
  elevenLabsStartAnswer,
  elevenLabsStartBody,
  endAnswer,
  idempotencyHeader,
  presentElevenLabsStart,
  presentEnd,
  startFailures,
} from '../session-schema.js'
import type { SessionStarter } from '../session-start.js'
import { frontendStarter } from '../start-answer.js'
import { isSpeculative } from '../speculative.js'

interface Deps {
  starter: SessionStarter
  ender: SessionEnder
}

const noStore = { 'Cache-Control': 'no-store' }

/** The calls of a frontend whose users talk with an agent of ElevenLabs. */
export function elevenLabsRoutes({ starter, ender }: Deps): Route[] {
  const start = frontendStarter(starter, 'elevenlabs', presentElevenLabsStart)

  const common = {
    path: '/elevenlabs/start',
    tags: ['elevenlabs'],
    auth: 'optional',
    keyScope: 'elevenlabs:write',
  } as const
  const answers = {
    200: {
      description: 'The conversation can begin, once, at the signed URL',
      schema: elevenLabsStartAnswer,
      headers: { 'Idempotent-Replayed': '"true" when an earlier request under the same key began it' },
    },
    ...startFailures,
    404: { description: 'The account has no such agent' },
  } as const

  return [
    route({
      ...common,
      method: 'post',
      operationId: 'startElevenLabsConversation',
      summary: 'Start a talk with an agent',
      description: 'Without a valid token the talk works and is not tracked.',
      request: { headers: idempotencyHeader, body: elevenLabsStartBody },
      responses: answers,
      handler: (incoming) => start(incoming, incoming.body),
    }),
    route({
      ...common,
      method: 'get',
      operationId: 'startElevenLabsConversationByGet',
      summary: 'Start a talk with an agent, for frontends that use GET; HEAD and prefetches start nothing',
      request: { headers: idempotencyHeader },
      responses: { ...answers, 204: { description: 'A HEAD or a prefetch: nothing was started' } },
      handler: async (incoming) =>
        isSpeculative(incoming) ? { status: 204, headers: noStore } : await start(incoming, {}),
    }),
    route({
      method: 'post',
      path: '/elevenlabs/end/:conversation_id',
      operationId: 'endElevenLabsConversation',
      summary: 'End a talk by the provider’s id',
      description:
        'ElevenLabs has no call that ends a conversation: the page closes its socket, and this records the end at once. The provider’s own times and transcript take its place when they come. A second end changes nothing. Another user’s conversation is 404; an anonymous one is ended by who holds its id.',
      tags: ['elevenlabs'],
      auth: 'optional',
      request: { params: z.object({ conversation_id: z.string().min(1).max(200) }) },
      responses: { 200: { description: 'Ended', schema: endAnswer } },
      handler: async ({ params, caller }) => ({
        status: 200,
        headers: noStore,
        body: presentEnd(await ender.byConversation('elevenlabs', params.conversation_id, caller)),
      }),
    }),
  ]
}
