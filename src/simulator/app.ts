import { bodyParser } from '@koa/bodyparser'
import type Router from '@koa/router'
import Koa, { type Middleware } from 'koa'
import { InvalidInput } from './invalid.js'
import { Unprocessable } from './webhooks/unprocessable.js'

/** The routers in one application, with answers in JSON for whatever fits none of them. */
export function createApp({ routers, logged }: { routers: Router[]; logged: Middleware }): Koa {
  const app = new Koa()
  app.silent = true
  const isApi = (path: string) => apis.some((prefix) => path.startsWith(prefix))
  app.use(async (ctx, next) => {
    await (isApi(ctx.path) ? logged(ctx, next) : next())
  })
  app.use(answerErrors)
  app.use(
    bodyParser({
      enableTypes: ['json', 'form'],
      encoding: 'utf-8',
      jsonLimit: '1mb',
      // The page's farewell is a beacon, which is text/plain. Its place in the list replaces a default.
      extendTypes: { json: ['application/json', 'text/plain'] },
    }),
  )
  for (const router of routers) {
    app.use(router.routes())
    app.use(router.allowedMethods())
  }
  return app
}

/** Paths of the providers, whose requests are remembered. */
const apis = ['/v2/', '/llm/', '/2010-04-01/', '/twirp/', '/v1/', '/uwc/']

const answerErrors: Middleware = async (ctx, next) => {
  try {
    await next()
    if (ctx.respond === false || ctx.body !== undefined) return
    const { status } = ctx
    if (status === 404) ctx.body = { error: 'Not Found', path: ctx.path }
    if (status === 405) ctx.body = { error: 'Method Not Allowed' }
    if (status === 404 || status === 405) ctx.status = status
  } catch (error) {
    const { status, body } = describe(error, ctx.path)
    if (ctx.respond === false) return
    ctx.status = status
    ctx.body = body
  }
}

function describe(error: unknown, path: string): { status: number; body: Record<string, unknown> } {
  if (error instanceof Unprocessable)
    return { status: 422, body: { error: error.message, field: error.field, errors: error.errors } }
  if (error instanceof InvalidInput) {
    const { message, field } = error
    // Tavus names no field apart from its sentence.
    return { status: 400, body: path.startsWith('/v2/') ? { error: message } : { error: message, field } }
  }
  const { status, message } = error as { status?: number; message?: string }
  if (status === 413) return { status, body: { error: 'The body is too large' } }
  if (status !== undefined && status < 500) return { status, body: { error: `Malformed request: ${message ?? ''}` } }
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  return { status: 500, body: { error: 'Internal Server Error' } }
}
