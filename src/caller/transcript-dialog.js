import { build, byId, showText } from './dom.js'
import { clock, dateTime, duration } from './format.js'
import { Problem, wordsOf } from './problem.js'

const speakers = { user: 'You', assistant: 'Avatar', tool: 'Tool' }

/**
 * The dialog with what was said; the browser keeps the focus inside, closes it on Escape and gives the focus back.
 * @param {{ transcript: (sessionId: string) => Promise<{ transcript: import('./api.js').Line[] }> }} deps
 */
export function createTranscriptDialog({ transcript }) {
  const dialog = byId('transcript')
  let shown

  byId('transcript-close').addEventListener('click', () => dialog.close())
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close())
  dialog.addEventListener('close', () => (shown = undefined))

  async function textOf(sessionId) {
    try {
      return { lines: (await transcript(sessionId)).transcript ?? [] }
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return { lines: [] }
      return { lines: [], failure: wordsOf(error) }
    }
  }

  /** @param {import('./api.js').Session} session */
  async function open(session) {
    shown = session.session_id
    byId('transcript-facts').textContent = `${dateTime(session.created_at)} · ${duration(session.duration_seconds)}`
    showLines([])
    showText(byId('transcript-note'), 'Loading…')
    dialog.showModal()
    byId('transcript-title').focus()
    const { lines, failure } = await textOf(session.session_id)
    if (shown !== session.session_id) return
    showLines(lines)
    showText(byId('transcript-note'), failure ?? (lines.length === 0 ? emptyWords(session) : undefined))
  }

  return { open }
}

function emptyWords({ status }) {
  return status === 'active'
    ? 'The conversation is still running. Its transcript comes after the end.'
    : 'There is no transcript. It usually arrives within a few minutes of the end.'
}

function showLines(lines) {
  const list = byId('transcript-lines')
  list.hidden = lines.length === 0
  list.replaceChildren(...lines.map(lineOf))
}

function lineOf({ role, content, at, seconds_from_start: seconds }) {
  const time = typeof seconds === 'number' ? clock(seconds) : at ? dateTime(at) : ''
  const speaker = build(
    'p',
    { class: 'speaker' },
    speakers[role] ?? role,
    build('span', { class: 'muted' }, ` ${time}`),
  )
  return build('li', { class: role === 'user' ? 'mine' : 'theirs' }, speaker, build('p', {}, content))
}
