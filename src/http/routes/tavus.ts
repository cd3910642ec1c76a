import { z } from 'zod'
import type { Caller } from '../../domain/identity.js'
import { type Incoming, type Route, route } from '../route.js'
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
import { isSpeculative } from '../speculative.js'

interface Deps {
  starter: SessionStarter
  ender: SessionEnder
}

type StartIncoming = Pick<Incoming, 'address' | 'signal'> & {
  caller: Caller | undefined
  headers: z.output<typeof idempotencyHeader>
}

/** The calls of a frontend that puts a Tavus avatar before its users. */
export function tavusRoutes({ starter, ender }: Deps): Route[] {
  async function start(incoming: StartIncoming, body: z.output<typeof tavusStartBody>) {
    const { max_duration_seconds: maxDurationSeconds, ...request } = body
    const { caller, address, signal } = incoming
    const { ready, ended, replayed } = await starter.start({
      caller,
      address,
      signal,
      idempotencyKey: incoming.headers['idempotency-key'],
      provider: 'tavus',
      request,
      maxDurationSeconds,
    })
    return {
      status: 200 as const,
      headers: { 'Cache-Control': 'no-store', ...(replayed ? { 'Idempotent-Replayed': 'true' } : {}) },
      body: presentTavusStart(ready, caller, ended ? 'ended' : ready.status),
    }
  }

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
