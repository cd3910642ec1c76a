import Router from '@koa/router'
import type { Context } from 'koa'
import { z } from 'zod'
import { parse } from '../invalid.js'
import type { Agents, Refusal } from './agents.js'
import { endings, presentTalk, type Talk } from './talk.js'

const connectBody = z.strictObject({
  /** Of the address; whoever leaves it out is let in as the simulator's own. */
  signature: z.string().min(1).optional(),
  /** The agent's own maximum for this talk. */
  max_seconds: z.number().min(0.1).max(86_400).optional(),
  dynamic_variables: z.record(z.string(), z.unknown()).default({}),
})
const endBody = z.strictObject({ by: z.enum(endings).default('caller') })

/** As the socket is closed upon, over HTTP. */
const refusals: Readonly<Record<Refusal, [status: number, error: string]>> = {
  unknown: [404, 'no such address'],
  expired: [410, 'the address has expired'],
  used: [409, 'the address has been used'],
}

/** What callers and agents do, and the truth of it: there is no socket to talk over. */
export function agentControlRoutes({ agents }: { agents: Agents }): Router {
  const router = new Router({ prefix: '/__sim/agents' })
  router.get('/', (ctx) => void (ctx.body = { conversations: [...agents.all()].map(presentTalk) }))
  router.get('/:id', (ctx) => withTalk(ctx, (talk) => presentTalk(talk)))
  router.post('/:id/connect', (ctx) => {
    const { signature, max_seconds: maxSeconds, dynamic_variables: variables } = parse(connectBody, ctx.request.body)
    const talk = agents.connect(ctx.params.id ?? '', {
      variables,
      ...(signature === undefined ? {} : { signature }),
      ...(maxSeconds === undefined ? {} : { maxSeconds }),
    })
    if (typeof talk === 'string') return refuse(ctx, ...refusals[talk])
    ctx.body = presentTalk(talk)
  })
  router.post('/:id/end', (ctx) =>
    withTalk(ctx, (talk) => {
      agents.end(talk, parse(endBody, ctx.request.body).by)
      return presentTalk(talk)
    }),
  )

  function withTalk(ctx: Context & { params: Record<string, string> }, work: (talk: Talk) => unknown): void {
    const talk = agents.find(ctx.params.id ?? '')
    if (talk) ctx.body = work(talk)
    else refuse(ctx, 404, 'no such conversation')
  }
  return router
}

function refuse(ctx: Context, status: number, error: string): void {
  ctx.status = status
  ctx.body = { error }
}
