import { InvalidRequestError } from '../../domain/errors.js'
import type { AppMiddleware } from '../context.js'

/** Refuses addresses that are not UTF-8 or hide a NUL, which no store can hold, before anybody reads them, and requests to no host. */
export function wellFormedUrl(): AppMiddleware {
  return async function wellFormedUrlMiddleware(ctx, next) {
    if (ctx.url.includes('%') && !isReadable(ctx.url))
      throw new InvalidRequestError('the address is not valid UTF-8 or contains a NUL character', undefined, 400)
    if (ctx.req.httpVersion === '1.1' && ctx.req.headers.host === undefined)
      throw new InvalidRequestError('the Host header is missing', undefined, 400)
    await next()
  }
}

function isReadable(url: string): boolean {
  try {
    return !decodeURIComponent(url).includes('\0')
  } catch {
    return false
  }
}
