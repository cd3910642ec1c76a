import { NetworkFailure, Problem } from './problem.js'

/**
 * One request of ours to our server.
 * @param {string} method
 * @param {string} path
 * @param {{ body?: unknown, token?: string, headers?: Record<string, string>, signal?: AbortSignal, timeoutMs?: number }} [options]
 * @returns {Promise<any>} the JSON of the answer; undefined when it has no body
 * @throws {Problem} on any status of 400 and above
 * @throws {NetworkFailure} when no answer came; an abort by `signal` is thrown as it is
 */
export async function send(method, path, { body, token, headers = {}, signal, timeoutMs = 20_000 } = {}) {
  const limit = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(path, {
      method,
      headers: { accept: 'application/json', ...headersFor(body, token), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      cache: 'no-store',
      credentials: 'omit',
    })
    return await read(response)
  } catch (error) {
    if (error instanceof Problem || signal?.aborted) throw error
    throw new NetworkFailure('no answer', { cause: error })
  }
}

/** Sends a request that outlives the page; its answer is never seen. */
export function sendLast(path, { body, token }) {
  fetch(path, {
    method: 'POST',
    headers: headersFor(body, token),
    body: JSON.stringify(body),
    keepalive: true,
    credentials: 'omit',
  }).catch(() => undefined)
}

function headersFor(body, token) {
  return {
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(token ? { authorization: `Bearer ${token}` } : {}),
  }
}

async function read(response) {
  const text = await response.text()
  const body = parsed(text)
  if (!response.ok) throw new Problem(response.status, body, response.headers.get('retry-after'))
  return body
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
