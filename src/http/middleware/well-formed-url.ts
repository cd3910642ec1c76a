import { InvalidRequestError } from '../../domain/errors.js'
import type { AppMiddleware } from '../context.js'

/**
 * Refuses addresses that are not UTF-8 or hide a NUL, which no store can hold, and requests to no host or to several,
 * before anybody reads them. A whole address, as proxies are sent, is taken for its path.
 */
export function wellFormedUrl(): AppMiddleware {
  return async function wellFormedUrlMiddleware(ctx, next) {
    const target = ctx.url
    if (!target.startsWith('/')) ctx.url = pathOf(target) ?? '/'
    if (pathOf(target) === undefined) throw malformed('the address is neither a path nor an http URL')
    if (ctx.req.httpVersion === '1.1' && ctx.req.headers.host === undefined)
      throw malformed('the Host header is missing')
    if (hostsOf(ctx.req.rawHeaders) > 1) throw malformed('there is more than one Host header')
    if (ctx.url.includes('%') && !isReadable(ctx.url))
      throw malformed('the address is not valid UTF-8 or contains a NUL character')
    await next()
  }
}

/** Node takes the first, a proxy before it perhaps another one. */
function hostsOf(rawHeaders: readonly string[]): number {
  let hosts = 0
  for (let at = 0; at < rawHeaders.length; at += 2) if (/^host$/i.test(rawHeaders[at] ?? '')) hosts++
  return hosts
}

const malformed = (detail: string) => new InvalidRequestError(detail, undefined, 400)

function pathOf(target: string): string | undefined {
  if (target.startsWith('/')) return target
  if (!/^https?:\/\//i.test(target) || !URL.canParse(target)) return undefined
  const { pathname, search } = new URL(target)
  return `${pathname}${search}`
}

function isReadable(url: string): boolean {
  try {
    return !decodeURIComponent(url).includes('\0')
  } catch {
    return false
  }
}
