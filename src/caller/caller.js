import { createApi, loadSettings } from './api.js'
import { createAuth } from './auth.js'
import { createCall } from './call.js'
import { hideDebug, showDebug, showTracking } from './debug-panel.js'
import { announce, byId, showText } from './dom.js'
import { createHistoryView } from './history-view.js'
import { createLoginView } from './login-view.js'
import { callSlot } from './session-store.js'
import { showTranscriptThere } from './summary-view.js'
import { createTranscriptDialog } from './transcript-dialog.js'

const EXPIRED = 'Your sign-in has expired. Sign in again.'

const auth = createAuth({ onSignedOut: signedOut })
const api = createApi({ auth })
const settings = loadSettings()
const dialog = createTranscriptDialog({ transcript: api.transcript })
const history = createHistoryView({
  sessions: api.sessions,
  onOpen: (session) => void dialog.open(session),
  onEnd: endRow,
})
const login = createLoginView({ login: auth.login, onLogin: enter, onAnonymous: enter })
const call = createCall({
  api,
  isSignedIn: () => auth.user() !== undefined,
  onStarted: started,
  onEnded: ended,
  onReset: hideDebug,
  onSignInNeeded: () => leave(EXPIRED),
})

/** Opens the workspace for whoever is signed in, or for nobody. */
function enter() {
  const user = auth.user()
  login.hide()
  byId('workspace').hidden = false
  showAccount(user)
  byId('ready-title').textContent = user?.display_name
    ? `Ready when you are, ${firstName(user)}.`
    : 'Ready when you are.'
  showText(byId('ready-note'), user ? undefined : 'You are not signed in: the call works, and is not kept.')
  if (user) {
    history.show()
    void history.refresh()
  }
  announce(user ? `Signed in as ${user.display_name ?? user.email}.` : 'Going on without signing in.')
  return call.resume()
}

function leave(notice) {
  byId('account').hidden = true
  history.clear()
  hideDebug()
  login.show(notice)
}

/** A running call outlives the sign-in that began it; the form comes when it is over. */
function signedOut() {
  history.clear()
  if (call.isBusy()) announce(EXPIRED)
  else leave(EXPIRED)
}

function started(answer) {
  void settings.then((known) => showDebug(answer, known))
  if (auth.user()) void history.appear(answer.session_id)
}

function ended(answer) {
  if (answer) showTracking(answer.db_tracking)
  if (auth.user()) void settle(answer?.session_id)
}

async function settle(sessionId) {
  if (await history.settle(sessionId)) showTranscriptThere(sessionId)
}

/** A row's call is the one on the stage, or one that another tab left running. */
async function endRow({ session_id: sessionId, conversation_id: conversationId }) {
  if (callSlot.get()?.answer.session_id === sessionId) return call.end()
  await api.end(conversationId)
  void settle(sessionId)
}

function showAccount(user) {
  byId('account').hidden = false
  byId('account-name').textContent = user ? (user.display_name ?? '') : 'Not signed in'
  byId('account-email').textContent = user?.email ?? ''
  byId('account-button').textContent = user ? 'Sign out' : 'Sign in'
}

const firstName = (user) => user.display_name.trim().split(/\s+/)[0]

byId('account-button').addEventListener('click', async () => {
  await call.stop()
  // An end that failed keeps its call, and its call keeps the page.
  if (callSlot.get()) return
  const user = auth.user()
  leave(user ? 'You are signed out.' : undefined)
  if (user) await auth.logout().catch(() => undefined)
})

void settings.then(({ environment }) => environment === 'development' && login.offerDemo())

/** Goes on where the tab was before it was reloaded; a sign-in that turns out to be over has shown its form already. */
async function goOn() {
  await auth.freshToken().catch(() => undefined)
  if (auth.user() || callSlot.get()) await enter()
}

if (auth.user() || callSlot.get()) void goOn()
else login.show()
