import type { AppContext, AppMiddleware } from '../context.js'
import { ambiguous, type Identification } from '../identity/identification.js'

interface AuthenticationOptions {
  identification: Pick<Identification, 'byToken' | 'byKey'>
  /** Whether the route asks who calls: otherwise nobody is asked, and a provider's own `X-API-Key` is left alone. */
  wantsCaller: (ctx: AppContext) => boolean
}

/** Learns who calls from the bearer token or the API key; whether one is needed is each route's own matter. */
export function authentication({ identification, wantsCaller }: AuthenticationOptions): AppMiddleware {
  return async function authenticationMiddleware(ctx, next) {
    const token = /^bearer +(\S.*)$/i.exec(ctx.get('Authorization'))?.[1]?.trim()
    const key = ctx.get('X-API-Key')
    if ((token !== undefined || key !== '') && wantsCaller(ctx)) {
      const identified = await identify(ctx, { token, key })
      if ('caller' in identified) ctx.state.caller = identified.caller
      else ctx.state.tokenFailure = identified.failure
    }
    await next()
  }

  async function identify(ctx: AppContext, { token, key }: { token: string | undefined; key: string }) {
    if (token !== undefined && key !== '') return ambiguous()
    return token === undefined ? await identification.byKey(key, ctx.ip) : await identification.byToken(token)
  }
}
