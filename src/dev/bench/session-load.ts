import { randomUUID } from 'node:crypto'
import { Agent, request } from 'undici'
import { simulatorKey } from '../application-environment.js'

const agent = new Agent({ connections: 256, pipelining: 1 })

export interface Answer {
  status: number
  body: Record<string, unknown>
}

/** One POST; anything but a 2xx is an error. */
export async function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  const response = await request(url, {
    method: 'POST',
    dispatcher: agent,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    headersTimeout: 90_000,
    bodyTimeout: 90_000,
  })
  const text = await response.body.text()
  if (response.statusCode >= 300) throw new Error(`${url} answered ${response.statusCode}: ${text.slice(0, 200)}`)
  return (text ? JSON.parse(text) : {}) as Record<string, unknown>
}

export async function login(apiUrl: string, email: string, password: string): Promise<string> {
  return String((await post(`${apiUrl}/auth/login`, { email, password })).token)
}

/** A start as a frontend sends it. */
export const startSession = (apiUrl: string, token: string) =>
  post(`${apiUrl}/tavus/start`, {}, { authorization: `Bearer ${token}`, 'idempotency-key': randomUUID() })

/** What the same start costs without Parley: the provider's own latency. */
export const createDirectly = (simulatorUrl: string) =>
  post(
    `${simulatorUrl}/v2/conversations`,
    { persona_id: 'sim-persona', replica_id: 'sim-replica', conversation_name: `bench ${randomUUID()}` },
    { 'x-api-key': simulatorKey },
  )
