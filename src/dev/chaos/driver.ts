import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

export interface DriverOptions {
  apiUrl: string
  simulatorUrl: string
  sessions: number
  /** Callers at once. */
  callers: number
  users: string[]
  password: string
  random: () => number
  /** Longest call; a caller holds each one between 1 s and this. Milliseconds. */
  holdMs: number
  onProgress?: (done: number) => void
}

/** What is started, in turn: a provider and a mode of POST /sessions. */
export const kinds = [
  { provider: 'tavus', mode: 'plain' },
  { provider: 'elevenlabs', mode: 'plain' },
  { provider: 'tavus', mode: 'mentor' },
] as const

type Kind = (typeof kinds)[number]

export interface DrivenSession {
  kind: Kind
  sessionId: string
  conversationId: string
  endedBy: 'caller' | 'provider' | 'max_duration'
  startTries: number
  endTries: number
}

/** How long a caller goes on trying before it gives up: longer than any of the outages. */
const patienceMs = 120_000

/** Callers who start conversations, talk, and end them, and who try again when the other side breaks. */
export async function driveSessions(
  options: DriverOptions,
): Promise<{ sessions: DrivenSession[]; failures: string[] }> {
  const tokens = await Promise.all(options.users.map((email) => login(options, email)))
  const sessions: DrivenSession[] = []
  const failures: string[] = []
  let next = 0
  const caller = async () => {
    for (let index = next++; index < options.sessions; index = next++) {
      try {
        const token = tokens[index % tokens.length] ?? ''
        sessions.push(await oneSession(options, { token, kind: kinds[index % kinds.length] ?? kinds[0] }))
      } catch (error) {
        failures.push(`session ${index}: ${error instanceof Error ? error.message : String(error)}`)
      }
      options.onProgress?.(sessions.length + failures.length)
    }
  }
  await Promise.all(Array.from({ length: Math.min(options.callers, options.sessions) }, caller))
  return { sessions, failures }
}

async function login(options: DriverOptions, email: string): Promise<string> {
  const { body } = await request(`${options.apiUrl}/auth/login`, { body: { email, password: options.password } })
  return String(body.token)
}

interface Turn {
  token: string
  kind: Kind
}

async function oneSession(options: DriverOptions, { token, kind }: Turn): Promise<DrivenSession> {
  const { apiUrl, random } = options
  const fate = random()
  const endedBy = fate < 0.8 ? 'caller' : fate < 0.9 ? 'provider' : 'max_duration'
  const holdMs = 1000 + random() * (options.holdMs - 1000)
  const longest = endedBy === 'max_duration' ? { max_duration_seconds: Math.ceil(holdMs / 1000) + 5 } : {}
  const started = await request(`${apiUrl}/sessions`, { token, key: randomUUID(), body: { ...kind, ...longest } })
  const conversationId = String(started.body.conversation_id)
  const room = rooms[kind.provider](options, conversationId)
  await room.enter(endedBy === 'max_duration' ? holdMs / 1000 : undefined)
  await sleep(holdMs)
  let endTries = 0
  if (endedBy !== 'max_duration') await room.leave(endedBy)
  if (endedBy === 'caller')
    endTries = (await request(`${apiUrl}/${kind.provider}/end/${conversationId}`, { token, body: {} })).tries
  return {
    kind,
    sessionId: String(started.body.session_id),
    conversationId,
    endedBy,
    startTries: started.tries,
    endTries,
  }
}

interface Room {
  /** The provider ends it after so many seconds, where it was told so. */
  enter: (maxSeconds: number | undefined) => Promise<unknown>
  leave: (by: 'caller' | 'provider') => Promise<unknown>
}

/** What a caller's page does at each provider. */
const rooms: Record<Kind['provider'], (options: DriverOptions, conversationId: string) => Room> = {
  tavus: ({ simulatorUrl }, id) => ({
    enter: () => Promise.resolve(),
    leave: async (by) => {
      if (by === 'caller') return
      const body = { reason: 'participant_left_timeout' }
      await request(`${simulatorUrl}/__sim/conversations/${id}/shutdown`, { body })
    },
  }),
  elevenlabs: ({ simulatorUrl }, id) => ({
    enter: (maxSeconds) =>
      request(`${simulatorUrl}/__sim/agents/${id}/connect`, { body: maxSeconds ? { max_seconds: maxSeconds } : {} }),
    // Nobody but who is in it can end it.
    leave: (by) => request(`${simulatorUrl}/__sim/agents/${id}/end`, { body: by === 'caller' ? {} : { by: 'agent' } }),
  }),
}

interface Call {
  token?: string
  key?: string
  body: unknown
}

/** A POST that is repeated, with the same key, while the answer is lost or says that the other side is unwell. */
async function request(url: string, call: Call): Promise<{ body: Record<string, unknown>; tries: number }> {
  const giveUpAt = Date.now() + patienceMs
  for (let tries = 1; ; tries++) {
    const answer = await post(url, call).catch((error: unknown) => ({ status: 0, body: { detail: String(error) } }))
    if (answer.status >= 200 && answer.status < 300) return { body: answer.body, tries }
    const passing = answer.status === 0 || answer.status === 429 || answer.status >= 500
    if (!passing || Date.now() > giveUpAt)
      throw new Error(
        `${new URL(url).pathname} answered ${answer.status} at try ${tries}: ${JSON.stringify(answer.body)}`,
      )
    await sleep(Math.min(200 * tries, 2000))
  }
}

async function post(
  url: string,
  { token, key, body }: Call,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (token) headers.authorization = `Bearer ${token}`
  if (key) headers['idempotency-key'] = key
  const response = await fetch(url, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(90_000),
  })
  const text = await response.text()
  return { status: response.status, body: (text ? JSON.parse(text) : {}) as Record<string, unknown> }
}
