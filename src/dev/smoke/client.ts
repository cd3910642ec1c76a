import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from './results.js'

export interface Answer {
  /** Method, path, status, and what a problem says: for whoever reads a failure. */
  seen: string
  status: number
  headers: Headers
  text: string
  /** Undefined when it is no JSON object. */
  body: Record<string, unknown> | undefined
}

export interface Request {
  method?: string
  token?: string | undefined
  headers?: Record<string, string>
  body?: unknown
}

const timeoutMs = 20_000
/** Longer than any minute's limit; whoever is to wait longer is told so instead. */
const longestWaitSeconds = 120

/** Asks a deployment as anybody outside does. */
export function createClient(base: string, say: (text: string) => void) {
  async function ask(path: string, { method = 'GET', token, headers, body }: Request = {}): Promise<Answer> {
    const answer = await fetch(`${base}${path}`, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch((error: unknown) => {
      throw new Failure(`${method} ${path} got no answer: ${reasonOf(error)}`)
    })
    const text = await answer.text()
    const parsed = objectOf(text)
    const seen = `${method} ${path} answered ${answer.status}${wordsOf(parsed)}`
    return { seen, status: answer.status, headers: answer.headers, text, body: parsed }
  }

  /** Waits so many seconds, and says why. */
  async function pause(seconds: number, why: string): Promise<void> {
    if (seconds > longestWaitSeconds) throw new Failure(`${why}: that would take ${seconds} s`)
    say(`waiting ${seconds} s: ${why}`)
    await sleep(seconds * 1000)
  }

  return {
    base,
    ask,
    pause,
    /** Asks again after the time that a 429 names: what is looked at is not the limit. */
    async askPatiently(path: string, request: Request = {}): Promise<Answer> {
      for (let left = 2; ; left--) {
        const answer = await ask(path, request)
        const seconds = Number(answer.headers.get('retry-after'))
        if (answer.status !== 429 || left === 0 || !(seconds > 0)) return answer
        await pause(seconds + 1, `a limit is used up at ${path}`)
      }
    },
  }
}

export type Client = ReturnType<typeof createClient>

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } }
  return cause?.code ?? cause?.message ?? message
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Of an error only: an answer may hold what is nobody else's to read. */
function wordsOf(body: Record<string, unknown> | undefined): string {
  return typeof body?.code === 'string' ? ` ${body.code}: ${String(body.detail)}` : ''
}
