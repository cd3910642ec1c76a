import type Koa from 'koa'
import type { Caller } from '../domain/identity.js'
import type { Logger } from '../observability/logger.js'
import type { CredentialFailure } from './identity/failure.js'
import type { CountedLimit } from './app-services.js'

/** What is known of a request beside Koa's own. */
export interface RequestState {
  requestId: string
  traceId: string
  log: Logger
  caller?: Caller
  /** Why the token or key that came is not accepted; absent when none came. */
  tokenFailure?: CredentialFailure
  /** Limits that counted this request, in their order. */
  limits?: CountedLimit[]
}

export type AppContext = Koa.ParameterizedContext<RequestState>
export type AppMiddleware = (ctx: AppContext, next: Koa.Next) => Promise<void>

/** The pattern of the matched route: never a raw path, which would make a label of every id. */
export const routeLabel = (ctx: AppContext): string => {
  const matched = (ctx as { _matchedRoute?: unknown })._matchedRoute
  return typeof matched === 'string' ? matched : 'unmatched'
}
