/** The server answered that it will not or cannot: an RFC 9457 problem, or any other status of 400 and above. */
export class Problem extends Error {
  name = 'Problem'
  constructor(status, body, retryAfter) {
    super(body?.detail || body?.title || `The server answered with status ${status}.`)
    this.status = status
    this.errors = Array.isArray(body?.errors) ? body.errors : []
    this.traceId = body?.trace_id
    /** Said by our server, and not by something in between that cannot know whether the request had an effect. */
    this.definite = typeof body?.type === 'string'
    this.retryAfterSeconds = secondsOf(retryAfter ?? body?.retry_after)
  }
}

/** No answer came: nobody knows whether the request had an effect. */
export class NetworkFailure extends Error {
  name = 'NetworkFailure'
}

function secondsOf(retryAfter) {
  if (retryAfter === undefined || retryAfter === null) return undefined
  const seconds = Number(retryAfter)
  const wait = Number.isNaN(seconds) ? (Date.parse(retryAfter) - Date.now()) / 1000 : seconds
  return wait > 0 ? Math.ceil(wait) : undefined
}

/** The server speaks to programs too, in words without a capital and a full stop. */
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? '' : '.')

/** What went wrong, for a person. */
export function wordsOf(error) {
  if (error instanceof Problem) return sentence(error.message)
  if (error instanceof NetworkFailure)
    return navigator.onLine
      ? 'The server could not be reached. Check your connection and try again.'
      : 'You are offline. Connect and try again.'
  return 'Something went wrong on this page. Try again, or reload it.'
}

/** The problem's field errors by the field's name; pointers look like /email. */
export function fieldErrors(error) {
  const found = {}
  for (const { pointer, detail } of error instanceof Problem ? error.errors : [])
    found[String(pointer ?? '').replace(/^#?\//, '')] ??= sentence(detail)
  return found
}

const startTitles = {
  400: 'The provider refused the call',
  401: 'Please sign in',
  402: 'The account has run out of credits',
  403: 'You may not start calls',
  429: 'Too many calls at the moment',
  502: 'The provider had a fault',
  503: 'Calls are not available right now',
  504: 'The provider took too long',
}

/** Heading over a start that failed. */
export function startTitle(error) {
  if (error instanceof NetworkFailure) return 'No connection'
  return startTitles[error?.status] ?? 'The call could not be started'
}
