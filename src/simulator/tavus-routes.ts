import Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import { z } from 'zod'
import type { Config } from './config.js'
import type { Conversation } from './conversation.js'
import type { Conversations } from './conversations.js'
import { type CreateRequest, createRequest } from './create-request.js'
import type { ApiOperation } from './faults.js'
import { parse } from './invalid.js'
import type { Lifecycle } from './lifecycle.js'
import { presentConversation, presentCreated, presentVerbose } from './presenters.js'

const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(10),
  page: z.coerce.number().int().min(1).default(1),
  status: z.enum(['active', 'ended']).optional(),
})

export interface TavusDeps {
  config: Config
  conversations: Conversations
  lifecycle: Lifecycle
  publicUrl: () => string
  faulty: (operation: ApiOperation) => Middleware
}

/** The Tavus API, as documented at docs.tavus.io/api-reference/conversations. */
export function tavusRoutes({ config, conversations, lifecycle, publicUrl, faulty }: TavusDeps): Router {
  const router = new Router({ prefix: '/v2/conversations' })
  const authenticated: Middleware = (ctx, next) =>
    ctx.get('x-api-key') === config.api_key ? next() : refuse(ctx, 401, { message: 'Invalid access token' })

  router.post('/', faulty('create'), authenticated, async (ctx) => {
    if (config.out_of_credits) return refuse(ctx, 402, { message: 'The user is out of conversational credits.' })
    parse(createRequest, ctx.request.body)
    // As received, for the truth: the parsed copy has its fields in another order.
    const request = (ctx.request.body ?? {}) as CreateRequest
    if (isFull() && request.test_mode !== true)
      return refuse(ctx, 400, { message: 'User has reached maximum concurrent conversations' })
    ctx.body = presentCreated(await lifecycle.create(request), publicUrl())
  })

  router.get('/', faulty('list'), authenticated, (ctx) => {
    const { limit, page, status } = parse(listQuery, ctx.query)
    const list = conversations.list(status ?? 'all')
    const data = list.page(page, limit).map((conversation) => presentConversation(conversation, publicUrl()))
    ctx.body = { data, total_count: list.size }
  })

  const one = (operation: 'get' | 'end' | 'delete') => [faulty(operation), authenticated] as const

  router.get('/:id', ...one('get'), (ctx) =>
    withConversation(ctx, (conversation) => {
      const present = ctx.query.verbose === 'true' ? presentVerbose : presentConversation
      ctx.body = present(conversation, publicUrl())
    }),
  )

  router.post('/:id/end', ...one('end'), (ctx) =>
    withConversation(ctx, (conversation) => {
      lifecycle.countEndCall(conversation)
      lifecycle.end(conversation, 'end_conversation_endpoint_hit')
      ctx.status = 200
      ctx.body = ''
    }),
  )

  router.delete('/:id', ...one('delete'), (ctx) =>
    withConversation(ctx, (conversation) => {
      lifecycle.delete(conversation)
      ctx.status = 204
    }),
  )

  const isFull = () => config.max_concurrent !== null && conversations.runningCount() >= config.max_concurrent

  function withConversation(
    ctx: Context & { params: Record<string, string> },
    work: (conversation: Conversation) => void,
  ): void {
    const conversation = conversations.findListed(ctx.params.id ?? '')
    if (conversation) work(conversation)
    // 400 and not 404 (docs.tavus.io get-conversation).
    else refuse(ctx, 400, { error: 'Invalid conversation_id' })
  }

  return router
}

function refuse(ctx: Context, status: number, body: Record<string, string>): void {
  ctx.status = status
  ctx.body = body
}
