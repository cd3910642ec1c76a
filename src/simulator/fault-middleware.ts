import { setTimeout as sleep } from 'node:timers/promises'
import type { Context, Middleware } from 'koa'
import type { Config } from './config.js'
import type { ApiFault, ApiOperation, Faults } from './faults.js'

const defaultLatencyMs = 1000

/** Lets faults strike an operation, before or after its effect; normal latency comes with it. */
export function faultMiddleware({ faults, latency }: { faults: Faults; latency: (operation: ApiOperation) => number }) {
  return (operation: ApiOperation): Middleware =>
    async function faultOfOperation(ctx, next) {
      const fault = faults.strikeRequest(operation)
      if (fault) ctx.state.fault = `${fault.kind} ${fault.id}`
      if (fault?.kind === 'status') return answerStatus(ctx, fault)
      if (fault?.kind === 'reset') return destroySocket(ctx)
      await next()
      const waitMs = latency(operation) + (fault?.kind === 'latency' ? (fault.delay_ms ?? defaultLatencyMs) : 0)
      if (waitMs > 0) await sleep(waitMs)
      if (fault?.kind === 'lost_answer') destroySocket(ctx)
    }
}

/** What an operation takes when nothing is wrong. */
export const usualLatency =
  (config: Config, between: (range: Config['api_latency_ms']) => number) => (operation: ApiOperation) => {
    if (operation === 'llm') return 0
    return between(operation === 'create' ? config.create_latency_ms : config.api_latency_ms)
  }

function answerStatus(ctx: Context, { status, body, retry_after }: ApiFault): void {
  ctx.status = status
  ctx.body = body ?? (status === 429 ? { message: 'Too many requests' } : { error: 'Internal Server Error' })
  if (retry_after !== undefined) ctx.set('retry-after', String(retry_after))
}

/** The client sees its connection break, as with a crashed proxy. */
function destroySocket(ctx: Context): void {
  ctx.respond = false
  ctx.state.unanswered = true
  ctx.req.socket.destroy()
}
