import { showCall } from './call-view.js'
import { announce, byId } from './dom.js'
import { ago } from './format.js'
import { NetworkFailure, Problem, startTitle } from './problem.js'
import { callSlot } from './session-store.js'
import { showPanel } from './stage.js'
import { isUncertain, newKey, startConversation } from './start-attempt.js'
import { showStarting } from './starting-view.js'
import { showEnding, showSummary, transcriptFollows } from './summary-view.js'
import { createTroubleView } from './trouble-view.js'

const END_TRIES = 3
/** The end that a closing page sent may take the server and the provider this long. */
const LAST_END_TRIES = 10
const LAST_END_PAUSE_MS = 500
// The second click of a double click, or a held Enter key, must not cancel what the first one began.
const CANCEL_AFTER_MS = 600

/**
 * The course of a call: ready, starting, in the call, ended; one at a time.
 * A call that runs is in `callSlot` from its first moment until the server has confirmed its end.
 * @param {{ api: ReturnType<typeof import('./api.js').createApi>, isSignedIn: () => boolean,
 *   onStarted: (answer: import('./api.js').StartAnswer) => void, onEnded: (answer?: import('./api.js').EndAnswer) => void,
 *   onReset: () => void, onSignInNeeded: () => void }} deps
 */
export function createCall({ api, isSignedIn, onStarted, onEnded, onReset, onSignInNeeded }) {
  const trouble = createTroubleView()
  let attempt
  let attemptBegunAt = 0
  let closeRoom
  let ending = false

  function ready() {
    showPanel('ready')
    onReset()
  }

  async function start(key = newKey()) {
    if (attempt || callSlot.get()) return
    const { signal } = (attempt = new AbortController())
    attemptBegunAt = Date.now()
    onReset()
    const stopProgress = showStarting()
    try {
      began(await startConversation({ start: api.start, key, signal }), signal)
    } catch (error) {
      if (signal.aborted) cancelled()
      else startFailed(error, key)
    } finally {
      stopProgress()
    }
  }

  function began(answer, signal) {
    attempt = undefined
    // The answer and the cancel crossed: nobody wants this room any more.
    if (signal.aborted) {
      api.endLast(answer.conversation_id)
      return cancelled()
    }
    callSlot.set({ answer, startedAt: Date.now(), anonymous: !answer.debug?.jwt_user_id })
    onStarted(answer)
    join()
  }

  function cancelled() {
    attempt = undefined
    ready()
    announce('Cancelled. A room that had been opened already is closed within seconds.')
  }

  function startFailed(error, key) {
    attempt = undefined
    if (error instanceof Problem && error.status === 401) return onSignInNeeded()
    const retryKey = isUncertain(error) ? key : undefined
    trouble.show({ title: startTitle(error), error, onRetry: () => void start(retryKey), onBack: ready })
  }

  function join() {
    try {
      closeRoom = showCall({ onLeft: () => void end(), hasAvatar })
    } catch {
      callSlot.set({ ...callSlot.get(), unusable: true })
      void end()
    }
  }

  /** As far as the server may be asked: it knows an anonymous call by no route. */
  async function hasAvatar() {
    const call = callSlot.get()
    const session = call && (await sessionOf(call))
    return Boolean(session?.joined_at)
  }

  async function sessionOf({ answer, anonymous }) {
    if (anonymous || !isSignedIn()) return undefined
    return await api.session(answer.session_id).catch(() => undefined)
  }

  function leaveRoom() {
    closeRoom?.()
    closeRoom = undefined
  }

  function needSignIn() {
    leaveRoom()
    onSignInNeeded()
  }

  /** @returns {Promise<void>} when the call has ended, or a panel says why not */
  async function end() {
    const call = callSlot.get()
    if (!call || ending) return
    // Without its owner's token the server would not know the call.
    if (!call.anonymous && !isSignedIn()) return needSignIn()
    ending = true
    leaveRoom()
    showEnding()
    try {
      finished(await confirmedEnd(call.answer.conversation_id), call)
    } catch (error) {
      endFailed(error, call)
    } finally {
      ending = false
    }
  }

  async function confirmedEnd(conversationId) {
    for (let tries = 1; ; tries++) {
      try {
        return await api.end(conversationId)
      } catch (error) {
        if (!(error instanceof NetworkFailure) || tries === END_TRIES) throw error
        await new Promise((resolve) => setTimeout(resolve, 1000 * tries))
      }
    }
  }

  function finished(answer, call) {
    callSlot.clear()
    showSummary(answer, wordsOfEnd(answer, call))
    onEnded(answer)
  }

  function endFailed(error, call) {
    if (error instanceof Problem && error.status === 404) return finished(undefined, call)
    if (error instanceof Problem && error.status === 401) return needSignIn()
    const title = 'The call could not be ended'
    trouble.show({ title, error, onRetry: () => void end(), onBack: offerLeftover })
  }

  function offerLeftover() {
    const { startedAt } = callSlot.get()
    const started = ago(new Date(startedAt).toISOString())
    byId('leftover-detail').textContent = `You started it ${started}. It goes on, and may cost, until somebody ends it.`
    showPanel('leftover')
  }

  /** A call that this tab had when it was closed, reloaded or lost. */
  async function resume() {
    const call = callSlot.get()
    if (!call) return ready()
    onStarted(call.answer)
    if (call.endSent) return afterClosing(call)
    offerLeftover()
    const session = await sessionOf(call)
    if (session && session.status !== 'active') await end()
  }

  /** The closing page sent the end, and asking again tells what came of it. Where it got lost, its caller decides. */
  async function afterClosing(call) {
    showEnding()
    if (!(await stillRuns(call))) return end()
    callSlot.set({ ...call, endSent: undefined })
    offerLeftover()
  }

  async function stillRuns(call) {
    for (let tries = 0; tries < LAST_END_TRIES; tries++) {
      if ((await sessionOf(call))?.status !== 'active') return false
      await new Promise((resolve) => setTimeout(resolve, LAST_END_PAUSE_MS))
    }
    return true
  }

  function rejoin() {
    if (callSlot.get()) join()
  }

  /** A closed page must not leave a conversation that goes on billing. */
  function closing() {
    const call = callSlot.get()
    if (!call) return
    api.endLast(call.answer.conversation_id)
    callSlot.set({ ...call, endSent: true })
  }

  /** Leaving ends the call: the browser asks whether that is meant. */
  function warn(event) {
    if (!callSlot.get()) return
    event.preventDefault()
    event.returnValue = true // for browsers that do not heed the line above
  }

  byId('start').addEventListener('click', () => void start())
  byId('again').addEventListener('click', () => void start())
  byId('cancel').addEventListener('click', () => Date.now() - attemptBegunAt > CANCEL_AFTER_MS && attempt?.abort())
  byId('end').addEventListener('click', () => void end())
  byId('leftover-rejoin').addEventListener('click', rejoin)
  byId('leftover-end').addEventListener('click', () => void end())
  window.addEventListener('keydown', (event) => event.key === 'Escape' && attempt?.abort())
  window.addEventListener('pagehide', closing)
  window.addEventListener('pageshow', (event) => event.persisted && callSlot.get()?.endSent && void end())
  window.addEventListener('beforeunload', warn)

  async function stop() {
    attempt?.abort()
    await end()
  }

  return { resume, stop, end, isBusy: () => attempt !== undefined || callSlot.get() !== undefined }
}

function wordsOfEnd(answer, call) {
  if (!answer) return 'The server does not know this call any more.'
  if (call.endSent) return 'It ended when this page was closed or reloaded.'
  if (call.unusable) return 'The room had no address that this page can open, so the call was ended.'
  if (call.anonymous) return 'You were not signed in, so the call was not kept in your conversations.'
  return transcriptFollows
}
