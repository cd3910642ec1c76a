import { setTimeout as sleep } from 'node:timers/promises'

export interface Answer {
  status: number
  body: Record<string, unknown>
}

export interface Asked {
  method?: 'GET' | 'POST'
  token?: string
  key?: string
  body?: unknown
}

/** How long somebody goes on trying: longer than any of the outages. */
const patienceMs = 120_000

/** A request that is repeated while the other side breaks or has too much to do; any other answer is the answer. */
export async function patiently(url: string, asked: Asked): Promise<Answer> {
  const giveUpAt = Date.now() + patienceMs
  for (let tries = 1; ; tries++) {
    const answer = await once(url, asked).catch((error: unknown) => ({ status: 0, body: { detail: String(error) } }))
    const passing = answer.status === 0 || answer.status === 429 || answer.status >= 500
    if (!passing) return answer
    if (Date.now() > giveUpAt)
      throw new Error(
        `${new URL(url).pathname} answered ${answer.status} at try ${tries}: ${JSON.stringify(answer.body)}`,
      )
    await sleep(Math.min(200 * tries, 2000))
  }
}

async function once(url: string, { method = 'POST', token, key, body }: Asked): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    body: method === 'GET' ? null : JSON.stringify(body ?? {}),
    signal: AbortSignal.timeout(30_000),
  })
  const text = await response.text()
  return { status: response.status, body: (text ? JSON.parse(text) : {}) as Record<string, unknown> }
}

/** @throws Error when the answer is no 2xx */
export async function insist(url: string, asked: Asked): Promise<Record<string, unknown>> {
  const { status, body } = await patiently(url, asked)
  if (status >= 200 && status < 300) return body
  throw new Error(`${new URL(url).pathname} answered ${status}: ${JSON.stringify(body)}`)
}
