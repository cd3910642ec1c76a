import type Koa from 'koa'
import pg from 'pg'
import { loadConfig } from '../../config.js'
import type { AppContext, AppMiddleware, RequestState } from '../../http/context.js'
import { accessLog } from '../../http/middleware/access-log.js'
import { authentication } from '../../http/middleware/authentication.js'
import { crossOrigin } from '../../http/middleware/cross-origin.js'
import { errors } from '../../http/middleware/errors.js'
import { requestContext } from '../../http/middleware/request-context.js'
import { requestMetrics } from '../../http/middleware/request-metrics.js'
import { securityHeaders } from '../../http/middleware/security-headers.js'
import { wellFormedUrl } from '../../http/middleware/well-formed-url.js'
import { createIdentification } from '../../http/identity/identification.js'
import { createRateLimit } from '../../http/rate-limit.js'
import { createEvents } from '../../observability/events.js'
import type { Logger } from '../../observability/logger.js'
import { createMetrics } from '../../observability/metrics.js'
import { createLimitStore } from '../../redis/limit-store.js'
import { createApiKeyStore } from '../../store/api-keys.js'
import { createDatabase } from '../../store/database.js'
import { createIdentityLookup } from '../../store/identity-lookup.js'

export interface LayerParts {
  databaseUrl: string
  jwtSecret: string
  /** Of the benchmark's user, for whoever is not authenticated. */
  tenantId: string
  userId: string
  log: Logger
}

type Lookup = (ctx: AppContext, userId: string) => Promise<{ id: string } | undefined>

/** One thing that Parley adds to a bare handler; all before it in the list are there as well. */
export interface Layer {
  name: string
  /** Middleware, in the order of the list. */
  middleware?: (parts: LayerParts) => AppMiddleware[]
  /** Replaces how the row is read. */
  lookup?: (parts: LayerParts) => Lookup
  /** The process writes its log, or traces, from the start. */
  logs?: true
  traces?: true
}

const config = loadConfig({ NODE_ENV: 'test' })
const findUser = 'select id from users where id = '

/** What a request passes through, in the order in which it is switched on. A new layer is one entry. */
export const layers: readonly Layer[] = [
  {
    name: 'ids, metrics, errors, headers',
    middleware: ({ log }) => [
      requestContext({ log }),
      requestMetrics(createMetrics()),
      errors(),
      securityHeaders(config),
      crossOrigin(config),
      wellFormedUrl(),
    ],
  },
  {
    name: 'authentication',
    middleware({ databaseUrl, jwtSecret, log }) {
      const metrics = createMetrics()
      const events = createEvents(log, metrics)
      const database = createDatabase({ url: databaseUrl, poolSize: 2 })
      const identification = createIdentification({
        config: { ...config, identity: { ...config.identity, jwtSecret } },
        identities: createIdentityLookup(database),
        apiKeys: createApiKeyStore(database),
        events,
        limits: createLimitStore({ events }),
      })
      return [authentication({ identification, wantsCaller: () => true })]
    },
  },
  {
    name: 'tenant',
    lookup({ databaseUrl, tenantId }) {
      const database = createDatabase({ url: databaseUrl, poolSize: 12 })
      return (ctx, userId) => {
        const { role = 'rep' } = ctx.state.caller ?? {}
        return database.withTenant({ tenantId, userId, role }, async (trx) => {
          const { rows } = await trx.raw<{ rows: { id: string }[] }>(`${findUser}?`, [userId])
          return rows[0]
        })
      }
    },
  },
  {
    name: 'limits',
    middleware({ log, tenantId }) {
      const rate = { points: 1_000_000, windowSeconds: 60 }
      const events = createEvents(log, createMetrics())
      const store = createLimitStore({ events })
      const [user, tenant] = ['user', 'tenant'].map((name) => createRateLimit({ name, rate, store, events }))
      return [
        async (ctx, next) => {
          await user?.consume(ctx, `tenant:${tenantId}:user:${ctx.state.caller?.userId}`)
          await tenant?.consume(ctx, `tenant:${tenantId}`)
          await next()
        },
      ]
    },
  },
  { name: 'logging', logs: true, middleware: () => [accessLog()] },
  { name: 'tracing', traces: true },
]

/** The least: a pool, and the row by its key. */
export function bareLookup({ databaseUrl }: LayerParts): Lookup {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 12 })
  return async (_, userId) => (await pool.query<{ id: string }>(`${findUser}$1`, [userId])).rows[0]
}

/** Puts the layers that are on before the handler. */
export function build(app: Koa<RequestState>, on: readonly Layer[], parts: LayerParts): void {
  for (const { middleware } of on) for (const one of middleware?.(parts) ?? []) app.use(one)
  const lookup = (on.findLast((layer) => layer.lookup)?.lookup ?? bareLookup)(parts)
  app.use(async (ctx) => {
    ctx.body = { found: (await lookup(ctx, parts.userId)) !== undefined }
  })
}
