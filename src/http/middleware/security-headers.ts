import helmet from 'koa-helmet'
import type { HttpConfig } from '../app-services.js'
import type { AppMiddleware } from '../context.js'

export const tavusApi = 'https://tavusapi.com'

/** Nothing inline, nothing from elsewhere, in nobody's frame; only the rooms of conversations may be framed here. */
export function securityHeaders({ server, tavus }: Pick<HttpConfig, 'server' | 'tavus'>): AppMiddleware {
  const https = server.publicUrl.startsWith('https:')
  const rooms = ['https://*.daily.co', ...(tavus.baseUrl === tavusApi ? [] : [new URL(tavus.baseUrl).origin])]
  const setHeaders = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        connectSrc: ["'self'"],
        // Swagger UI's style sheet draws its icons from data: addresses.
        imgSrc: ["'self'", 'data:'],
        frameSrc: rooms,
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        // On plain http it would send the browser to a port that speaks no TLS.
        ...(https ? { upgradeInsecureRequests: [] } : {}),
      },
    },
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'same-origin' },
    hsts: https,
  })
  let same: [string, string][] | undefined
  return async function securityHeadersMiddleware(ctx, next) {
    if (!same) {
      // They are the same for every answer: what is set by the first is copied by the others.
      const before = new Set(ctx.res.getHeaderNames())
      await setHeaders(ctx, () => Promise.resolve())
      same = ctx.res
        .getHeaderNames()
        .flatMap((name) => (before.has(name) ? [] : [[name, String(ctx.res.getHeader(name))]]))
    } else for (const [name, value] of same) ctx.res.setHeader(name, value)
    await next()
  }
}
