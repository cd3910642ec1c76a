import { send } from './http.js'
import { Problem } from './problem.js'
import { loginSlot } from './session-store.js'

const LONGEST_TIMER_MS = 86_400_000
const RETRY_MS = 15_000

/**
 * @typedef {{ id: string, email: string, display_name?: string, company_id?: string, role?: string }} User
 * @typedef {{ token: string, refresh_token: string, expires_in: number, user?: User }} Login
 */

/**
 * Keeps somebody signed in.
 * @param {{ onSignedOut: () => void }} events `onSignedOut`: the server no longer accepts the login
 */
export function createAuth({ onSignedOut }) {
  let timer
  let refreshing

  /** @param {Login} login */
  function keep(login) {
    const lifeMs = login.expires_in * 1000
    const user = login.user ?? loginSlot.get()?.user
    loginSlot.set({
      token: login.token,
      refreshToken: login.refresh_token,
      expiresAt: Date.now() + lifeMs,
      lifeMs,
      user,
    })
    schedule(dueInMs())
  }

  function forget() {
    clearTimeout(timer)
    loginSlot.clear()
  }

  function schedule(delayMs) {
    clearTimeout(timer)
    // Longer timers overflow and fire at once; this one looks again each day.
    timer = setTimeout(() => void freshToken().catch(() => schedule(RETRY_MS)), Math.min(delayMs, LONGEST_TIMER_MS))
  }

  /** A refresh is due a minute before the end of the token, or at three quarters of a short life. */
  function dueInMs() {
    const { expiresAt, lifeMs } = loginSlot.get()
    return Math.max(0, expiresAt - Math.min(60_000, lifeMs / 4) - Date.now())
  }

  async function refreshNow() {
    try {
      keep(await send('POST', '/auth/refresh', { body: { refresh_token: loginSlot.get().refreshToken } }))
    } catch (error) {
      if (!(error instanceof Problem) || error.status === 429 || error.status >= 500) throw error
      forget()
      onSignedOut()
    }
  }

  /** One refresh at a time: the server takes the second use of a refresh token for theft. */
  function refresh() {
    refreshing ??= refreshNow().finally(() => (refreshing = undefined))
    return refreshing
  }

  /** A token that is good for now; undefined when nobody is signed in. */
  async function freshToken() {
    if (!loginSlot.get()) return undefined
    if (dueInMs() > 0) schedule(dueInMs())
    else await refreshUnlessStillGood()
    return loginSlot.get()?.token
  }

  async function refreshUnlessStillGood() {
    try {
      await refresh()
    } catch (error) {
      if ((loginSlot.get()?.expiresAt ?? 0) <= Date.now()) throw error
      schedule(RETRY_MS)
    }
  }

  return {
    user: () => loginSlot.get()?.user,
    currentToken: () => loginSlot.get()?.token,
    freshToken,
    refresh,
    async login(email, password) {
      keep(await send('POST', '/auth/login', { body: { email, password } }))
    },
    async logout() {
      const login = loginSlot.get()
      forget()
      if (!login) return
      await send('POST', '/auth/logout', { body: { refresh_token: login.refreshToken }, token: login.token })
    },
  }
}
