import { send, sendLast } from './http.js'
import { Problem } from './problem.js'

/**
 * @typedef {{ success?: boolean, skipped?: boolean, status?: unknown, reason?: string, error?: string, duration_sec?: number }} Prewarm
 * @typedef {{ jwt_user_id: string | null, jwt_email: string | null, prewarm: Prewarm | null,
 *   tavus_conversation_id: string | null, system_user_id: string | null, db_tracking: string }} Debug
 * @typedef {{ conversation_id: string, conversation_url: string, status: string, session_id: string, debug: Debug }} StartAnswer
 * @typedef {{ session_id: string, conversation_id: string, status: string, ended_at: string | null,
 *   duration_seconds: number | null, end_reason: string | null, shutdown_reason: string | null, db_tracking: string }} EndAnswer
 * @typedef {{ session_id: string, conversation_id: string | null, provider: string, status: string, created_at: string,
 *   joined_at: string | null, ended_at: string | null, duration_seconds: number | null, end_reason: string | null, shutdown_reason: string | null,
 *   prewarm: Prewarm | null, artifacts: { transcript: boolean, recording: boolean } }} Session
 * @typedef {{ role: string, content: string, at?: string, seconds_from_start?: number }} Line
 */

const START_TIMEOUT_MS = 120_000

/** The routes that the page calls, by what they do. */
export function createApi({ auth }) {
  /** Whoever was signed in must not go on as nobody unawares: the call would not be kept. */
  async function tokenOfUser() {
    const signedIn = auth.user() !== undefined
    const token = await auth.freshToken()
    if (signedIn && !token) throw new Problem(401, { detail: 'Your sign-in has expired. Sign in again.' })
    return token
  }

  async function request(method, path, options = {}) {
    const token = await tokenOfUser()
    try {
      return await send(method, path, { ...options, token })
    } catch (error) {
      if (!token || !(error instanceof Problem) || error.status !== 401) throw error
      await auth.refresh()
      if (!auth.currentToken()) throw error
      return send(method, path, { ...options, token: auth.currentToken() })
    }
  }

  return {
    /** @returns {Promise<StartAnswer>} */
    start: (idempotencyKey, signal) =>
      request('POST', '/tavus/start', {
        body: {},
        headers: { 'idempotency-key': idempotencyKey },
        signal,
        timeoutMs: START_TIMEOUT_MS,
      }),
    /** @returns {Promise<EndAnswer>} */
    end: (conversationId) => request('POST', endPath(conversationId), { body: {} }),
    /** The end that a closing page can still send. */
    endLast: (conversationId) => sendLast(endPath(conversationId), { body: {}, token: auth.currentToken() }),
    /** @returns {Promise<Session>} */
    session: (sessionId) => request('GET', `/sessions/${encodeURIComponent(sessionId)}`),
    /**
     * The user's own: leadership would be shown the whole company's.
     * @returns {Promise<{ items: Session[], next_cursor: string | null }>}
     */
    sessions: (cursor) => {
      const user = auth.user()?.id
      const query = { limit: '10', ...(user ? { user } : {}), ...(cursor ? { cursor } : {}) }
      return request('GET', `/sessions?${new URLSearchParams(query)}`)
    },
    /** @returns {Promise<{ session_id: string, transcript: Line[] }>} */
    transcript: (sessionId) => request('GET', `/sessions/${encodeURIComponent(sessionId)}/transcript`),
  }
}

const endPath = (conversationId) => `/tavus/end/${encodeURIComponent(conversationId)}`

/**
 * What a development server says of itself; elsewhere there is nothing to say.
 * @returns {Promise<{ temporal_ui_url?: string, temporal_namespace?: string, environment?: string }>}
 */
export async function loadSettings() {
  try {
    return (await send('GET', '/config.json')) ?? {}
  } catch {
    return {}
  }
}
