import { randomUUID } from 'node:crypto'
import Router from '@koa/router'
import type { Context } from 'koa'
import { blandSchema, blandScript } from '../webhooks/bland.js'
import { contextOf, lifeMs, tell, type TelephonyDeps } from './deps.js'
import type { PlacedCall } from './truth.js'

type WithParams = Context & { params: Record<string, string> }

/** Placing, listing and reading calls (docs.bland.ai/api-v1/post/calls, get/calls, get/calls-id). */
export function blandCallRoutes(deps: TelephonyDeps): Router {
  const { accounts, people, faulty } = deps
  const router = new Router({ prefix: '/v1/calls' })

  const mayAsk = (ctx: Context): boolean => {
    const key = ctx.get('authorization').replace(/^Bearer /, '')
    if (accounts.blandApiKey !== undefined && key === accounts.blandApiKey) return true
    return refuse(ctx, 401, 'Unauthorized')
  }

  router.post('/', faulty('call_create'), (ctx) => {
    if (!mayAsk(ctx)) return
    const body = (ctx.request.body ?? {}) as Record<string, unknown>
    const { phone_number: to, task, metadata, webhook } = body
    if (typeof to !== 'string' || !/^\+?\d{10,15}$/.test(to)) return void refuse(ctx, 400, 'Invalid phone_number')
    if (typeof task !== 'string' || task === '') return void refuse(ctx, 400, 'task or pathway_id is required')
    const call: PlacedCall = {
      kind: 'call',
      callId: randomUUID(),
      to,
      task,
      metadata: typeof metadata === 'object' && metadata !== null ? (metadata as Record<string, unknown>) : {},
      at: Date.now(),
      result: people.habitOf(to).call,
    }
    people.add(call)
    tell(deps, 'bland', scriptOf(deps, call), typeof webhook === 'string' ? webhook : null)
    ctx.body = { status: 'success', message: 'Call successfully queued.', call_id: call.callId, batch_id: null }
  })

  router.get('/', faulty('call_read'), (ctx) => {
    if (!mayAsk(ctx)) return
    const { to_number: to, limit = '1000' } = ctx.query as Record<string, string | undefined>
    const calls = people
      .calls()
      .filter((call) => (to ?? call.to) === call.to)
      .sort((a, b) => b.at - a.at)
    // The list leaves metadata out.
    const shown = calls.slice(0, Number(limit)).map((call) => ({
      call_id: call.callId,
      created_at: new Date(call.at).toISOString(),
      to: call.to,
      from: from,
      completed: isOver(call),
      queue_status: isOver(call) ? 'complete' : 'started',
      error_message: null,
      batch_id: null,
    }))
    ctx.body = { count: calls.length, calls: shown }
  })

  router.get('/:id', faulty('call_read'), (ctx: WithParams) => {
    if (!mayAsk(ctx)) return
    const call = people.call(ctx.params.id ?? '')
    if (!call) return void refuse(ctx, 404, 'Call not found')
    ctx.body = isOver(call) ? endOf(deps, call) : beginningOf(call)
  })
  return router
}

const from = '+15005550008'

const isOver = ({ at }: PlacedCall) => Date.now() - at >= lifeMs

function scriptOf(deps: TelephonyDeps, { callId, to, metadata, result }: PlacedCall) {
  const input = { call_id: callId, to, from, metadata, result, duration_seconds: 61, later: [], span_ms: lifeMs }
  return blandScript(blandSchema.parse(input), contextOf(deps))
}

/** As its webhook says it. */
const endOf = (deps: TelephonyDeps, call: PlacedCall): unknown =>
  JSON.parse(scriptOf(deps, call).steps[0]?.webhook.body ?? '{}')

const beginningOf = ({ callId, to, at, metadata, task }: PlacedCall) => ({
  call_id: callId,
  to,
  from,
  inbound: false,
  created_at: new Date(at).toISOString(),
  completed: false,
  queue_status: 'started',
  error_message: null,
  metadata,
  request_data: { phone_number: to, task },
})

function refuse(ctx: Context, status: number, message: string): false {
  ctx.status = status
  ctx.body = { status: 'error', message }
  return false
}
