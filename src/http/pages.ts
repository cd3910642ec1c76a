import { fileURLToPath } from 'node:url'
import type Router from '@koa/router'
import { send } from '@koa/send'
import { NotFoundError } from '../domain/errors.js'
import type { HttpConfig } from './app-services.js'
import type { AppContext, RequestState } from './context.js'
import { tavusApi } from './middleware/security-headers.js'

/** Beside this folder in the sources and in the build alike, which copies the pages along. */
const callerRoot = fileURLToPath(new URL('../caller/', import.meta.url))

/** The caller page, and what it asks of a development server. */
export function mountPages(router: Router<RequestState>, config: HttpConfig): void {
  router.get('/', (ctx) => sendPage(ctx, 'index.html'))
  // Browsers ask for it wherever no page names another.
  router.get('/favicon.ico', (ctx) => sendPage(ctx, 'favicon.svg'))
  router.get('/assets/caller/*path', (ctx) => sendPage(ctx, ctx.params.path ?? ''))
  if (config.production) return
  const settings = {
    environment: config.environment,
    simulator: config.tavus.baseUrl !== tavusApi,
    temporal_ui_url: config.server.temporalUiUrl,
    temporal_namespace: config.temporal.namespace,
  }
  router.get('/config.json', (ctx) => {
    ctx.set('Cache-Control', 'no-store')
    ctx.body = settings
  })
}

async function sendPage(ctx: AppContext, file: string): Promise<void> {
  try {
    await send(ctx, file, {
      root: callerRoot,
      setHeaders: (response, _, { size, mtimeMs }) =>
        response.setHeader('ETag', `W/"${size.toString(36)}-${Math.floor(mtimeMs).toString(36)}"`),
    })
  } catch (error) {
    // Its message names files of this machine; what may not be read is not there either.
    if ((error as { status?: number }).status === undefined) throw error
    throw new NotFoundError('there is nothing at this path')
  }
  ctx.set('Cache-Control', 'no-cache')
  if (ctx.fresh) ctx.status = 304
}

/** Whether a person looks at the answer: programs ask for JSON, or for anything. */
export const wantsPage = (ctx: AppContext) =>
  ctx.method === 'GET' && ctx.accepts(['application/problem+json', 'application/json', 'text/html']) === 'text/html'

/** What a browser shows for an address that leads nowhere. */
export async function sendNotFoundPage(ctx: AppContext): Promise<void> {
  await sendPage(ctx, 'not-found.html')
  ctx.status = 404
  ctx.vary('Accept')
}
