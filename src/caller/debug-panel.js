import { announce, build, byId } from './dom.js'
import { prewarm, tracking } from './format.js'

/**
 * Shows what the start answered.
 * @param {import('./api.js').StartAnswer} answer
 * @param {{ temporal_ui_url?: string, temporal_namespace?: string }} settings
 */
export function showDebug(answer, settings) {
  const { debug = {} } = answer
  byId('debug').hidden = false
  byId('debug-list').replaceChildren(
    ...row('Signed in as', debug.jwt_email ?? 'nobody: the call is anonymous'),
    ...row('Model', dotted(prewarm(debug.prewarm))),
    ...row('Tracking', dotted(tracking(debug.db_tracking), 'debug-tracking')),
    ...idRow('Conversation', debug.tavus_conversation_id ?? answer.conversation_id),
    ...idRow('Session', answer.session_id),
    ...idRow('User in the token', debug.jwt_user_id),
    ...idRow('User in the database', debug.system_user_id),
  )
  byId('debug-raw').textContent = JSON.stringify(answer, null, 2)
  showLink(answer.session_id, settings)
}

/** The end knows better than the start whether the call was stored. */
export function showTracking(value) {
  document.getElementById('debug-tracking')?.replaceWith(dotted(tracking(value), 'debug-tracking'))
}

export function hideDebug() {
  byId('debug').hidden = true
}

function row(name, ...value) {
  return [build('dt', {}, name), build('dd', {}, ...value)]
}

function idRow(name, id) {
  if (!id) return row(name, build('span', { class: 'muted' }, 'none'))
  const copy = build('button', { type: 'button', class: 'copy', 'aria-label': `Copy id: ${name}` }, 'Copy')
  const code = build('code', {}, id)
  copy.addEventListener('click', () => void copyText(copy, code))
  return row(name, code, copy)
}

async function copyText(button, code) {
  try {
    await navigator.clipboard.writeText(code.textContent)
    button.textContent = 'Copied'
    setTimeout(() => (button.textContent = 'Copy'), 1500)
    announce('Copied.')
  } catch {
    // The browser keeps the clipboard from us: selected, it is one key away.
    window.getSelection().selectAllChildren(code)
    announce('Selected. Copy it with your keyboard.')
  }
}

function dotted({ text, tone }, id) {
  return build('span', { class: 'toned', id }, build('span', { class: 'dot', 'data-state': tone }), text)
}

function showLink(sessionId, { temporal_ui_url: base, temporal_namespace: namespace = 'default' }) {
  const holder = byId('debug-link')
  holder.hidden = !base
  if (!base) return
  const path = `namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(`session/${sessionId}`)}`
  const href = `${base.replace(/\/+$/, '')}/${path}`
  holder.replaceChildren(
    build('a', { href, target: '_blank', rel: 'noopener noreferrer' }, 'Open the workflow in Temporal'),
  )
}
