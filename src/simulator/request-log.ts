import type { Middleware } from 'koa'

const kept = 1000
const secretHeaders: ReadonlySet<string> = new Set(['x-api-key', 'authorization', 'cookie'])

/** One request to the provider's API. */
export interface LoggedRequest {
  method: string
  path: string
  query: string
  /** 0: no answer left the simulator. */
  status: number
  time: string
  headers: Record<string, string | string[] | undefined>
  duration_ms: number
  fault: string | null
}

/** Remembers the last requests, without their keys. */
export function createRequestLog() {
  const ring: LoggedRequest[] = []
  let total = 0

  const middleware: Middleware = async (ctx, next) => {
    const started = performance.now()
    const time = new Date().toISOString()
    try {
      await next()
    } finally {
      const { method, path, querystring: query, state } = ctx
      ring[total++ % kept] = {
        method,
        path,
        query,
        status: state.unanswered === true ? 0 : ctx.status,
        time,
        headers: withoutSecrets(ctx.headers),
        duration_ms: Math.round((performance.now() - started) * 10) / 10,
        fault: typeof state.fault === 'string' ? state.fault : null,
      }
    }
  }

  return {
    middleware,
    /** The newest first. */
    recent(limit: number): LoggedRequest[] {
      const count = Math.min(limit, ring.length)
      return Array.from({ length: count }, (_, back) => ring[(total - 1 - back) % kept]).filter(
        (entry) => entry !== undefined,
      )
    },
    clear(): void {
      ring.length = 0
      total = 0
    },
  }
}

export type RequestLog = ReturnType<typeof createRequestLog>

const withoutSecrets = (headers: LoggedRequest['headers']) =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, secretHeaders.has(name) ? '[secret]' : value]),
  )
