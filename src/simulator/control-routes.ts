import Router from '@koa/router'
import type { Context } from 'koa'
import { z } from 'zod'
import type { Callbacks } from './callbacks.js'
import type { Settings } from './config.js'
import type { Conversation } from './conversation.js'
import type { Conversations } from './conversations.js'
import type { Faults } from './faults.js'
import { parse } from './invalid.js'
import type { Lifecycle } from './lifecycle.js'
import type { Model } from './model.js'
import { presentSummary, presentTruth } from './presenters.js'
import type { RequestLog } from './request-log.js'

const truthQuery = z.strictObject({
  name_contains: z.string().optional(),
  status: z.enum(['active', 'running', 'ended']).optional(),
  summary: z.enum(['true', 'false']).optional(),
})
const requestsQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(1000).default(100) })
const shutdownBody = z.strictObject({ reason: z.string().min(1).max(200).default('participant_left_timeout') })
const redeliverBody = z.strictObject({ event_type: z.string().min(1).optional() })
const eventBody = z.strictObject({
  event_type: z.string().regex(/^(system|application)\.\w+$/, 'must be system.… or application.…'),
  properties: z.record(z.string(), z.unknown()).default({}),
})

export interface ControlDeps {
  settings: Settings
  faults: Faults
  conversations: Conversations
  lifecycle: Lifecycle
  callbacks: Callbacks
  requests: RequestLog
  model: Model
  reset: () => void
}

/** The simulator's own side: its truth, its faults, its settings. */
export function controlRoutes(deps: ControlDeps): Router {
  const router = new Router({ prefix: '/__sim' })
  router.get('/health', (ctx) => void (ctx.body = { status: 'ok' }))
  router.get('/requests', (ctx) => {
    ctx.body = { requests: deps.requests.recent(parse(requestsQuery, ctx.query).limit) }
  })
  router.post('/reset', (ctx) => {
    deps.reset()
    ctx.body = { status: 'reset' }
  })
  router.get('/config', (ctx) => void (ctx.body = deps.settings.config))
  router.post('/config', (ctx) => void (ctx.body = deps.settings.configure(ctx.request.body)))
  router.get('/llm', (ctx) => void (ctx.body = deps.model.state()))
  router.post('/llm/cool', (ctx) => {
    deps.model.cool()
    ctx.body = deps.model.state()
  })
  faultRoutes(router, deps)
  truthRoutes(router, deps)
  eventRoutes(router, deps)
  return router
}

function faultRoutes(router: Router, { faults }: ControlDeps): void {
  router.get('/faults', (ctx) => void (ctx.body = { faults: faults.list() }))
  router.post('/faults', (ctx) => {
    ctx.status = 201
    ctx.body = faults.add(ctx.request.body)
  })
  router.delete('/faults', (ctx) => {
    faults.clear()
    ctx.status = 204
  })
  router.delete('/faults/:id', (ctx) => {
    if (!faults.remove(Number(ctx.params.id))) return unknown(ctx, 'fault')
    ctx.status = 204
  })
}

function truthRoutes(router: Router, { conversations, lifecycle }: ControlDeps): void {
  router.get('/conversations', (ctx) => {
    const { name_contains: part, status, summary } = parse(truthQuery, ctx.query)
    const wanted = status === 'running' ? 'active' : status
    const rows = [...conversations.all()].filter(
      (conversation) =>
        (wanted ?? conversation.status) === conversation.status && (!part || conversation.name?.includes(part)),
    )
    ctx.body = {
      conversations: rows.map(summary === 'true' ? presentSummary : presentTruth),
      counts: conversations.counts(),
    }
  })
  router.get('/conversations/:id', (ctx) =>
    withConversation(conversations, ctx, (conversation) => void (ctx.body = presentTruth(conversation))),
  )
  router.post('/conversations/:id/shutdown', (ctx) =>
    withConversation(conversations, ctx, (conversation) => {
      lifecycle.end(conversation, parse(shutdownBody, ctx.request.body).reason)
      ctx.body = presentTruth(conversation)
    }),
  )
}

function eventRoutes(router: Router, { conversations, lifecycle, callbacks }: ControlDeps): void {
  router.post('/conversations/:id/redeliver', (ctx) =>
    withConversation(conversations, ctx, (conversation) => {
      const { event_type } = parse(redeliverBody, ctx.request.body)
      const events = conversation.events.filter((event) => (event_type ?? event.event_type) === event.event_type)
      for (const event of events) void callbacks.redeliver(conversation, event)
      ctx.status = 202
      ctx.body = { redelivered: events.length }
    }),
  )
  router.post('/conversations/:id/events', (ctx) =>
    withConversation(conversations, ctx, (conversation) => {
      const { event_type, properties } = parse(eventBody, ctx.request.body)
      void lifecycle.emit(conversation, { type: event_type, properties })
      ctx.status = 202
      ctx.body = conversation.events.at(-1)
    }),
  )
}

type WithId = Context & { params: Record<string, string> }

function withConversation(conversations: Conversations, ctx: WithId, work: (conversation: Conversation) => void): void {
  const conversation = conversations.find(ctx.params.id ?? '')
  if (conversation) work(conversation)
  else unknown(ctx, 'conversation')
}

function unknown(ctx: Context, what: string): void {
  ctx.status = 404
  ctx.body = { error: `no such ${what}` }
}
