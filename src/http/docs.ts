import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import type Router from '@koa/router'
import { send } from '@koa/send'
import type { RequestState } from './context.js'
import type { OpenApiDocument } from './openapi.js'

const assets = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
const assetNames = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png']

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Parley API</title>
    <link rel="icon" href="/docs/favicon-32x32.png" />
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
    <script src="/docs/swagger-ui-bundle.js" defer></script>
    <script src="/docs/init.js" defer></script>
  </head>
  <body>
    <div id="swagger-ui"></div>
  </body>
</html>
`

// Swagger takes an optional token for one that was given, and shows a closed padlock: it is to look at the token alone.
const init = `const needed = (securities) => securities?.filter((security) => security.size > 0)
const honestPadlocks = {
  statePlugins: {
    auth: {
      wrapSelectors: {
        isAuthorized: (original) => (state, securities) => original(state, needed(securities)),
      },
    },
  },
}
SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
  plugins: [() => honestPadlocks],
})
`

/** The document, and a page that shows it without anything from elsewhere. */
export function mountDocs(router: Router<RequestState>, document: OpenApiDocument): void {
  // Bytes: a text would be copied for each answer that is on its way.
  const json = Buffer.from(JSON.stringify(document))
  const etag = `"${createHash('sha256').update(json).digest('base64url').slice(0, 27)}"`
  router.get('/openapi.json', (ctx) => {
    ctx.set('ETag', etag)
    ctx.set('Cache-Control', 'no-cache')
    ctx.status = 200
    if (ctx.fresh) return void (ctx.status = 304)
    ctx.type = 'json'
    ctx.body = json
  })
  router.get('/docs', (ctx) => {
    ctx.type = 'html'
    ctx.body = page
  })
  router.get('/docs/init.js', (ctx) => {
    ctx.type = 'js'
    ctx.body = init
  })
  for (const name of assetNames)
    router.get(`/docs/${name}`, async (ctx) => {
      await send(ctx, name, { root: assets, maxAge: 3_600_000 })
    })
  router.get('/redoc', (ctx) => {
    ctx.redirect('/docs')
  })
}
