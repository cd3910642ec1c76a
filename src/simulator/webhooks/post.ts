import { Readable } from 'node:stream'
import { Agent, request } from 'undici'
import type { Attempt } from './record.js'

export interface Outgoing {
  url: string
  body: Buffer
  headers: Record<string, string>
  chunked: boolean
  connectTimeoutMs: number
  timeoutMs: number
  /** The end of the simulator's day. */
  signal: AbortSignal
}

export interface Answered {
  attempt: Attempt
  /** Milliseconds, from Retry-After. */
  retryAfterMs: number
  /** Svix' delivery control (docs.svix.com/receiving/delivery-control). */
  control: string | null
}

const pieceBytes = 16_384
const refused: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'],
])

/** Posts webhooks; a redirect is an answer and is not followed. */
export function createPoster() {
  const agents = new Map<number, Agent>()

  function agentFor(connectTimeoutMs: number): Agent {
    const known = agents.get(connectTimeoutMs)
    // Providers keep no connection open for long: an API that was restarted meanwhile must not cost a delivery.
    const agent =
      known ?? new Agent({ connections: 64, keepAliveTimeout: 1000, connect: { timeout: connectTimeoutMs } })
    agents.set(connectTimeoutMs, agent)
    return agent
  }

  return {
    async post(outgoing: Outgoing): Promise<Answered> {
      const { url, body, headers, chunked, connectTimeoutMs, timeoutMs, signal } = outgoing
      const started = performance.now()
      const at = new Date().toISOString()
      const took = () => Math.round(performance.now() - started)
      const limit = AbortSignal.timeout(timeoutMs)
      try {
        const response = await request(url, {
          method: 'POST',
          headers,
          body: chunked ? Readable.from(pieces(body)) : body,
          signal: AbortSignal.any([signal, limit]),
          dispatcher: agentFor(connectTimeoutMs),
        })
        const text = await response.body.text()
        const read = (name: string) => [response.headers[name] ?? []].flat()[0] ?? null
        const answer = read('x-webhook-status') ?? statusIn(text)
        return {
          attempt: {
            at,
            status: response.statusCode,
            answer,
            failure: null,
            error: null,
            duration_ms: took(),
            ...noteOn(url, read('content-type'), text),
          },
          retryAfterMs: (Number(read('retry-after')) || 0) * 1000,
          control: read('webhook-delivery'),
        }
      } catch (error) {
        const { code = '', name, message } = error as NodeJS.ErrnoException
        const failure = limit.aborted ? 'timeout' : refused.has(code) ? 'connect' : 'broken'
        return {
          attempt: {
            at,
            status: null,
            answer: null,
            failure,
            error: `${name} ${code}: ${message}`,
            duration_ms: took(),
          },
          retryAfterMs: 0,
          control: null,
        }
      }
    },
    async close(): Promise<void> {
      await Promise.all([...agents.values()].map((agent) => agent.destroy()))
    },
  }
}

function* pieces(body: Buffer): Generator<Buffer> {
  for (let from = 0; from < body.length; from += pieceBytes) yield body.subarray(from, from + pieceBytes)
}

function statusIn(text: string): string | null {
  try {
    const { status } = JSON.parse(text) as { status?: unknown }
    return typeof status === 'string' ? status : null
  } catch {
    return null
  }
}

/** Twilio sends a plain text that answers an incoming message on to the person. */
const noteOn = (url: string, contentType: string | null, text: string) =>
  new URL(url).pathname.endsWith('/twilio/sms') && contentType?.startsWith('text/plain') && text !== ''
    ? { note: `would send an SMS: ${text.slice(0, 100)}` }
    : {}
