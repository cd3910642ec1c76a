import { announce, build, byId } from './dom.js'
import { duration, hour, reason } from './format.js'
import { showPanel } from './stage.js'

/** Stands below a call that has ended until its transcript is there. */
export const transcriptFollows = 'The transcript follows below, usually within a few minutes.'

/** Shows that the call is being ended; camera and microphone are off already. */
export function showEnding() {
  byId('ended').setAttribute('aria-busy', 'true')
  byId('ended-title').textContent = 'Ending the call…'
  byId('ended-words').textContent = 'Camera and microphone are off.'
  byId('ended-facts').replaceChildren()
  byId('again').hidden = true
  showPanel('ended')
}

/**
 * What became of the call.
 * @param {import('./api.js').EndAnswer | undefined} answer absent when the server knows no such call
 * @param {string} words
 */
export function showSummary(answer, words) {
  byId('ended').setAttribute('aria-busy', 'false')
  byId('ended-title').textContent = 'Call ended'
  byId('ended-words').textContent = words
  byId('ended').dataset.session = answer?.session_id ?? ''
  byId('ended-facts').replaceChildren(...(answer ? facts(answer) : []))
  byId('again').hidden = false
  showPanel('ended')
  announce(answer ? `Call ended after ${duration(answer.duration_seconds)}.` : 'Call ended.')
}

/** The transcript of a call has come, whose summary may still be shown. */
export function showTranscriptThere(sessionId) {
  const words = byId('ended-words')
  if (byId('ended').dataset.session !== sessionId || words.textContent !== transcriptFollows) return
  words.textContent = 'The transcript is in the list below.'
  announce('The transcript is there.')
}

function facts(answer) {
  const { duration_seconds: seconds, ended_at: at } = answer
  return [
    fact('Duration', duration(seconds)),
    fact('Ended by', reason(answer) || 'not known yet'),
    ...(at ? [fact('Ended at', hour(at))] : []),
  ]
}

const fact = (name, value) => build('div', {}, build('dt', {}, name), build('dd', {}, value))
