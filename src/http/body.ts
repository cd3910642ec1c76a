import getRawBody from 'raw-body'
import { InvalidRequestError, ParleyError } from '../domain/errors.js'
import type { AppContext } from './context.js'

const maxDepth = 64

/** The bytes of the body. */
export async function readRaw(ctx: AppContext, limitBytes: number): Promise<Buffer> {
  assertPlain(ctx)
  try {
    return await getRawBody(ctx.req, { limit: limitBytes, length: ctx.request.length ?? null })
  } catch (error) {
    throw readFailure(error, limitBytes)
  }
}

/** The bytes of the body as they come; what whoever stops early leaves is read and forgotten. */
export async function* streamRaw(ctx: AppContext, limitBytes: number): AsyncGenerator<Buffer> {
  assertPlain(ctx)
  if ((ctx.request.length ?? 0) > limitBytes) throw tooLarge(limitBytes)
  const chunks = ctx.req.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>
  let bytes = 0
  try {
    for (;;) {
      const next = await chunks.next().catch(() => {
        throw incomplete()
      })
      if (next.done) return
      bytes += next.value.length
      if (bytes > limitBytes) throw tooLarge(limitBytes)
      yield next.value
    }
  } finally {
    // Unread bytes would stand before the next request of the connection, or reset it before the answer is read.
    await chunks.return?.()
    ctx.req.resume()
  }
}

function assertPlain(ctx: AppContext): void {
  if ((ctx.get('Content-Encoding') || 'identity') !== 'identity') throw unsupported('a compressed body is not accepted')
}

const tooLarge = (limitBytes: number) =>
  new ParleyError('body_too_large', 413, 'Content Too Large', `the body is larger than ${limitBytes} bytes`)

const incomplete = () => new InvalidRequestError('the body did not arrive whole', undefined, 400)

/** The JSON of the body; {} when there is none. */
export async function readJson(ctx: AppContext, limitBytes: number): Promise<unknown> {
  if (hasNoBody(ctx)) return {}
  if (!ctx.is('json', '+json')) throw unsupported('the body must be application/json')
  return parseJson(await readRaw(ctx, limitBytes))
}

const hasNoBody = (ctx: AppContext) =>
  ctx.request.length === 0 || (ctx.request.length === undefined && !ctx.get('Transfer-Encoding'))

const unsupported = (detail: string) => new ParleyError('unsupported_media_type', 415, 'Unsupported Media Type', detail)

function readFailure(error: unknown, limitBytes: number): unknown {
  const { type } = error as { type?: string }
  if (type === 'entity.too.large') return tooLarge(limitBytes)
  if (type === 'request.aborted' || type === 'request.size.invalid') return incomplete()
  return error
}

function parseJson(bytes: Buffer): unknown {
  const text = decode(bytes)
  if (text.trim() === '') return {}
  assertStorable(text)
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the body.
    throw new InvalidRequestError('the body is not valid JSON', undefined, 400)
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new InvalidRequestError('the body is not valid UTF-8', undefined, 400)
  }
}

/** PostgreSQL stores neither NUL nor half a surrogate pair, and what is nested without end exhausts whoever walks it. */
function assertStorable(text: string): void {
  // Without pairs of backslashes, every \u left is an escape.
  const escapes = text.includes('\\u') ? text.replaceAll('\\\\', '') : ''
  if (text.includes('\0') || escapes.includes('\\u0000'))
    throw new InvalidRequestError('the body contains a NUL character', undefined, 400)
  if (/\\ud[89ab]..(?!\\ud[c-f])|(?<!\\ud[89ab]..)\\ud[c-f]/i.test(escapes))
    throw new InvalidRequestError('the body contains half of a surrogate pair', undefined, 400)
  if (isDeeperThan(text, maxDepth))
    throw new InvalidRequestError(`the body is nested deeper than ${maxDepth} levels`, undefined, 400)
}

const [quote, backslash] = [0x22, 0x5c]
const opening = new Set([0x5b, 0x7b])
const closing = new Set([0x5d, 0x7d])

/** One look at each character: a pattern for whole strings would look again from every quote of a string without end. */
function isDeeperThan(text: string, limit: number): boolean {
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (inString && code === backslash) at++
    else if (code === quote) inString = !inString
    else if (inString) continue
    else if (opening.has(code) && ++depth > limit) return true
    else if (closing.has(code)) depth--
  }
  return false
}
