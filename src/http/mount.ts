import type Router from '@koa/router'
import type Koa from 'koa'
import { UnauthorizedError } from '../domain/errors.js'
import type { Caller } from '../domain/identity.js'
import type { KeyedRequest } from '../domain/resource.js'
import { type AccessOptions, requireRole, requireScope, tenantActor } from './access.js'
import type { BusinessEvents } from '../observability/events.js'
import { readJson, readRaw } from './body.js'
import type { AppContext, AppMiddleware, RequestState } from './context.js'
import { keyedRequest } from './once.js'
import type { RequestLimits } from './request-limits.js'
import type { Incoming, Route } from './route.js'
import { validateParts } from './validate.js'

export interface MountOptions extends AccessOptions {
  bodyLimitBytes: number
  limits: RequestLimits
  /** Of the digests of requests that bring an Idempotency-Key. */
  secret: string
}

const noBytes = Buffer.alloc(0)

type Handler = (ctx: AppContext, next: Koa.Next) => Promise<void>

/**
 * Puts routes on a router: how often, who may call, what came, then the handler.
 * @returns the handlers of paths without parameters, by method and path
 */
export function mountRoutes(
  router: Router<RequestState>,
  routes: Route[],
  options: MountOptions,
): ReadonlyMap<string, Handler> {
  const literal = new Set(routes.flatMap(({ paths }) => paths.filter(isLiteral)))
  const byPath = new Map<string, Handler>()
  for (const route of routes) {
    const count = options.limits.of(route)
    const handler: Handler = async (ctx, next) => {
      // The path of another route, which does not have this method: not a parameter of ours.
      if (route.request.params && literal.has(plainPath(ctx.path))) return void (await next())
      await count(ctx)
      const caller = callerFor(route, ctx, options.events)
      if (caller?.key) await requireScope(ctx, { caller, needed: route.keyScope }, options)
      if (route.roles) await requireRole(ctx, { caller, allowed: route.roles }, options)
      route.available()
      answer(ctx, route, await route.handle(await incoming(route, ctx, caller, options)))
    }
    router.register([...route.paths], [route.method], handler)
    for (const path of route.paths.filter(isLiteral)) byPath.set(`${route.method.toUpperCase()} ${path}`, handler)
  }
  return byPath
}

export const isLiteral = (path: string) => !path.includes(':')

/** What is asked for by its exact path needs no search: the router tries the patterns of all routes on each request. */
export function literalRoutes(byPath: ReadonlyMap<string, Handler>): AppMiddleware {
  return async function literalRoutesMiddleware(ctx, next) {
    const handler = byPath.get(`${ctx.method} ${ctx.path}`)
    if (!handler) return void (await next())
    Object.assign(ctx, { _matchedRoute: ctx.path, params: {} })
    await handler(ctx, next)
  }
}

const plainPath = (path: string) => path.toLowerCase().replace(/(?<=.)\/$/, '')

/** The caller as far as the route wants one. */
function callerFor(route: Route, ctx: AppContext, events: BusinessEvents): Caller | undefined {
  if (route.auth === 'none') return undefined
  const { caller, tokenFailure, log } = ctx.state
  if (caller) {
    events.jwtValid(caller, log)
    return caller
  }
  if (tokenFailure) events.jwtInvalid({ reason: tokenFailure.reason }, log)
  if (tokenFailure?.always) throw tokenFailure.error
  if (route.auth === 'optional') return undefined
  throw tokenFailure?.error ?? new UnauthorizedError('this needs a bearer token or an API key', 'token_missing')
}

async function incoming(
  route: Route,
  ctx: AppContext,
  caller: Caller | undefined,
  options: MountOptions,
): Promise<Incoming> {
  const { params, query, headers, body, raw } = route.request
  const json = body ? await readJson(ctx, options.bodyLimitBytes) : undefined
  const parts = validateParts([
    { part: 'params', schema: params, value: ctx.params },
    // Koa's query has no prototype, which zod would not take for a plain object.
    { part: 'query', schema: query, value: query && { ...ctx.query } },
    { part: 'headers', schema: headers, value: ctx.headers },
    { part: 'body', schema: body, value: json },
  ])
  const { requestId, traceId, log } = ctx.state
  const bytes = raw && !raw.streamed ? await readRaw(ctx, raw.limitBytes) : noBytes
  const known = { ...parts, raw: bytes, caller, requestId, traceId, address: ctx.ip, log, ctx }
  return new IncomingRequest(known, () => keyedRequest(options.secret, { operation: route.operationId, ...parts }))
}

/** What costs something is made when it is asked for. */
class IncomingRequest implements Incoming {
  declare readonly params: unknown
  declare readonly query: unknown
  declare readonly headers: unknown
  declare readonly body: unknown
  declare readonly raw: Buffer
  declare readonly caller: Caller | undefined
  declare readonly requestId: string
  declare readonly traceId: string
  declare readonly address: string
  declare readonly log: Incoming['log']
  declare readonly ctx: AppContext
  readonly #keyed: () => KeyedRequest | undefined
  #hangUp: AbortSignal | undefined

  constructor(known: Omit<Incoming, 'actor' | 'signal' | 'keyed'>, keyed: () => KeyedRequest | undefined) {
    Object.assign(this, known)
    this.#keyed = keyed
  }

  get keyed() {
    return this.#keyed()
  }

  get actor() {
    return tenantActor(this.caller)
  }

  get signal() {
    return (this.#hangUp ??= hangUpSignal(this.ctx))
  }
}

function hangUpSignal(ctx: AppContext): AbortSignal {
  const controller = new AbortController()
  if (ctx.res.destroyed && !ctx.res.writableFinished) controller.abort()
  ctx.res.once('close', () => {
    if (!ctx.res.writableFinished) controller.abort()
  })
  return controller.signal
}

function answer(
  ctx: AppContext,
  route: Route,
  { status, body, headers = {} }: Awaited<ReturnType<Route['handle']>>,
): void {
  ctx.status = status
  ctx.set(headers)
  const { contentType } = route.responses[status] ?? {}
  if (contentType) ctx.type = contentType
  // Koa takes an absent body for a 204, whatever the status.
  ctx.body = body ?? (status === 204 || status === 304 ? null : '')
}
