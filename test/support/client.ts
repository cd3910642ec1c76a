import { setTimeout as sleep } from 'node:timers/promises'

export interface Answer {
  status: number
  headers: Headers
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are looked into field by field
  body: any
}

export interface Call {
  method?: string
  token?: string | undefined
  headers?: Record<string, string>
  body?: unknown
  /** Sent as it stands. */
  raw?: string | Buffer
  signal?: AbortSignal
}

/** One request, its answer read as JSON when it is some. */
export async function call(
  url: string,
  { method = 'POST', token, headers = {}, body, raw, signal }: Call = {},
): Promise<Answer> {
  const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body))
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    headers: {
      ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(sent === undefined ? {} : { body: sent }),
    ...(signal ? { signal } : {}),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: parsed(text) }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

export async function login(url: string, email = 'lead@acme.test', password = 'parley-demo'): Promise<string> {
  const { status, body } = await call(`${url}/auth/login`, { body: { email, password } })
  if (status !== 200) throw new Error(`login answered ${status}`)
  return (body as { token: string }).token
}

/** Asks until the answer is there; fails with the last one. */
export async function eventually<T>(
  ask: () => Promise<T>,
  isThere: (value: T) => boolean,
  limitMs = 15_000,
): Promise<T> {
  const giveUpAt = Date.now() + limitMs
  for (;;) {
    const value = await ask()
    if (isThere(value)) return value
    if (Date.now() > giveUpAt) throw new Error(`it did not come to be: ${JSON.stringify(value)?.slice(0, 500)}`)
    await sleep(50)
  }
}

/** What the simulator says of one conversation. */
export const truthOf = async (simulatorUrl: string, conversationId: string) =>
  (await call(`${simulatorUrl}/__sim/conversations/${conversationId}`, { method: 'GET' })).body

export const addFault = async (simulatorUrl: string, fault: Record<string, unknown>): Promise<void> => {
  const { status, body } = await call(`${simulatorUrl}/__sim/faults`, { body: fault })
  if (status >= 300) throw new Error(`fault refused: ${JSON.stringify(body)}`)
}

export const clearFaults = (simulatorUrl: string) => call(`${simulatorUrl}/__sim/faults`, { method: 'DELETE' })

export const configureSimulator = async (simulatorUrl: string, config: Record<string, unknown>): Promise<void> => {
  const { status, body } = await call(`${simulatorUrl}/__sim/config`, { body: config })
  if (status >= 300) throw new Error(`configuration refused: ${JSON.stringify(body)}`)
}
